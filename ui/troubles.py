"""What went wrong between laptops, in plain words: the same on the pages, on the command line and in the API.

The words of a library or of a protocol name a fault for whoever mends programs. A member wants to know what it means
for them. The sentences are English here, as they stand in the catalogues.
"""


def _(words: str) -> str:
    """Mark words for the catalogues: who shows them has them translated."""
    return words


UNANSWERED = _("It did not answer at its address.")
ELSEWISE = _("The connection failed.")
_MEANINGS = (  # the first whose part is found tells; parts are in small letters
    (("our own address",), _("This is the address of this laptop.")),
    (("does not say who",), _("Its address is not whole.")),
    (("network is not running", "network is stopping", "network has ended"), _("This laptop is not on the network.")),
    (("no space in common",), _("It is in none of your spaces.")),
    (("talks version",), _("It runs another version of commons. The older one of the two has to be renewed.")),
    (("often enough", "too many"), _("It has enough connections at the moment.")),
    (
        ("peer id", "peer_id", "mismatch", "signature", "prove", "handshake"),
        _("Another laptop answers at its address."),
    ),
    (("does not answer", "does not read", "does not read the answers"), _("It stopped answering.")),
    (("attempts to connect", "nobody answered", "refused", "timed out", "unreachable", "no route"), UNANSWERED),
    (("closed", "reset", "broke", "ended", "was not used", "broken pipe"), _("The connection broke off.")),
    (("the peer", "a peer", "this is not"), _("It sent something that makes no sense, so the connection was closed.")),
)


def plain(error: str) -> str:
    """Return what an error between laptops means, as a sentence in English."""
    said = error.casefold()
    return next((words for parts, words in _MEANINGS if any(part in said for part in parts)), ELSEWISE)


_TURNED_AWAY = (
    (("withdrawn",), _("This invitation was withdrawn.")),
    (("used up",), _("This invitation was used up.")),
    (("expired",), _("This invitation has expired.")),
    (("parent space",), _("Its members also belong to a parent space. Join that one first; then you are let in here.")),
    (("waiting", "knock"), _("Others are being let in by this invitation. It may not be enough for all.")),
)


def turned_away(words: str) -> str:
    """Return why a knock was turned away, in English; a peer's own words are never shown."""
    said = words.casefold()
    meant = (meaning for parts, meaning in _TURNED_AWAY if any(part in said for part in parts))
    return next(meant, _("A laptop of this space turned your knock away."))
