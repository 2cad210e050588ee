"""Addresses and peer ids as text: what is read is written back alike, nonsense is refused."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.errors import Malformed
from identity.keys import SigningKey
from node.net import interfaces
from node.net.addresses import Address, key_of, key_of_bytes, of_ip, parse, peer_id

PEER = "12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5"
KEYS = st.binary(min_size=32, max_size=32)
HOSTS = st.one_of(
    st.tuples(st.just("ip4"), st.ip_addresses(v=4).map(str)),
    st.tuples(st.just("ip6"), st.ip_addresses(v=6).map(str)),
    st.tuples(
        st.sampled_from(["dns", "dns4", "dns6"]), st.from_regex(r"[a-z]{1,9}(\.[a-z]{2,5}){0,3}", fullmatch=True)
    ),
)


@given(HOSTS, st.integers(0, 65535), st.none() | KEYS)
def test_an_address_that_was_written_is_read_alike(host: tuple[str, str], port: int, peer: bytes | None) -> None:
    address = Address(*host, port, peer)

    assert parse(str(address)) == address


@given(KEYS)
def test_a_peer_id_spells_its_key(key: bytes) -> None:
    assert key_of(peer_id(key)) == key


def test_peer_ids_are_those_of_libp2p() -> None:
    from libp2p.crypto.ed25519 import create_new_key_pair
    from libp2p.peer.id import ID

    seed = bytes(range(32))

    assert peer_id(SigningKey(seed).public) == str(ID.from_pubkey(create_new_key_pair(seed).public_key))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "127.0.0.1:4001",
        "/ip4/127.0.0.1",
        "/ip4/127.0.0.1/tcp",
        "/ip4/127.0.0.1/tcp/",
        "/ip4/127.0.0.1/tcp/65536",
        "/ip4/127.0.0.1/tcp/-1",
        "/ip4/127.0.0.1/tcp/٤٠٠١",
        "/ip4/127.0.0.1/udp/4001",
        "/ip4/127.0.0.1/udp/4001/quic-v1",
        "/ip4/127.0.0.1/tcp/4001/ws",
        "/ip4/127.0.0.1/tcp/4001/p2p",
        "/ip4/127.0.0.1/tcp/4001/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",
        f"/ip4/127.0.0.1/tcp/4001/p2p/{PEER}/p2p-circuit/p2p/{PEER}",
        f"/ip4/127.0.0.1/tcp/4001/p2p/{PEER}0",
        f"/ip4/127.0.0.1/tcp/4001/ipfs/{PEER}",
        f"ip4/127.0.0.1/tcp/4001/p2p/{PEER}",
        "/ip4/127.0.0.256/tcp/4001",
        "/ip4/::1/tcp/4001",
        "/ip6/127.0.0.1/tcp/4001",
        "/ip6/fe80::1%eth0/tcp/4001",
        "/dns/-evil-/tcp/4001",
        "/dns//tcp/4001",
        "/dns/a..b/tcp/4001",
        "/dns/host name/tcp/4001",
        "/dnsaddr/bootstrap.example/tcp/4001",
        "/unix/tmp/tcp/4001",
        "/ip4/127.0.0.1/tcp/4001" + "/" * 400,
    ],
)
def test_nonsense_is_no_address(text: str) -> None:
    with pytest.raises(Malformed):
        parse(text)


@given(st.text(max_size=120) | st.from_regex(r"(/(ip4|ip6|dns|tcp|p2p|[^/]{0,9})){0,8}", fullmatch=True))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        address = parse(text)
    except Malformed:
        return
    assert parse(str(address)) == address


@given(st.binary(max_size=60))
def test_other_bytes_are_no_key(raw: bytes) -> None:
    if not raw.startswith(bytes.fromhex("002408011220")) or len(raw) != 38:
        with pytest.raises(Malformed):
            key_of_bytes(raw)


def test_a_key_of_another_length_has_no_peer_id() -> None:
    with pytest.raises(Malformed):
        peer_id(b"short")
    with pytest.raises(Malformed):
        key_of("1" * 200)


def test_a_numeric_host_says_its_family() -> None:
    assert (of_ip("192.0.2.7", 1).family, of_ip("2001:db8::1", 1).family) == ("ip4", "ip6")
    with pytest.raises(Malformed):
        of_ip("example.org", 1)


def test_interfaces_give_addresses_that_others_can_reach() -> None:
    found = [ipaddress.ip_address(text) for text in interfaces.addresses()]

    assert not any(ip.is_loopback or ip.is_unspecified for ip in found)
    assert interfaces.expand("192.0.2.7") == ["192.0.2.7"]
    for everywhere, mark in (("0.0.0.0", "."), ("::", ":")):
        assert [mark in text for text in interfaces.expand(everywhere)].count(True) >= 1
        assert not any(text == everywhere for text in interfaces.expand(everywhere))
