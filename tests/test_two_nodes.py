"""Two and more real nodes, each a process of its own: what one writes, the other reads, whenever they meet."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import Laptop, Room, asked, room_at, same, until

from identity.errors import CommonsError, Refused
from identity.links import LINK_PREFIX
from node.runtime import now_ms

DAY_MS = 86_400_000


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with room_at(tmp_path) as room:
        yield room


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Laptop]]:
    """Two laptops of one community that stay open for several tests."""
    with room_at(tmp_path_factory.mktemp("pair")) as room:
        yield room.community("Amina", "Bo")


def by_id(laptop: Laptop, id_: str) -> dict[str, Any]:
    found: dict[str, Any] = laptop.call("thread", post=id_)["post"]
    return found


def arrives(laptop: Laptop, id_: str) -> dict[str, Any]:
    """Wait until a post is there."""
    return until(lambda: laptop.posts().get(id_), f"the post at {laptop.name}") or {}


# -- meeting ----------------------------------------------------------------------------------------------------------


def test_what_either_writes_the_other_reads(pair: list[Laptop]) -> None:
    amina, bo = pair

    hello, answer = amina.post("Hello from Amina"), bo.post("Hello from Bo")

    assert arrives(bo, hello)["text"] == "Hello from Amina"
    assert arrives(amina, answer)["text"] == "Hello from Bo"
    same(amina, bo)
    assert amina.call("verify", space="-")["rows"] == bo.call("verify", space="-")["rows"]


def test_a_post_says_how_many_neighbours_hold_it(pair: list[Laptop]) -> None:
    amina, bo = pair

    post = amina.post("Who has this?")
    arrives(bo, post)

    until(lambda: by_id(amina, post)["reached"] == 1, "the post having reached one neighbour")
    until(lambda: by_id(bo, post)["reached"] == 1, "the post saying that it came from there")


def test_an_answer_stands_under_what_it_answers_on_both(pair: list[Laptop]) -> None:
    amina, bo = pair
    question = amina.post("Who brings the seeds?")
    arrives(bo, question)

    bo.post("I do.", parent=question)
    until(lambda: by_id(amina, question)["replies"] == 1, "the answer")

    assert [reply["text"] for reply in amina.call("thread", post=question)["replies"]] == ["I do."]


def test_an_edit_reaches_the_other_and_the_history_shows_both_texts(pair: list[Laptop]) -> None:
    amina, bo = pair
    post = amina.post("We meet on Mondya.")
    arrives(bo, post)

    amina.call("edit", post=post, text="We meet on Monday.")
    until(lambda: by_id(bo, post)["text"] == "We meet on Monday.", "the edit")

    versions = bo.call("post_history", post=post)["versions"]
    assert [version["text"] for version in versions] == ["We meet on Mondya.", "We meet on Monday."]


def test_nobody_edits_or_takes_back_what_somebody_else_wrote(pair: list[Laptop]) -> None:
    amina, bo = pair
    post = amina.post("This is mine.")
    arrives(bo, post)

    with pytest.raises(Refused, match="Only its author can edit a post"):
        bo.call("edit", post=post, text="This is Bo's.")
    with pytest.raises(Refused, match="Only its author can take a post back"):
        bo.call("retract", post=post)


def test_a_retracted_text_is_gone_from_every_file_of_both_folders(pair: list[Laptop]) -> None:
    amina, bo = pair
    post = amina.post("The key lies under the xylophonic flowerpot.")
    amina.call("edit", post=post, text="The key lies under the quixotry doormat.")
    until(lambda: "quixotry" in arrives(bo, post)["text"], "the edit")

    amina.call("retract", post=post)
    until(lambda: by_id(bo, post)["retracted"], "the retraction")
    same(amina, bo)
    for laptop in pair:
        laptop.checkpoint()

    kept = {(laptop.name, word): laptop.holds_bytes(word) for laptop in pair for word in (b"xylophonic", b"quixotry")}
    assert kept == {key: [] for key in kept}
    assert [by_id(laptop, post)["text"] for laptop in pair] == ["", ""]
    assert bo.call("search", words="quixotry")["posts"] == []
    assert bo.call("verify", space="-")["faults"] == []


def test_names_travel_and_a_new_name_does_too(pair: list[Laptop]) -> None:
    amina, bo = pair

    def names(laptop: Laptop) -> list[str]:
        return [person["name"] for person in laptop.call("people", space="-")["people"]]

    until(lambda: names(bo) == ["Amina", "Bo"], "both names")
    bo.call("profile", space="-", name="Bo of the well", about="I keep the well.")

    until(lambda: names(amina) == ["Amina", "Bo of the well"], "the new name")


# -- apart and together again -----------------------------------------------------------------------------------------


def test_what_both_wrote_while_apart_merges_and_a_restart_keeps_it(room: Room) -> None:
    amina, bo = room.community("Amina", "Bo")
    shared = amina.post("Before")
    arrives(bo, shared)
    bo.close()

    for number in range(5):
        amina.post(f"Amina alone {number}")
    amina.close()
    bo.open()
    for number in range(5):
        bo.post(f"Bo alone {number}")
    bo.post("An answer nobody saw yet", parent=shared)
    amina.open().meets(bo)
    digest = same(amina, bo)

    assert amina.texts() == bo.texts() == sorted(
        ["Before", *(f"{who} alone {n}" for who in ("Amina", "Bo") for n in range(5))]
    )  # fmt: skip
    assert by_id(amina, shared)["replies"] == 1
    for laptop in (amina, bo):
        assert laptop.close() == 0
        laptop.open()
        assert laptop.space()["digest"] == digest
        assert len(laptop.texts()) == 11
        assert laptop.call("verify", space="-")["good"]


def test_both_edits_of_a_page_made_apart_survive(room: Room) -> None:
    amina, bo = room.community("Amina", "Bo")
    amina.call("edit_page", space="-", title="Well", body="# The well\n\nWater is free.\n\nAsk Bo.\n")
    until(lambda: bo.call("page", space="-")["body"].endswith("Ask Bo.\n"), "the page")
    amina.close()

    bo.call("edit_page", space="-", title="Well", body="# The well\n\nWater is free.\n\nAsk Bo or Cem.\n")
    bo.close()
    amina.open()
    amina.call("edit_page", space="-", title="Our well", body="# The well\n\nClean water is free.\n\nAsk Bo.\n")
    bo.open().meets(amina)
    same(amina, bo)

    pages = [laptop.call("page", space="-") for laptop in (amina, bo)]
    assert {page["body"] for page in pages} == {"# The well\n\nClean water is free.\n\nAsk Bo or Cem.\n"}
    assert {page["title"] for page in pages} == {"Our well"}
    assert len({entry["person"] for entry in pages[0]["history"]}) == 2


def test_a_page_goes_back_to_an_earlier_version_on_both(pair: list[Laptop]) -> None:
    amina, bo = pair
    amina.call("edit_page", space="-", title="Tools", body="A spade.\n")
    first = amina.call("page", space="-")["history"][-1]["version"]
    amina.call("edit_page", space="-", title="Tools", body="A rake.\n")
    until(lambda: bo.call("page", space="-")["body"] == "A rake.\n", "the second version")

    bo.call("restore_page", space="-", version=first)

    until(lambda: amina.call("page", space="-")["body"] == "A spade.\n", "the first version")


# -- invitations ------------------------------------------------------------------------------------------------------


def test_a_newcomer_waits_with_another_member_until_the_inviter_appears(room: Room) -> None:
    amina, bo = room.community("Amina", "Bo")
    link = amina.invite()
    amina.close()
    (cem,) = room.people("Cem")

    cem.call("join", link=link)
    cem.meets(bo)
    waiting_for = until(lambda: cem.space()["waiting_for"], "who has to let Cem in")
    assert waiting_for == amina_device(bo)
    assert (cem.space()["state"], cem.call("feed", space="-")["posts"]) == ("waiting", [])
    with pytest.raises(Refused, match="You can write here once you have been let in"):
        cem.post("Am I in?")

    amina.open().meets(bo)
    until(cem.is_member, "Cem being let in")
    same(amina, bo, cem)
    post = cem.post("Now I am in.")
    arrives(bo, post)
    until(lambda: bo.posts()[post]["name"] == "Cem", "Cem's name, which Cem's node says once it was let in")


def amina_device(laptop: Laptop) -> str:
    people = laptop.call("people", space="-")["people"]
    device: str = next(person["devices"][0] for person in people if person["name"] == "Amina")
    return device


def test_an_invitation_for_one_lets_in_one(room: Room) -> None:
    (amina,) = room.community("Amina")
    link = amina.invite(uses=1)
    bo, cem = room.people("Bo", "Cem")
    bo.joins(link)

    cem.call("join", link=link)
    until(lambda: cem.space()["turned_away"], "Cem having been turned away")

    assert [entry["state"] for entry in amina.call("invitations", space="-")["invitations"]] == ["used up"]
    assert (cem.space()["state"], amina.space()["members"]) == ("waiting", 2)
    assert cem.space()["turned_away"] == "This invitation was used up."
    assert amina.call("verify", space="-")["good"]


def test_a_withdrawn_invitation_lets_nobody_in(room: Room) -> None:
    (amina,) = room.community("Amina")
    (bo,) = room.people("Bo")
    made = amina.call("invite", space="-", uses=5)
    link = amina.invite(uses=5)
    for entry in amina.call("invitations", space="-")["invitations"]:
        amina.call("withdraw", space="-", key=entry["key"])

    bo.call("join", link=link)
    until(lambda: bo.space()["turned_away"], "Bo having been turned away")

    states = [entry["state"] for entry in amina.call("invitations", space="-")["invitations"]]
    assert states == ["withdrawn", "withdrawn"]
    assert (bo.space()["state"], amina.space()["members"]) == ("waiting", 1)
    assert bo.space()["turned_away"] == "This invitation was withdrawn."
    with pytest.raises(Refused, match="This invitation was withdrawn already"):
        amina.call("withdraw", space="-", key=made["key"])


def two_days_ago() -> int:
    return now_ms() - 2 * DAY_MS


def expired_link(folder: Path) -> str:
    """Return an invitation that was made two days ago, for one day."""
    operations = (("init", {"name": "Amina"}), ("found", {"name": "Garden"}), ("invite", {"space": "-", "days": 1}))
    link: str = asked(folder, *operations, clock_ms=two_days_ago)[-1]["link"]
    return link


def test_an_expired_invitation_says_so(room: Room) -> None:
    link = expired_link(room.folder / "Amina")
    (bo,) = room.people("Bo")

    with pytest.raises(Refused, match=r"this invite expired on .*; ask for a new one"):
        bo.call("join", link=link)

    assert bo.call("spaces")["spaces"] == []


def test_a_slow_clock_of_the_newcomer_does_not_revive_an_expired_invitation(room: Room) -> None:
    link = expired_link(room.folder / "Amina")
    asked(room.folder / "Bo", ("init", {"name": "Bo"}), ("join", {"link": link}), clock_ms=two_days_ago)
    amina, bo = room.laptop("Amina").open(), room.laptop("Bo").open()

    bo.meets(amina)
    until(lambda: bo.space()["turned_away"], "Bo having been turned away")

    assert (bo.space()["state"], amina.space()["members"]) == ("waiting", 1)
    assert bo.space()["turned_away"] == "This invitation has expired."


@pytest.mark.parametrize("damage", [
    lambda link: link[:-7], lambda link: link[:80] + ("A" if link[80] != "A" else "B") + link[81:],
    lambda link: link[:-3] + "xyz", lambda _: LINK_PREFIX + "AAAA", lambda _: LINK_PREFIX,
])  # fmt: skip
def test_an_altered_invitation_says_so(pair: list[Laptop], damage: Callable[[str], str], tmp_path: Path) -> None:
    link = pair[0].invite()

    with pytest.raises(CommonsError, match="invite"):
        asked(tmp_path / "Cem", ("init", {"name": "Cem"}), ("join", {"link": damage(link)}))


def test_a_member_is_told_that_they_are_one(pair: list[Laptop]) -> None:
    amina, bo = pair

    with pytest.raises(Refused, match="You are a member of this space already"):
        bo.call("join", link=amina.invite())
