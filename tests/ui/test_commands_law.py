"""The commands about belonging and deciding: a newcomer's first steps, people by name, and refusals in words."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from identity.errors import Refused
from node.domain.law.charter import RULES
from ui.cli import main
from ui.commands_law import read_value

Told = tuple[int, str, str]
Run = Callable[..., Told]
COMMANDS = (
    "templates", "charter", "powers", "roles", "propose", "proposals", "support", "vote", "remove", "knocks", "vouch",
    "pause", "leave", "devices", "recovery",
)  # fmt: skip
SOMEBODY = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on one folder; gives its exit code, what it said and what it complained of."""
    monkeypatch.setenv("COMMONS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("COMMONS_PASSPHRASE", raising=False)

    def run(*command: str) -> Told:
        capsys.readouterr()
        code = main([*command, "--home", str(tmp_path / "home")])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


@pytest.fixture
def garden(run: Run) -> Run:
    """A folder with a person and a space under short times."""
    run("init", "Ana")
    code, _, _ = run("found", "Garden", "--template", "cooperative", "--rule", "voting_days=0", "--rule", "sponsors=1")
    assert code == 0
    return run


def data_of(told: Told) -> dict[str, Any]:
    """Return what a command said in JSON."""
    assert (told[0], told[2]) == (0, "")
    found: dict[str, Any] = json.loads(told[1])
    return found


def refusal(told: Told) -> str:
    """Return the sentence with which a command was refused."""
    code, out, complaint = told
    assert (code, out, "Traceback" in complaint) == (1, "", False)
    return complaint.removeprefix("commons: ").strip()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_law_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])

    told = capsys.readouterr().out
    assert ended.value.code == 0
    assert all(word in told for word in (f"usage: commons {command}", "--json", "--home"))


# -- rules -----------------------------------------------------------------------------------------------------------


def test_a_space_is_founded_under_a_template_with_rules_that_differ(run: Run) -> None:
    run("init", "Ana")
    founded = run("found", "Bakery", "--template", "cooperative", "--rule", "vouchers=3", "--rule", "quorum=1/3")
    rules = {rule["name"]: rule["value"] for rule in data_of(run("charter", "--json"))["rules"]}

    assert founded[0] == 0
    assert (rules["admission"], rules["vouchers"], rules["quorum"]) == ("vouch", 3, [1, 3])
    assert "3 members have to vouch, or all, while there are fewer." in run("charter")[1]
    assert "1 of these seal together: Ana" in run("charter")[1]


def test_the_templates_are_told_rule_by_rule(run: Run) -> None:
    told = run("templates")[1]

    assert all(word in told for word in ("circle", "neighbourhood", "cooperative", "network", *RULES))
    assert "vouchers: a whole number from 1 to 20" in told


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (("--template", "empire"), "There is no such template"),
        (("--rule", "vouchers"), "NAME=VALUE"),
        (("--rule", "=3"), "NAME=VALUE"),
        (("--rule", "kings=1"), "There is no rule 'kings'"),
        (("--rule", "vouchers=21"), "The rule vouchers is a whole number from 1 to 20."),
        (("--rule", "vouchers=-1"), "The rule vouchers is a whole number from 1 to 20."),
        (("--rule", "vouchers=²"), "The rule vouchers is a whole number from 1 to 20."),
        (("--rule", f"vouchers={'9' * 5_000}"), "The rule vouchers is a whole number from 1 to 20."),
        (("--rule", "quorum=3/2"), "The rule quorum is a share"),
        (("--rule", "quorum=/"), "The rule quorum is a share"),
        (("--rule", "publish_log=perhaps"), "The rule publish_log is yes or no."),
        (("--rule", "parents=zz"), "this is not the id of a space"),
        (("--rule", "competences=warfare"), "The rule competences is some of"),
    ],
)
def test_a_rule_that_cannot_be_so_is_refused_in_words(wish: tuple[str, ...], words: str, run: Run) -> None:
    run("init", "Ana")

    told = refusal(run("found", "Garden", *wish))

    assert words in told
    assert data_of(run("spaces", "--json"))["spaces"] == []


def test_values_are_read_as_people_write_them() -> None:
    read = [
        read_value(*pair)
        for pair in (("publish_log", "Yes"), ("quorum", "half"), ("threshold", "2/3"), ("competences", "food, water"))
    ]

    assert read == [True, [1, 2], [2, 3], ["food", "water"]]
    with pytest.raises(Refused, match="There is no rule"):
        read_value("kings", "1")


def test_powers_and_roles_are_told_by_name(garden: Run) -> None:
    assert "✓ Write posts and answers: every member" in garden("powers")[1]
    assert garden("roles")[1].startswith("Ana: ")
    holder = data_of(garden("roles", "--json"))["roles"][0]
    assert {role["role"] for role in holder["roles"]} == {"steward", "moderator", "welcomer", "auditor"}


# -- deciding ----------------------------------------------------------------------------------------------------------


def test_a_rule_is_proposed_voted_on_and_shown(garden: Run) -> None:
    proposed = garden("propose", "--rule", "quorum", "half", "--why", "So that *more* of us decide.", "--days", "1")
    listed = data_of(garden("proposals", "--json"))["proposals"]
    id_ = listed[0]["id"]
    voted = garden("vote", id_[:6], "yes")
    shown = data_of(garden("proposals", id_[:6], "--json"))

    assert "The rule quorum: A decision needs ballots of at least half of the members." in proposed[1]
    assert "commons vote" in proposed[1]
    assert (voted[0], "1 of 1 have voted; you: yes" in voted[1]) == (0, True)
    assert (shown["state"], shown["mine"], shown["text"]) == ("voting", "yes", "So that *more* of us decide.")
    assert data_of(garden("feed", "--json"))["posts"][0]["id"] == shown["post"]
    assert "So that *more*" in garden("proposals", id_)[1]
    assert "support this already" in refusal(garden("support", id_[:8]))


def test_roles_auditors_and_people_are_named_as_they_are_called(garden: Run) -> None:
    told = data_of(garden(
        "propose", "--role", "ana", "treasurer", "30", "--role", "me", "steward", "20", "kitchen",
        "--end-role", "Ana", "moderator", "--resume", "Ana", "--auditors", "Ana", "--needed", "1", "--json",
    ))  # fmt: skip

    assert [effect[0] for effect in told["effects"]] == ["role", "role", "unrole", "resume", "auditors"]
    assert told["words"][0].startswith("Ana is treasurer until 20")
    assert told["words"][1].startswith("Ana is steward for kitchen until 20")
    assert told["words"][2:] == [
        "Ana is no longer moderator.",
        "Ana may post again.",
        "1 of these audit together: Ana.",
    ]


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ((), "Say what to propose"),
        (("--remove", "Nobody"), "Nobody here is called Nobody."),
        (("--remove", ""), "Say whom: a name, or a did:key."),
        (("--remove", "did:key:zz"), "This is not a did:key."),
        (("--remove", SOMEBODY), "not a member"),
        (("--remove", "Ana"), "an auditor is removed together with a hand-over"),
        (("--role", "Ana", "treasurer"), "Say a role as PERSON ROLE DAYS"),
        (("--role", "Ana", "treasurer", "soon"), "Say a role as PERSON ROLE DAYS"),
        (("--role", "Ana", "treasurer", "4000"), "term"),
        (("--role", "Ana", "treasurer", "9" * 400), "term"),
        (("--role", "Ana", "free text", "30"), "letters and hyphens"),
        (("--rule", "vouchers", "many"), "The rule vouchers is a whole number from 1 to 20."),
        (("--auditors", "Ana", "--needed", "2"), "more than half"),
        (("--auditors", ","), "Name 1 to 64 auditors."),
        (("--auditors", ",".join(["Ana"] * 65)), "Name 1 to 64 auditors."),
        (("--auditors", "Ana,Ana"), "different people"),
        (("--auditors", SOMEBODY), "auditor is a member"),
        (("--needed", "1"), "with --auditors"),
        (("--rule", "quorum", "half", "--days", "99999999999"), "deadline"),
        (("--rule", "quorum", "half", "--why", "x" * 50_001), "50"),
    ],
)
def test_what_cannot_be_proposed_is_refused_in_words(wish: tuple[str, ...], words: str, garden: Run) -> None:
    before = data_of(garden("spaces", "--json"))["spaces"][0]["changes"]

    told = refusal(garden("propose", *wish))

    assert words in told
    assert data_of(garden("spaces", "--json"))["spaces"][0]["changes"] == before


@pytest.mark.parametrize(
    "command", [("support", "zzzz"), ("vote", "00" * 32, "yes"), ("proposals", "ab"), ("vouch", "")]
)
def test_an_id_that_names_nothing_is_refused(command: tuple[str, ...], garden: Run) -> None:
    assert refusal(garden(*command))


# -- belonging ---------------------------------------------------------------------------------------------------------


def test_leaving_asks_once_and_then_happens(garden: Run) -> None:
    asked = refusal(garden("leave"))
    left = garden("leave", "--yes")

    assert "commons export" in asked
    assert (left[0], "You have left Garden" in left[1]) == (0, True)
    assert data_of(garden("spaces", "--json"))["spaces"][0]["state"] == "left"


def test_devices_are_listed_and_the_one_in_use_is_not_ended(garden: Run) -> None:
    (device,) = data_of(garden("devices", "--json"))["devices"]

    assert (device["state"], device["is_this"], device["audits"]) == ("in use", True, True)
    assert "this one" in garden("devices")[1]
    assert "your only device" in refusal(garden("devices", "--revoke", device["device"]))
    assert "no such device" in refusal(garden("devices", "--revoke", SOMEBODY))
    assert "not a did:key" in refusal(garden("devices", "--revoke", "laptop"))


def test_nobody_waits_and_nobody_is_removed_alone(garden: Run) -> None:
    assert "Nobody waits" in garden("knocks")[1]
    assert "an auditor is removed together" in refusal(garden("remove", "Ana"))
    assert garden("pause", "Ana")[0] in (0, 1)
    assert "Nobody here is called Bo." in refusal(garden("pause", "Bo"))


def test_recovery_is_explained_and_refused_in_words(garden: Run) -> None:
    assert "You trust nobody with your key yet." in garden("recovery")[1]
    assert "Trust others" in refusal(garden("recovery", "--trust", "Ana"))
    assert "Nobody here is called Bo." in refusal(garden("recovery", "--trust", "Bo,Ana"))
    assert "Call them" in refusal(garden("recovery", "--give", "3f2a"))
    assert "no such asking" in refusal(garden("recovery", "--give", "3f2a", "--code", "1"))
    assert "already" in refusal(garden("recovery", "--ask", "Ana"))
    assert "not shared" in refusal(garden("recovery", "--finish", "Ana"))
    assert "no such asking" in refusal(garden("recovery", "--decline", "3f2a"))
    assert "Say one of" in refusal(garden("recovery", "--ask", "Ana", "--finish", "Ana"))
    assert "Say one of" in refusal(garden("recovery", "--decline", "3f2a", "--give", "3f2a"))


def test_a_device_with_a_place_takes_no_other(garden: Run) -> None:
    (device,) = data_of(garden("devices", "--json"))["devices"]

    assert "no such device" in refusal(garden("devices", "--replace", device["device"]))
    assert "no such device" in refusal(garden("devices", "--replace", SOMEBODY))
