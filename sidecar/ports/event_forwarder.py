"""Passes the provider's callbacks on to somebody who had them before us."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class EventForwarder(Protocol):
    """Never delays who hands something in, and never fails for it."""

    @property
    def outcomes(self) -> Mapping[str, int]:
        """How many callbacks were ``delivered``, ``failed`` after all tries, or ``dropped`` for want of room."""
        ...

    def forward(self, form: Mapping[str, str], *, about: str, idempotency_token: str) -> None:
        """Pass one callback on, as it came. Those that are ``about`` the same id keep their order.

        ``idempotency_token``: what the provider sent with it, the same when it sends it again; "" for none.
        """
        ...

    async def run(self) -> None:
        """Deliver until cancelled."""
        ...

    async def flush(self, timeout_s: float) -> None:
        """Wait until all is delivered or given up, or the time is over; what is left then is lost, and counted."""
        ...
