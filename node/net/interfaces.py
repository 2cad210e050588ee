"""The IP addresses of this machine."""

import ipaddress

import ifaddr


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
