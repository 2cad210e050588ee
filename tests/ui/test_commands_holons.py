"""The commands about spaces within spaces, archives and published logs, as somebody types them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ui.cli import main

Told = tuple[int, str, str]
Run = Callable[..., Told]
COMMANDS = ("tree", "part", "share", "communities", "continue", "carry-over", "archive", "unpack", "publish-log")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on a folder; gives its exit code, what it said and what it complained of."""
    monkeypatch.setenv("COMMONS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("COMMONS_ARCHIVE_PASSPHRASE", "seven quiet otters")

    def run(*command: str, home: str = "home") -> Told:
        capsys.readouterr()
        code = main([*command, "--home", str(tmp_path / home)])
        told = capsys.readouterr()
        return code, told.out, told.err

    assert run("init", "Ana")[0] == 0
    assert run("found", "Town", "--rule", "publish_log=yes", "--rule", "competences=energy,water")[0] == 0
    return run


def said(told: Told) -> str:
    assert (told[0], told[2]) == (0, "")
    return told[1]


def data_of(told: Told) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said(told))
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])

    assert ended.value.code == 0
    assert f"usage: commons {command}" in capsys.readouterr().out


def test_a_part_stands_in_the_tree_and_its_posts_in_the_deep_feed(run: Run) -> None:
    said(run("part", "Street", "--space", "Town"))
    said(run("post", "for the street", "--space", "Street"))
    said(run("post", "for the town", "--space", "Town"))

    lines = said(run("tree")).splitlines()

    assert lines[0] == "Town, 1 person, binds its parts about energy, water"
    assert lines[1] == "  Street, 1 person, 1 of them also above"
    assert "for the street" not in said(run("feed", "--space", "Town"))
    deep = said(run("feed", "--space", "Town", "--deep"))
    assert "Ana in Street" in deep
    assert "Ana in Town" in deep


def test_a_space_is_continued_with_an_invitation_and_posts_are_carried_over(run: Run) -> None:
    said(run("post", "from before", "--space", "Town"))

    data = data_of(run("continue", "Town anew", "--space", "Town", "--invite", "--json"))

    assert data["continues"] == data_of(run("spaces", "--json"))["spaces"][0]["id"]
    assert "commons:join/" in said(run("feed", "--space", "Town"))
    assert "1 posts were carried over" in said(run("carry-over", "--space", "Town anew"))
    assert "0 posts were carried over" in said(run("carry-over", "--space", "Town anew"))
    assert "from before" in said(run("feed", "--space", "Town anew"))


def test_an_archive_makes_another_folder_the_same_person(run: Run, tmp_path: Path) -> None:
    said(run("post", "taken along", "--space", "Town"))
    said(run("archive", str(tmp_path / "town.commons"), "--keys", "identity"))

    told = data_of(run("unpack", str(tmp_path / "town.commons"), "--json", home="other"))

    assert (told["name"], told["state"], told["whole"]) == ("Town", "member", True)
    assert data_of(run("status", "--json", home="other"))["person"] == data_of(run("status", "--json"))["person"]
    assert "taken along" in said(run("feed", home="other"))
    said(run("post", "from the other folder", home="other"))


def test_a_wrong_passphrase_or_another_file_is_refused_in_words(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said(run("archive", str(tmp_path / "town.commons"), "--keys", "identity"))
    monkeypatch.setenv("COMMONS_ARCHIVE_PASSPHRASE", "wrong")
    (tmp_path / "diary").write_text("dear diary")

    wrong = run("unpack", str(tmp_path / "town.commons"), home="other")
    other = run("unpack", str(tmp_path / "diary"), home="other")

    assert (wrong[0], wrong[2]) == (1, "commons: this is not the passphrase\n")
    assert other[0] == 1
    assert "Traceback" not in other[2]


def test_a_published_log_is_checked_without_a_node(run: Run, tmp_path: Path) -> None:
    said(run("publish-log", str(tmp_path / "log.jsonl"), "--space", "Town"))

    found = data_of(run("verify", "--log", str(tmp_path / "log.jsonl"), "--json", home="nowhere"))

    assert (found["good"], found["name"], len(found["members"])) == (True, "Town", 1)
    assert not (tmp_path / "nowhere").exists()
    page = (tmp_path / "log.html").read_text()
    assert "founded the space" in page
    assert found["law"] in page
    raw = (tmp_path / "log.jsonl").read_bytes().replace(b"Town", b"Gown")
    (tmp_path / "log.jsonl").write_bytes(raw)
    code, told, _ = run("verify", "--log", str(tmp_path / "log.jsonl"))
    assert code == 1
    assert "do not rely on it" in told


def test_a_log_that_is_for_members_is_not_published(run: Run, tmp_path: Path) -> None:
    said(run("found", "Secret society"))

    code, _, complaint = run("publish-log", str(tmp_path / "log.jsonl"), "--space", "Secret society")

    assert (code, "for its members" in complaint) == (1, True)


def test_another_community_is_brought_in_by_a_proposal(run: Run) -> None:
    said(run("found", "South"))
    said(run("part", "Hall", "--space", "Town"))

    assert "Proposed" in said(run("share", "South", "--space", "Hall"))

    refused = run("share", "Town", "--space", "Hall")
    assert (refused[0], "shares the space already" in refused[2]) == (1, True)
    assert "member of Town" in said(run("communities", "--space", "Hall"))
