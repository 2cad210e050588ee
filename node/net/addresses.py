"""Addresses of nodes as text: multiaddrs over TCP, and peer ids made from device keys.

`/ip4/192.0.2.7/tcp/4001/p2p/12D3KooW…`: a host, a port, and the peer id, which spells the peer's Ed25519 key (libp2p
peer-ids specification: base58 of the identity multihash of the protobuf-wrapped public key).
"""

import ipaddress
import re
from dataclasses import dataclass

import base58

from identity.errors import Malformed
from identity.keys import KEY_BYTES

# multihash identity (0x00), its length 36; then protobuf: key type Ed25519 (08 01), 32 bytes of key (12 20)
_ED25519_PEER_ID = bytes.fromhex("002408011220")
_MAX_TEXT = 400
_MAX_PEER_ID_TEXT = 64
_PORTS = range(65536)
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_DNS = ("dns", "dns4", "dns6")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a node listens: `family` is ip4, ip6, dns, dns4 or dns6; `peer` its 32-byte key where known."""

    family: str
    host: str
    port: int
    peer: bytes | None = None

    def __str__(self) -> str:
        """Write it as a multiaddr."""
        end = "" if self.peer is None else f"/p2p/{peer_id(self.peer)}"
        return f"/{self.family}/{self.host}/tcp/{self.port}{end}"


def peer_id(public: bytes) -> str:
    """Write an Ed25519 public key (32 bytes) as a libp2p peer id, `12D3KooW…`."""
    if len(public) != KEY_BYTES:
        raise Malformed(f"a device key has {KEY_BYTES} bytes, not {len(public)}")
    return str(base58.b58encode(_ED25519_PEER_ID + public), "ascii")


def key_of(text: str) -> bytes:
    """Read the 32-byte Ed25519 public key that a peer id spells.

    Raises:
        Malformed: if it is no peer id of an Ed25519 key.
    """
    if len(text) > _MAX_PEER_ID_TEXT:
        raise Malformed("this peer id is too long")
    try:
        raw = base58.b58decode(text)
    except ValueError as error:
        raise Malformed("this peer id has a letter that base58 does not know") from error
    return key_of_bytes(raw)


def key_of_bytes(raw: bytes) -> bytes:
    """Read the public key from a peer id's bytes.

    Raises:
        Malformed: if it is no peer id of an Ed25519 key.
    """
    start = len(_ED25519_PEER_ID)
    if raw[:start] != _ED25519_PEER_ID or len(raw) != start + KEY_BYTES:
        raise Malformed("this is not the peer id of an Ed25519 key")
    return raw[start:]


def parse(text: str) -> Address:
    """Read `/ip4|ip6|dns|dns4|dns6/HOST/tcp/PORT[/p2p/PEER]`; everything else is refused.

    Raises:
        Malformed: with what is wrong.
    """
    if len(text) > _MAX_TEXT:
        raise Malformed("this address is too long")
    parts = text.split("/")
    if len(parts) not in (5, 7) or parts[0] or parts[3] != "tcp":
        raise Malformed("an address reads /ip4/HOST/tcp/PORT/p2p/PEER")
    family, host = parts[1], _host(parts[1], parts[2])
    if len(parts) == 5:
        return Address(family, host, _port(parts[4]))
    if parts[5] != "p2p":
        raise Malformed("after the port an address names only the peer: /p2p/PEER")
    return Address(family, host, _port(parts[4]), key_of(parts[6]))


def of_ip(host: str, port: int, peer: bytes | None = None) -> Address:
    """Return the address of a numeric host.

    Raises:
        Malformed: if the host is not an IP address.
    """
    try:
        ip = ipaddress.ip_address(host)
    except ValueError as error:
        raise Malformed("this is not an IP address") from error
    return Address(f"ip{ip.version}", str(ip), port, peer)


def _host(family: str, host: str) -> str:
    if family in _DNS:
        if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
            raise Malformed("this is not the name of a host")
        return host.lower()
    if family not in ("ip4", "ip6") or "%" in host:
        raise Malformed("an address starts with /ip4, /ip6 or /dns")
    try:
        return str(ipaddress.IPv4Address(host) if family == "ip4" else ipaddress.IPv6Address(host))
    except ValueError as error:
        raise Malformed(f"this is not an {family} address") from error


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) in _PORTS):
        raise Malformed("a port is a number up to 65535")
    return int(text)
