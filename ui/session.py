"""What proves that a browser or a program was let in by the person at this machine.

Every program and every web page on this machine can reach the node's port, so an address proves nothing. Four proofs
are used, each handed over by a road that others cannot read:

* an **opening key**, good once and for five minutes, lies in a file only this person can read; the browser is sent
  to that file and comes from it to ``/open``;
* a **session**, a signed cookie that ``/open`` gives in exchange; it holds nothing but its age and a random name;
* a **form token**, printed into every page's forms: cookies also travel to other ports of this machine, and pages
  from there could post with them, but they cannot read our pages;
* the **API token**, for programs, in a file only this person can read.

Nothing here is kept between runs but the two secrets, which the caller reads from files; so a restart of the node
asks nobody to open it anew.
"""

import hmac
import os
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path

OPENING_KEY_LIFE_S = 300
MAX_OPENING_KEYS = 16
SESSION_LIFE_S = 30 * 24 * 3600
CLOCK_SLACK_S = 60
SECRET_BYTES = 32
NAME_BYTES = 16

PLAIN_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f-\x9f]*\Z")


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that was let in: its random name and when that was, in seconds since the epoch."""

    name: bytes
    since_s: int


class Gate:
    """Gives out and checks the four proofs; holds no connection and no file."""

    def __init__(self, secret: bytes, api_token: str, clock: Callable[[], float]) -> None:
        """Take the secret that signs cookies, the programs' token, and a clock in seconds since the epoch."""
        if len(secret) < SECRET_BYTES or len(api_token) < SECRET_BYTES:
            raise ValueError("the secret and the API token need at least 32 bytes")
        self._secret = secret
        self._api_token = api_token.encode()
        self._clock = clock
        self._opening_keys: dict[str, float] = {}

    def new_opening_key(self) -> str:
        """Return a key that opens one browser session within five minutes; only the newest few stay valid."""
        key = secrets.token_urlsafe(SECRET_BYTES)
        self._opening_keys[key] = self._clock() + OPENING_KEY_LIFE_S
        for oldest in list(self._opening_keys)[:-MAX_OPENING_KEYS]:
            del self._opening_keys[oldest]
        return key

    def redeem(self, key: str) -> str | None:
        """Return the cookie of a new session in exchange for an opening key, which is then used up."""
        offered = key.encode(errors="replace")
        match = next((known for known in self._opening_keys if hmac.compare_digest(known.encode(), offered)), None)
        if match is None or self._opening_keys.pop(match) < self._clock():
            return None
        return self._cookie(Session(secrets.token_bytes(NAME_BYTES), int(self._clock())))

    def session(self, cookie: str | None) -> Session | None:
        """Return the session that a cookie stands for; None if it is forged, torn, too old or from the future."""
        try:
            raw = urlsafe_b64decode((cookie or "").encode("ascii"))
        except (Base64Error, UnicodeEncodeError, ValueError):
            return None
        session = Session(raw[8 : 8 + NAME_BYTES], int.from_bytes(raw[:8], "big"))
        if not hmac.compare_digest(self._cookie(session).encode(), (cookie or "").encode()):
            return None
        age = self._clock() - session.since_s
        return session if -CLOCK_SLACK_S <= age <= SESSION_LIFE_S else None

    def form_token(self, session: Session) -> str:
        """Return what every form of this session's pages carries."""
        return self._mac(b"form", session.name).hex()

    def form_token_fits(self, session: Session, token: str) -> bool:
        """Tell whether a form came from a page of this session."""
        return hmac.compare_digest(self.form_token(session).encode(), token.encode(errors="replace"))

    def api_token_fits(self, authorization: str) -> bool:
        """Tell whether an Authorization header carries the programs' token."""
        scheme, _, token = authorization.partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(
            self._api_token, token.strip().encode(errors="replace")
        )

    def _mac(self, purpose: bytes, data: bytes) -> bytes:
        return hmac.digest(self._secret, purpose + b"\0" + data, "sha256")

    def _cookie(self, session: Session) -> str:
        data = (session.since_s % 2**64).to_bytes(8, "big") + session.name
        return urlsafe_b64encode(data + self._mac(b"session", data)).decode()


def cookie_name(port: int) -> str:
    """Return the name of a node's cookie: browsers share cookies between ports, so the port is part of it."""
    return f"commons_{port}"


def local_path(wish: str, otherwise: str = "/") -> str:
    """Return a path on this node that a form or a link asked to go to next, or ``otherwise`` if it leads away."""
    return wish if PLAIN_PATH.match(wish) else otherwise


def refresh_page(address: str) -> str:
    """Return the smallest page that sends a browser on.

    A redirect by status would keep the site that the browser came from, and a strict cookie would stay behind;
    a page that was answered with 200 makes the next request this node's own.
    """
    safe = escape(address, quote=True)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Commons</title>'
        f'<meta http-equiv="refresh" content="0;url={safe}"><a href="{safe}">Open commons</a></html>\n'
    )


def write_private(path: Path, text: str) -> None:
    """Write a file that only this person can read, from its first moment on, in one step."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)


def write_opening_file(path: Path, origin: str, key: str) -> None:
    """Write the page that carries an opening key into the browser without showing it to other programs.

    A key in the address that a launcher passes to the browser could be read from the list of processes.
    """
    write_private(path, refresh_page(f"{origin}/open?key={key}"))
