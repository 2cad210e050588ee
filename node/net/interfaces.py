"""The IP addresses of this machine."""

import ipaddress
import socket

import ifaddr

_MDNS_GROUP = bytes((224, 0, 0, 251))


def expand(host: str) -> list[str]:
    """Return the addresses that a listener on `host` can be reached at; loopback only where there is no other."""
    ip = ipaddress.ip_address(host)
    if not ip.is_unspecified:
        return [host]
    found = [other for other in addresses() if ipaddress.ip_address(other).version == ip.version]
    return found or ["127.0.0.1" if ip.version == 4 else "::1"]


def addresses() -> list[str]:
    """Return the addresses of all real interfaces, sorted; neither loopback nor link-local IPv6."""
    found = set()
    for adapter in ifaddr.get_adapters():
        for entry in adapter.ips:
            text = entry.ip if isinstance(entry.ip, str) else entry.ip[0]
            ip = ipaddress.ip_address(text)
            if not (ip.is_loopback or ip.is_unspecified or (ip.version == 6 and ip.is_link_local)):
                found.add(str(ip))
    return sorted(found)


def speaks_multicast(host: str) -> bool:
    """Say whether multicast DNS can be spoken from this address: it is ours now, and its interface takes part."""
    ip = ipaddress.ip_address(host)
    with socket.socket(socket.AF_INET if ip.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
            if ip.version == 4:
                probe.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, _MDNS_GROUP + ip.packed)
        except OSError:
            return False
    return True
