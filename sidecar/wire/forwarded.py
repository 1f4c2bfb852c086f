"""Who a request comes from, and how it was asked for, when proxies may stand in between.

``X-Forwarded-*`` are headers like any others: a stranger can send them too. They count only as far as they were added
by a proxy in a network that the operator has named (``SIDECAR_TRUSTED_PROXIES``).
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


def is_trusted(peer: str, networks: Sequence[Network]) -> bool:
    """Whether this address is one of the operator's own proxies."""
    address = _address(peer)
    return address is not None and any(address in network for network in networks)


def client_address(peer: str, forwarded_for: Sequence[str], networks: Sequence[Network]) -> str:
    """The nearest address that no trusted proxy has. ``forwarded_for``: the X-Forwarded-For headers, in order.

    Each proxy adds whom it heard from at the end, so the way back goes from the end, as long as it leads through
    trusted proxies. What stands further left is hearsay. An entry that is no address ends the search.
    """
    client = peer
    for entry in reversed(",".join(forwarded_for).split(",")):
        if not is_trusted(client, networks):
            break
        address = _address(_without_port(entry.strip()))
        if address is None:
            break
        client = str(address)
    return client


def nearest(peer: str, values: Sequence[str], networks: Sequence[Network]) -> str:
    """What the proxy next to us says in X-Forwarded-Proto or -Host; "" when it is none of ours or says nothing."""
    if not is_trusted(peer, networks):
        return ""
    return ",".join(values).rpartition(",")[2].strip()


def is_loopback(host: str) -> bool:
    """Whether this address or name is this very machine's, by its usual names."""
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def household(address: str) -> str | None:
    """What counts as one place for limits: an IPv4 address, or the /64 that an IPv6 subscriber has to himself.

    None for this machine: whoever is on it is no stranger, and a proxy on it speaks for many.
    """
    found = _address(address)
    if found is None:
        return address
    if found.is_loopback:
        return None
    return str(IPv6Network((found, 64), strict=False) if isinstance(found, IPv6Address) else found)


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _without_port(entry: str) -> str:
    """``192.0.2.1:5000`` and ``[2001:db8::1]:5000`` are seen in the wild; a bare IPv6 address stays whole."""
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry
