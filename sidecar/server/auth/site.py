"""The site that a browser believes it talks to, and with it the session cookie it may have. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sidecar.wire.forwarded import is_loopback

_HOST = re.compile(r"([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", re.IGNORECASE | re.ASCII)
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Site:
    """``origin``: as a browser says it, https://sidecar.example.com or http://localhost:8080.

    ``cookie``: the name of the session cookie; None where there may be none, since it would travel in the open.
    """

    origin: str
    cookie: str | None

    @property
    def secure(self) -> bool:
        """Whether the cookie is for https only."""
        return self.origin.startswith("https:")


def site_of(host: str, *, tls: bool, public_url: str) -> Site:
    """From the Host header, whether the connection itself is TLS, and the public address, behind which a proxy may be.

    Over plain http only this machine has sessions. Cookies do not know ports, so their names do: two services on one
    machine must not sign each other out.
    """
    scheme = "https" if tls or _origin("https", host) == _origin_of(public_url) else "http"
    origin = _origin(scheme, host)
    if origin is None:
        return Site(f"{scheme}://", None)
    name, port = _parts(host)
    cookie = "sidecar" if port in (None, _DEFAULT_PORTS[scheme]) else f"sidecar-{port}"
    if scheme == "https":
        return Site(origin, f"__Host-{cookie}")
    return Site(origin, cookie if is_loopback(name.strip("[]")) else None)


def _origin_of(url: str) -> str | None:
    scheme, _, rest = url.partition("://")
    return _origin(scheme.lower(), rest.partition("/")[0])


def _origin(scheme: str, host: str) -> str | None:
    """As a browser writes it: in small letters, without the port that the scheme implies. None for no host."""
    name, port = _parts(host)
    if not name:
        return None
    return f"{scheme}://{name}" if port in (None, _DEFAULT_PORTS.get(scheme)) else f"{scheme}://{name}:{port}"


def _parts(host: str) -> tuple[str, int | None]:
    """Name (IPv6 in brackets) and port of a Host header; no name when it is none."""
    found = _HOST.fullmatch(host)
    return ("", None) if found is None else (found[1].lower(), int(found[2]) if found[2] else None)
