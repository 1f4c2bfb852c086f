"""Where the demo is to be reached: from itself, from this machine, from others."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass

from yarl import URL

from sidecar.cli.demo.certificate import Certificate
from sidecar.wire.forwarded import is_loopback

EVERY_ADDRESS = "0.0.0.0"
_EVERYWHERE = {EVERY_ADDRESS: "127.0.0.1", "::": "::1"}  # listened on; and how this machine reaches it


@dataclass(frozen=True, kw_only=True)
class Place:
    """``host``: the address to listen on; ``ports``: of the pages and of the emulator; ``names``: see ``outside``."""

    host: str
    ports: tuple[int, int]
    certificate: Certificate | None
    names: Sequence[str] = ()

    @property
    def pages(self) -> str:
        """The service, as this machine reaches it."""
        return self._url(self.ports[0])

    @property
    def phone(self) -> str:
        """The emulator, as this machine reaches it."""
        return self._url(self.ports[1])

    @property
    def open(self) -> bool:
        """Can other machines reach it?"""
        return not is_loopback(self.host)

    @property
    def tls(self) -> ssl.SSLContext | bool:
        """What a client of the demo's processes checks them by."""
        return True if self.certificate is None else self.certificate.client_context()

    def outside(self, url: str) -> list[str]:
        """An address of the demo as other machines may reach it, by each name of this one."""
        if not self.open:
            return []
        names = self.names if self.host in _EVERYWHERE else [self.host]
        return [str(URL(url).with_host(name)) for name in names]

    def _url(self, port: int) -> str:
        scheme = "http" if self.certificate is None else "https"
        return str(URL.build(scheme=scheme, host=_EVERYWHERE.get(self.host, self.host), port=port))
