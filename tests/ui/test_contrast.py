"""Every pair of colours that meets on a page is told apart as WCAG 2.2 AA asks, in both schemes."""

import re

import pytest

from ui.assets import FOLDER

TOKENS = {
    name: (light, dark)
    for name, light, dark in re.findall(
        r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", (FOLDER / "css/tokens.css").read_text()
    )
}
WORDS = [
    *(("ink", on) for on in ("ground", "surface", "surface-2", "action-tint")),
    *(("ink-2", on) for on in ("ground", "surface", "surface-2")),
    *(("link", on) for on in ("ground", "surface", "surface-2")),
    *((ink, on) for ink in ("rail-ink", "rail-ink-2") for on in ("rail", "rail-2")),
    ("rail-on-ink", "rail-on"),
    ("action-ink", "action"),
    ("count-ink", "new"),
    *(("new-ink", on) for on in ("ground", "new-tint")),
    *((kind, on) for kind in ("agree", "object") for on in ("surface", f"{kind}-tint")),
    ("object", "ground"),
    ("ink", "agree-tint"),
    ("ink", "object-tint"),
]
PARTS = [
    *(("line-strong", on) for on in ("ground", "surface", "surface-2")),
    *(("focus", on) for on in ("ground", "surface")),
    *((kind, "surface") for kind in ("agree", "object", "action")),
]


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2)."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "cloth"), WORDS)
def test_words_can_be_read_on_their_ground(ink: str, cloth: str, scheme: int) -> None:
    assert contrast(TOKENS[ink][scheme], TOKENS[cloth][scheme]) >= 4.5


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("part", "cloth"), PARTS)
def test_borders_marks_and_focus_can_be_seen_on_their_ground(part: str, cloth: str, scheme: int) -> None:
    assert contrast(TOKENS[part][scheme], TOKENS[cloth][scheme]) >= 3


def test_nothing_is_dashed_but_what_is_not_sewn_in_yet() -> None:
    sheets = "".join(path.read_text() for path in sorted((FOLDER / "css").glob("*.css")))
    dashed = re.findall(r"([^{}]+)\{[^{}]*(?:dashed|var\(--stitch\))[^{}]*\}", sheets)

    assert {line.strip().splitlines()[-1].strip() for line in dashed} - {":root"} == {
        ".composer",
        ".card.post.waiting",
        ".post.waiting",
        ".nested",
        ".tree ul ul",
        ".branch.deep-1, .branch.deep-2, .branch.deep-3, .branch.deep-4, .branch.deep-5, .branch.deep-6",
    }


def test_the_sheets_use_logical_directions_only() -> None:
    sheets = "".join(path.read_text() for path in sorted((FOLDER / "css").glob("*.css")))

    assert (
        re.findall(
            r"(?:margin|padding|border)-(?:left|right)|text-align: (?:left|right)|[{;]\s*(?:left|right):", sheets
        )
        == []
    )
