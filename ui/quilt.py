"""Quilt blocks: a small patchwork drawing that is always the same for the same public key.

People, spaces and devices are recognised by their block. It is an aid to recognition and no proof: two keys
can look alike, so anything that depends on a key shows the key's words too.

A block is a grid of four by four cells. The digest of the key chooses three dyes and fills one quarter of
the grid; the other quarters are that one turned by a right angle each, as in a pinwheel block. The result
is an SVG with classes only, so that it works under a policy that forbids inline style.
"""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

from markupsafe import Markup, escape

DYES = (
    ("cloth", "indigo", "weld"),
    ("blush", "madder", "cloth"),
    ("lichen", "leaf", "cloth"),
    ("weld", "walnut", "cloth"),
    ("woad", "indigo", "blush"),
    ("cloth", "leaf", "weld"),
    ("blush", "indigo", "madder"),
    ("lichen", "walnut", "weld"),
    ("cloth", "madder", "woad"),
    ("weld", "indigo", "blush"),
    ("woad", "cloth", "madder"),
    ("lichen", "indigo", "cloth"),
)
"""Ground, main and accent dye of each choice; a block of one dye alone cannot come about."""

TRIANGLES = (
    ((0, 0), (1, 0), (0, 1)),
    ((1, 0), (1, 1), (0, 0)),
    ((1, 1), (0, 1), (1, 0)),
    ((0, 1), (0, 0), (1, 1)),
)
"""The half-square triangle of a unit cell in its four turns."""

QUARTER = ((0, 0), (1, 0), (0, 1), (1, 1))
STRIP_LENGTH = 24
"""So many patches fill a space's strip: two rows of twelve."""

BARE, SQUARE = 0, 1
KINDS = 5


def _turned(x: int, y: int, turns: int) -> tuple[int, int]:
    """Return a cell of the four by four grid after some quarter turns clockwise."""
    for _ in range(turns):
        x, y = 3 - y, x
    return x, y


def _triangle(x: int, y: int, turn: int) -> str:
    corners = [f"{x + dx} {y + dy}" for dx, dy in TRIANGLES[turn % 4]]
    return "M" + "L".join(corners) + "z"


def _paths(digest: bytes) -> dict[str, str]:
    """Return the path data of each dye that lies on the ground, in the order of drawing."""
    _, main, accent = DYES[digest[0] % len(DYES)]
    never_bare = digest[15] % 4  # so that no block is empty
    paths: dict[str, str] = {}
    for place, (x, y) in enumerate(QUARTER):
        kind = digest[1 + place] % KINDS
        if kind == BARE and place != never_bare:
            continue
        dye = (main, main, accent)[digest[5 + place] % 3]
        for turns in range(4):
            cx, cy = _turned(x, y, turns)
            shape = f"M{cx} {cy}h1v1h-1z" if kind == SQUARE else _triangle(cx, cy, digest[9 + place] + turns)
            paths[dye] = paths.get(dye, "") + shape
    return paths


@lru_cache(maxsize=512)
def quilt(key: bytes | str, name: str = "", size: str = "") -> Markup:
    """Return the SVG block of a public key.

    A text is taken by its UTF-8 bytes: use one form of a key (``did:key:…``) everywhere, or its block
    changes. With a name the block is announced by that name; without one it is decoration, because the name
    stands beside it. ``size`` is "", "small" or "large", a class of the style sheet.
    """
    digest = blake2b(key.encode() if isinstance(key, str) else key, digest_size=16, person=b"quilt/1").digest()
    ground = DYES[digest[0] % len(DYES)][0]
    shapes = "".join(f'<path class="dye-{dye}" d="{path}"/>' for dye, path in _paths(digest).items())
    voice = f'role="img" aria-label="{escape(name)}"' if name else 'aria-hidden="true"'
    return Markup(  # noqa: S704 - built from constants above and one escaped name
        f'<svg class="{escape(f"quilt {size}".strip())}" viewBox="0 0 4 4" {voice} focusable="false">'
        f'<path class="dye-{ground}" d="M0 0h4v4H0z"/>{shapes}</svg>'
    )


def strip(keys: Iterable[bytes | str], length: int = STRIP_LENGTH) -> Markup:
    """Return a space's header: the blocks of its first members sewn together, twelve to a row.

    A small space repeats its members' blocks until the first row is full, so that no header looks torn.
    """
    members = list(keys)[:length]
    if not members:
        return Markup("")
    row = length // 2
    wanted = row if len(members) <= row else length
    patches = [members[place % len(members)] for place in range(wanted)]
    return Markup('<div class="strip" aria-hidden="true">{}</div>').format(Markup("").join(map(quilt, patches)))
