"""The four proofs: opening keys, sessions, form tokens and the API token."""

import stat
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.session import (
    CLOCK_SLACK_S,
    MAX_OPENING_KEYS,
    OPENING_KEY_LIFE_S,
    SESSION_LIFE_S,
    Gate,
    local_path,
    write_opening_file,
    write_private,
)

SECRET = b"s" * 32
API_TOKEN = "t" * 43
NOW = 1_790_000_000.0


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = NOW

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(clock: Clock) -> Gate:
    return Gate(SECRET, API_TOKEN, clock)


def opened(gate: Gate) -> str:
    cookie = gate.redeem(gate.new_opening_key())
    assert cookie is not None
    return cookie


def test_an_opening_key_opens_once(gate: Gate) -> None:
    key = gate.new_opening_key()

    assert gate.redeem(key) is not None
    assert gate.redeem(key) is None


def test_an_opening_key_ends_after_five_minutes(gate: Gate, clock: Clock) -> None:
    key = gate.new_opening_key()

    clock.now_s += OPENING_KEY_LIFE_S + 1

    assert gate.redeem(key) is None


@pytest.mark.parametrize("key", ["", "é", "\ud800", "x" * 100_000, "\x00"])
def test_a_guessed_opening_key_opens_nothing(gate: Gate, key: str) -> None:
    gate.new_opening_key()

    assert gate.redeem(key) is None


def test_only_the_newest_opening_keys_stay(gate: Gate) -> None:
    keys = [gate.new_opening_key() for _ in range(MAX_OPENING_KEYS + 1)]

    assert gate.redeem(keys[0]) is None
    assert gate.redeem(keys[1]) is not None


def test_a_session_outlives_a_restart_of_the_node(gate: Gate, clock: Clock) -> None:
    cookie = opened(gate)

    assert Gate(SECRET, API_TOKEN, clock).session(cookie) == gate.session(cookie) is not None


def test_a_session_ends_after_thirty_days(gate: Gate, clock: Clock) -> None:
    cookie = opened(gate)

    clock.now_s += SESSION_LIFE_S + 1

    assert gate.session(cookie) is None


def test_a_session_from_the_future_is_none(gate: Gate, clock: Clock) -> None:
    cookie = opened(gate)

    clock.now_s -= CLOCK_SLACK_S + 1

    assert gate.session(cookie) is None


def test_a_session_of_another_node_is_none(gate: Gate, clock: Clock) -> None:
    assert Gate(b"o" * 32, API_TOKEN, clock).session(opened(gate)) is None


@given(st.one_of(st.none(), st.text(max_size=200), st.binary(max_size=80).map(lambda b: urlsafe_b64encode(b).decode())))
def test_no_made_up_cookie_is_a_session(cookie: str | None) -> None:
    assert Gate(SECRET, API_TOKEN, lambda: NOW).session(cookie) is None


@given(st.integers(0, 55), st.integers(1, 255))
def test_a_cookie_with_one_byte_changed_is_no_session(place: int, mask: int) -> None:
    gate = Gate(SECRET, API_TOKEN, lambda: NOW)
    raw = bytearray(urlsafe_b64decode(opened(gate)))

    raw[place] ^= mask

    assert gate.session(urlsafe_b64encode(bytes(raw)).decode()) is None


def test_a_cookie_has_one_spelling_only(gate: Gate) -> None:
    cookie = opened(gate)

    assert gate.session(cookie + "\n") is None
    assert gate.session("*" + cookie) is None


def test_a_form_token_belongs_to_its_session(gate: Gate) -> None:
    mine, other = gate.session(opened(gate)), gate.session(opened(gate))
    assert mine is not None
    assert other is not None

    token = gate.form_token(mine)

    assert gate.form_token_fits(mine, token)
    assert not gate.form_token_fits(other, token)
    assert not gate.form_token_fits(mine, "")
    assert not gate.form_token_fits(mine, "\ud800é")


@pytest.mark.parametrize(
    ("header", "fits"),
    [
        (f"Bearer {API_TOKEN}", True),
        (f"bearer  {API_TOKEN} ", True),
        (f"Basic {API_TOKEN}", False),
        (API_TOKEN, False),
        ("Bearer ", False),
        (f"Bearer {API_TOKEN}x", False),
        ("Bearer é\ud800", False),
    ],
)
def test_only_the_whole_api_token_fits(gate: Gate, header: str, fits: bool) -> None:
    assert gate.api_token_fits(header) is fits


def test_short_secrets_are_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Gate(b"short", API_TOKEN, lambda: NOW)


@pytest.mark.parametrize(
    "wish",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "",
        "feed",
        "/a\nb",
        "/a\r\nSet-Cookie: x=1",
        "/a b",
        "/\t/evil",
        "\\/evil",
    ],
)
def test_a_wish_to_go_elsewhere_leads_home(wish: str) -> None:
    assert local_path(wish) == "/"


def test_a_wish_for_an_own_page_is_kept() -> None:
    assert local_path("/spaces/garden?after=12#post-3") == "/spaces/garden?after=12#post-3"


def test_the_opening_file_can_be_read_by_this_person_only(tmp_path: Path) -> None:
    file = tmp_path / "open.html"
    file.write_text("old")
    file.chmod(0o644)

    write_opening_file(file, "http://127.0.0.1:4747", "key")

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert 'content="0;url=http://127.0.0.1:4747/open?key=key"' in file.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["open.html"]


def test_a_private_file_does_not_follow_a_planted_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / "open.html").symlink_to(victim)

    write_private(tmp_path / "open.html", "fresh")

    assert victim.read_text() == "untouched"
    assert not (tmp_path / "open.html").is_symlink()
