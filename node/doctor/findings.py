"""What the doctor finds: each names the fault and the way out."""

from dataclasses import dataclass
from typing import Literal

State = Literal["good", "fault", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `words` say how it is, `way_out` what to do where it is not good."""

    about: str
    state: State
    words: str
    way_out: str = ""


def good(about: str, words: str) -> Finding:
    """Return a finding that nothing is wrong."""
    return Finding(about, "good", words)


def fault(about: str, words: str, way_out: str) -> Finding:
    """Return a finding that something is wrong."""
    return Finding(about, "fault", words, way_out)


def unknown(about: str, words: str, way_out: str) -> Finding:
    """Return a finding that something could not be looked at; the way out says how it can be."""
    return Finding(about, "unknown", words, way_out)
