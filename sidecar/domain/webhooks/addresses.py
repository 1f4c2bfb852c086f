"""Where webhooks may be sent: URLs as people give them, and the addresses behind their names.

A URL is checked when it is given, which helps whoever gives it; what keeps us from being used against our own network
is the check of every address at the moment of connecting (``adapters.webhook_http``), for names change their address.
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)
from urllib.parse import urlsplit

import msgspec

from sidecar.domain.webhooks.endpoints import EndpointRefused

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

URL_LENGTH_MOST = 2_000
# Below 1024 only the web's own ports: the others belong to mail, name and file servers.
WEB_PORTS = (80, 443)
FIRST_FREE_PORT = 1_024

# Not global, whatever the standard library of this Python says (https://www.iana.org/assignments/
# iana-ipv4-special-registry), and Azure's host, a metadata service at a global address
# (https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16).
_FORBIDDEN_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "168.63.129.16/32",
    )
)
# Of IPv6 only this is given out to the public internet, and not all of it.
_GLOBAL_V6 = IPv6Network("2000::/3")
_FORBIDDEN_V6 = tuple(IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "3fff::/20"))
# Addresses that are a way to an IPv4 address: which 32 bits of them.
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_6TO4 = IPv6Network("2002::/16")


class AddressPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator allows beyond https to the public internet. ``networks``: of their own, where receivers are."""

    http: bool = False
    networks: tuple[Network, ...] = ()


def refusal(address: str, allowed: Collection[Network] = ()) -> str:
    """Why nothing is sent to this address, for people; "" when it may be. ``allowed``: networks of our own."""
    try:
        meant = _meant(ip_address(address.partition("%")[0]))
    except ValueError:
        return f"{address} is not an address"
    if any(meant.version == network.version and meant in network for network in allowed):
        return ""
    if isinstance(meant, IPv4Address):
        forbidden = not meant.is_global or any(meant in network for network in _FORBIDDEN_V4)
    else:
        forbidden = not meant.is_global or meant not in _GLOBAL_V6 or any(meant in network for network in _FORBIDDEN_V6)
    return f"{meant} is not a public address" if forbidden else ""


def checked_url(url: str, policy: AddressPolicy) -> str:
    """The URL without blanks around it. EndpointRefused (endpoint_url_invalid, endpoint_url_forbidden) says why not."""
    stripped = url.strip()
    if len(stripped) > URL_LENGTH_MOST or not stripped.isprintable() or " " in stripped or "\\" in stripped:
        raise _invalid(f"It has at most {URL_LENGTH_MOST} printable characters, without blanks.")
    try:
        parts = urlsplit(stripped)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise _invalid("It is not a URL.") from None
    if parts.scheme != "https" and not (policy.http and parts.scheme == "http"):
        raise _invalid("It must begin with https:// (http:// only where SIDECAR_WEBHOOK_ALLOW_HTTP is set).")
    if not host:
        raise _invalid("It names no host.")
    if parts.username is not None or parts.password is not None:
        raise _invalid("It must not carry a user name or password: the signature says who we are.")
    if parts.fragment:
        raise _invalid("It must not have a fragment.")
    if port is not None and port < FIRST_FREE_PORT and port not in WEB_PORTS:
        raise EndpointRefused(
            f"Nothing is sent to port {port}.",
            next_step=f"Use 443, or a port from {FIRST_FREE_PORT} on.",
            code="endpoint_url_forbidden",
        )
    _check_literal(host, policy.networks)
    return stripped


def _check_literal(host: str, allowed: Collection[Network]) -> None:
    """What is visibly an address can be told at once; names are looked up when something is sent."""
    try:
        literal = str(ip_address(host))
    except ValueError:
        return
    if why_not := refusal(literal, allowed):
        raise EndpointRefused(
            f"Nothing is sent there: {why_not}.",
            next_step="An operator may allow networks of your own: SIDECAR_WEBHOOK_ALLOW_NETS.",
            code="endpoint_url_forbidden",
        )


def _meant(address: Address) -> Address:
    """Whom a packet to this address reaches in the end."""
    if isinstance(address, IPv4Address):
        return address
    if address in _MAPPED or address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _6TO4:
        return IPv4Address((int(address) >> 80) & 0xFFFFFFFF)
    return address


def _invalid(why: str) -> EndpointRefused:
    return EndpointRefused(
        f"The URL of a webhook endpoint cannot be used. {why}",
        next_step="Give it as in https://crm.example.com/hooks",
        code="endpoint_url_invalid",
    )
