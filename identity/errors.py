"""The tree of errors: the class answers who must act.

CommonsError
├── Refused                     the member: words shown as they stand
├── Malformed, BadSignature     the sender: drop and count
├── ProtocolError
│   ├── LocalProtocolError      us: a bug; log, end the session
│   └── RemoteProtocolError     them: drop the peer, back off
├── StoreError, NetworkError    the machine: retry or stop
└── ConfigError                 the operator: which key, and why
"""


class CommonsError(Exception):
    """Root of every error that the node raises on purpose."""


class Refused(CommonsError):
    """A command or a secret was refused; the words are for the member."""


class Malformed(CommonsError):
    """Bytes are not what they claim to be; their sender is at fault."""


class BadSignature(CommonsError):
    """A signature does not fit; its sender is at fault."""


class ProtocolError(CommonsError):
    """A session went wrong."""


class LocalProtocolError(ProtocolError):
    """This node broke the protocol: a bug."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol: drop it and back off."""


class StoreError(CommonsError):
    """The folder cannot be read or written; the words name the way out."""


class NetworkError(CommonsError):
    """The network failed; trying again may help."""


class ConfigError(CommonsError):
    """A setting is wrong; the words name it."""
