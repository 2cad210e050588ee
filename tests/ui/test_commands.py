"""Every command of the CLI: what it answers, in words and in JSON, and what it says to nonsense."""

import json
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from processes import ROOT

from identity.keyring import open_keyring
from identity.phrase import write_phrase
from ui.cli import build_parser, main

Told = tuple[int, str, str]
Run = Callable[..., Told]
COMMANDS = (
    "run", "init", "found", "spaces", "invite", "join", "post", "feed", "import", "export", "peers", "status",
    "verify", "rebuild", "doctor", "config", "restore", "bench", "test",
)  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COMMONS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("COMMONS_PASSPHRASE", raising=False)
    return tmp_path / "home"


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on the folder in this process; gives its exit code, what it said and what it complained of."""

    def run(*command: str) -> Told:
        capsys.readouterr()
        code = main([*command, "--home", str(home)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def data_of(told: Told) -> dict[str, Any]:
    """Return what a command said in JSON: exactly one object, and nothing else."""
    found: dict[str, Any] = json.loads(told[1])
    assert told[2] == ""
    return found


@pytest.fixture
def garden(run: Run) -> Run:
    """A folder with a person and a space."""
    assert run("init", "Ana")[0] == 0
    assert run("found", "Garden")[0] == 0
    return run


def lines_file(folder: Path, count: int) -> Path:
    path = folder / "posts.jsonl"
    path.write_text("".join(json.dumps({"text": f"Post {n}", "published": n}) + "\n" for n in range(count)))
    return path


# -- help ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])

    told = capsys.readouterr().out
    assert ended.value.code == 0
    assert told.startswith(f"usage: commons {command}")
    assert all(word in told for word in ("--json", "--home"))


def test_the_list_of_commands_is_whole() -> None:
    told = build_parser().format_help()

    assert [command for command in COMMANDS if f"    {command} " not in told] == []


@pytest.mark.parametrize("nonsense", [["fly"], ["post"], ["invite", "--uses", "many"], ["spaces", "--colour"]])
def test_what_is_no_command_gives_2_and_a_usage(nonsense: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(nonsense)

    assert ended.value.code == 2
    assert "usage: commons" in capsys.readouterr().err


def test_the_version_is_the_one_the_project_declares(capsys: pytest.CaptureFixture[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    with pytest.raises(SystemExit) as ended:
        main(["--version"])

    assert ended.value.code == 0
    assert capsys.readouterr().out == f"commons {project['version']}\n"


def test_help_answers_at_once() -> None:
    def seconds() -> float:
        start = time.monotonic()
        subprocess.run([sys.executable, "-m", "ui.cli", "--help"], check=True, cwd=ROOT, capture_output=True)
        return time.monotonic() - start

    assert min(seconds() for _ in range(5)) < 0.5  # 0.2 s on a machine that does nothing else


# -- a person and a space --------------------------------------------------------------------------------------------


def test_nobody_there_names_the_first_step(run: Run) -> None:
    for command in (["spaces"], ["found", "Garden"], ["post", "Hello"], ["feed"], ["verify"], ["rebuild"], ["peers"]):
        code, _, complaint = run(*command)
        assert (code, "commons init" in complaint) == (1, True)
    assert run("status")[0] == 0


def test_saying_a_name_makes_keys_once(run: Run, home: Path) -> None:
    first = run("init", "  Ana   María ", "--json")
    second = run("init", "Bo", "--json")

    assert data_of(first)["name"] == "Ana María"
    assert (second[0], data_of(second)["kind"]) == (1, "Refused")
    assert open_keyring(home).keys.root is not None


@pytest.mark.parametrize("name", ["", "   ", "x" * 61])
def test_a_name_that_is_none_is_refused(name: str, run: Run, home: Path) -> None:
    code, _, complaint = run("init", name)

    assert (code, complaint.startswith("commons: ")) == (1, True)
    assert not (home / "keys.json").exists()


def test_a_space_is_founded_and_listed(garden: Run) -> None:
    listed = data_of(garden("spaces", "--json"))["spaces"]

    assert [(space["name"], space["members"], space["state"]) for space in listed] == [("Garden", 1, "member")]
    assert "Garden  1 person" in garden("spaces")[1]
    assert garden("found", "   ")[0] == 1
    assert garden("found", "x" * 81)[0] == 1


def test_an_invitation_is_made_listed_and_withdrawn(garden: Run) -> None:
    made = data_of(garden("invite", "--uses", "3", "--days", "2", "--json"))
    listed = data_of(garden("invite", "--list", "--json"))["invitations"]
    gone = garden("invite", "--withdraw", made["key"])
    after = data_of(garden("invite", "--list", "--json"))["invitations"]

    assert made["link"].startswith("commons:join/")
    assert [(ticket["uses"], ticket["state"]) for ticket in listed] == [(3, "open")]
    assert gone[0] == 0
    assert [ticket["state"] for ticket in after] == ["withdrawn"]
    for wrong in (["--uses", "0"], ["--days", "0"], ["--days", "400"], ["--withdraw", "zz"], ["--space", "None"]):
        assert garden("invite", *wrong)[0] == 1


@pytest.mark.parametrize("link", ["", "commons:join/", "commons:join/AAAA", "https://x.example", "x" * 10_000])
def test_a_link_that_is_none_is_refused(link: str, garden: Run) -> None:
    code, _, complaint = garden("join", link)

    assert (code, "Traceback" in complaint) == (1, False)


def test_ones_own_invitation_is_refused(garden: Run) -> None:
    link = data_of(garden("invite", "--json"))["link"]

    assert "member" in garden("join", link)[2]


def test_a_post_is_written_answered_read_and_found(garden: Run) -> None:
    first = data_of(garden("post", "Hello *all*", "--json"))["id"]
    answer = data_of(garden("post", "Welcome", "--reply-to", first, "--json"))["id"]

    shown = data_of(garden("feed", "--json"))["posts"]
    found = data_of(garden("feed", "--search", "welcome", "--json"))["posts"]
    assert [(post["id"], post["replies"]) for post in shown] == [(first, 1)]
    assert [(post["id"], post["parent"]) for post in found] == [(answer, first)]
    assert "[1 replies]" in garden("feed")[1]
    for wrong in (["  "], ["x" * 50_001], ["Hi", "--reply-to", "zz"], ["Hi", "--reply-to", "00" * 32]):
        assert garden("post", *wrong)[0] == 1


def test_a_post_comes_from_a_pipe(garden: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr(sys, "stdin", io.StringIO("From a pipe\nin two lines"))

    assert garden("post", "-")[0] == 0
    assert data_of(garden("feed", "--json"))["posts"][0]["text"] == "From a pipe\nin two lines"


def test_two_spaces_have_to_be_told_apart(garden: Run) -> None:
    garden("found", "Orchard")

    code, _, complaint = garden("post", "Where?")

    assert (code, "Garden" in complaint, "Orchard" in complaint) == (1, True, True)
    assert garden("post", "Here", "--space", "Orchard")[0] == 0


def test_neighbours_are_listed_and_told_of(garden: Run) -> None:
    assert data_of(garden("peers", "--json")) == {"peers": []}
    assert "No neighbours" in garden("peers")[1]


# -- upkeep ----------------------------------------------------------------------------------------------------------


def test_status_verify_and_rebuild_agree(garden: Run) -> None:
    garden("post", "Hello")
    status = data_of(garden("status", "--json"))
    verified = data_of(garden("verify", "--json"))
    rebuilt = data_of(garden("rebuild", "--json"))

    assert (status["name"], status["ready"]) == ("Ana", True)
    assert (verified["good"], verified["faults"]) == (True, [])
    assert status["spaces"][0]["digest"] == verified["digest"]
    assert (rebuilt["same"], rebuilt["rows"]) == (True, verified["rows"])
    assert "Everything fits." in garden("verify")[1]


def test_settings_are_shown_changed_and_checked(run: Run, home: Path) -> None:
    changed = run("config", "web_port=9000", "discovery=false", "--json")

    assert (data_of(changed)["web_port"], data_of(changed)["discovery"]) == (9000, False)
    assert "web_port = 9000" in run("config")[1]
    for wrong in ("web_port=-1", "web_port=x", "colour=red", "web_port", "=", "undo_s=1e9", "listen=nowhere"):
        assert run("config", wrong)[0] == 1
    assert data_of(run("config", "--json"))["web_port"] == 9000
    (home / "config.toml").write_text("web_port = ")
    assert run("config")[0] == 1


def test_the_past_is_imported_and_exported(garden: Run, tmp_path: Path) -> None:
    path = lines_file(tmp_path, 30)

    first = data_of(garden("import", str(path), "--json"))
    again = garden("import", str(path))
    out = data_of(garden("export", str(tmp_path / "out.jsonl"), "--raw", "--json"))

    assert first == {
        "imported": 30, "already": 0, "skipped": {}, "media": 0, "media_missing": 0, "media_refused": {},
    }  # fmt: skip
    assert again[1].startswith("0 posts were brought in; 30 were here already.")
    assert (out["posts"], out["people"], out["changes"]) == (30, 1, 32)
    assert garden("export", str(tmp_path / "out.jsonl"))[0] == 0


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04", b"\x1f\x8b\x08", b'{"text": "no date"', b"\0" * 600])
def test_a_file_that_is_no_archive_is_refused_in_words(content: bytes | None, garden: Run, tmp_path: Path) -> None:
    path = tmp_path / "past.bin"
    if content is not None:
        path.write_bytes(content)

    code, _, complaint = garden("import", str(path))

    assert (code, complaint.startswith("commons: "), "Traceback" in complaint) == (1, True, False)
    assert garden("import", str(tmp_path), "--json")[0] == 1
    assert garden("import", str(path), "--space", "None")[0] == 1


def test_an_export_overwrites_nobodys_work(garden: Run, tmp_path: Path) -> None:
    mine = tmp_path / "thesis.txt"
    mine.write_text("years of work")

    code, _, complaint = garden("export", str(mine))

    assert (code, "not overwritten" in complaint, mine.read_text()) == (1, True, "years of work")
    assert garden("export", str(tmp_path / "no" / "where.jsonl"))[0] == 1


# -- keys ------------------------------------------------------------------------------------------------------------


def test_keys_come_back_from_their_backup(garden: Run, home: Path) -> None:
    before = (home / "keys.json").read_bytes()
    (home / "keys.json").write_bytes(b"not keys")

    assert "commons restore --backup" in garden("status")[2]
    assert garden("restore", "--backup")[0] == 0
    assert ((home / "keys.json").read_bytes(), (home / "keys.damaged").read_bytes()) == (before, b"not keys")
    assert garden("post", "I am back")[0] == 0


def test_a_sealed_folder_opens_with_its_passphrase_only(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMONS_PASSPHRASE", "open sesame")
    run("init", "Ana", "--passphrase")

    assert run("found", "Garden")[0] == 0
    assert run("post", "Hello")[0] == 0
    monkeypatch.setenv("COMMONS_PASSPHRASE", "wrong")
    code, _, complaint = run("feed")
    assert (code, "passphrase" in complaint) == (1, True)


def test_a_sealed_backup_needs_its_passphrase(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMONS_PASSPHRASE", "open sesame")
    run("init", "Ana", "--passphrase")
    (home / "keys.json").unlink()

    monkeypatch.setenv("COMMONS_PASSPHRASE", "wrong")
    assert run("restore", "--backup")[0] == 1
    assert not (home / "keys.json").exists()
    monkeypatch.setenv("COMMONS_PASSPHRASE", "open sesame")
    assert run("restore", "--backup")[0] == 0


def test_the_phrase_makes_a_new_device_of_the_same_person(
    garden: Run, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = open_keyring(home).keys
    assert keys.root is not None
    monkeypatch.setenv("COMMONS_PHRASE", write_phrase(keys.root.seed))
    capsys.readouterr()

    code = main(["restore", "--phrase", "--name", "Ana", "--home", str(tmp_path / "new"), "--json"])

    capsys.readouterr()
    fresh = open_keyring(tmp_path / "new").keys
    assert (code, fresh.person == keys.person, fresh.device.public == keys.device.public) == (0, True, False)
    assert main(["status", "--home", str(tmp_path / "new"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "Ana"
    assert garden("restore", "--phrase")[0] == 1  # whole keys are not overwritten


def test_the_phrase_puts_damaged_keys_and_what_only_they_opened_aside(
    garden: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = open_keyring(home).keys.root
    assert root is not None
    for name in ("keys.json", "keys.backup"):
        (home / name).write_bytes(b"{")
    monkeypatch.setenv("COMMONS_PHRASE", write_phrase(root.seed))

    told = garden("restore", "--phrase", "--json")

    assert told[0] == 0
    aside = sorted(Path(path).name.split(".before-")[0] for path in data_of(told)["aside"])
    assert {"commons.db", "keys.backup", "keys.json"} <= set(aside)
    assert data_of(garden("status", "--json"))["spaces"] == []


@pytest.mark.parametrize("phrase", ["abandon", "abandon " * 24, "zzzz " * 24, "x" * 9000])
def test_a_wrong_phrase_makes_nothing(phrase: str, run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMONS_PHRASE", phrase)

    code, _, complaint = run("restore", "--phrase")

    assert (code, phrase.strip() in complaint, (home / "keys.json").exists()) == (1, False, False)


@pytest.mark.parametrize("wish", [[], ["--backup", "--phrase"], ["--backup"]])
def test_restoring_from_nowhere_is_refused(wish: list[str], run: Run) -> None:
    assert run("restore", *wish)[0] == 1
