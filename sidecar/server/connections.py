"""The connections of strangers: counted from the moment they open, closed when they say nothing for too long.

aiohttp has no time limit for the first request of a connection, nor for the number of connections, so they are looked
at before aiohttp gets them. ``GuardedSite`` is a ``web.TCPSite`` that does so.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import cast

from aiohttp import web

from sidecar.wire.forwarded import Network, household, is_trusted

CONNECTIONS_MOST = 1_000
CONNECTIONS_FROM_ONE = 200
# From the opening of a connection to the end of its first request's head.
HEAD_TIMEOUT_S = 10.0
# A stranger's connection that was answered may ask again within this time, in which it must also read the answer.
IDLE_TIMEOUT_S = 30.0
BACKLOG = 1_024
# For the rest of a body that nobody reads; aiohttp's own 10 s would double what a slow stranger gets.
LINGER_S = 1.0

Transport = asyncio.BaseTransport | None


class Connections:
    """``refusals``: counts connections that were closed, as ``connection_silent`` and ``connection_displaced``."""

    def __init__(self, *, trusted: Sequence[Network], refusals: Counter[str]) -> None:
        self._trusted = trusted
        self._refusals = refusals
        # Both in the order in which they came; a household without strangers is forgotten.
        self._strangers: dict[asyncio.BaseTransport, _Stranger] = {}
        self._households: defaultdict[str | None, dict[asyncio.BaseTransport, None]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._strangers)

    def is_stranger(self, transport: Transport) -> bool:
        """Whether nobody on this connection has shown yet who he is."""
        return transport in self._strangers

    def arrived(self, transport: asyncio.Transport) -> None:
        """A connection opened. A trusted proxy looks after its clients' connections itself."""
        peer = str((transport.get_extra_info("peername") or ("",))[0])
        if is_trusted(peer, self._trusted):
            return
        place = household(peer)
        neighbours = self._households[place]
        if place is not None and len(neighbours) >= CONNECTIONS_FROM_ONE:
            self._drop(next(iter(neighbours)), "connection_displaced")
        elif len(self._strangers) >= CONNECTIONS_MOST:
            self._drop(next(iter(self._strangers)), "connection_displaced")
        self._households[place][transport] = None
        self._strangers[transport] = stranger = _Stranger(place)
        self._give_time(transport, stranger, HEAD_TIMEOUT_S)

    def asked(self, transport: Transport) -> None:
        """A whole head came: from here on the request has its own time limit."""
        if (stranger := self._find(transport)) is not None:
            stranger.stop_clock()

    def answered(self, transport: Transport) -> None:
        """It may ask again, but not think about it for ever."""
        if (stranger := self._find(transport)) is not None:
            self._give_time(cast("asyncio.BaseTransport", transport), stranger, IDLE_TIMEOUT_S)

    def known(self, transport: Transport) -> None:
        """No stranger any longer, or gone."""
        if transport is None or (stranger := self._strangers.pop(transport, None)) is None:
            return
        stranger.stop_clock()
        neighbours = self._households[stranger.household]
        del neighbours[transport]
        if not neighbours:
            del self._households[stranger.household]

    def _find(self, transport: Transport) -> _Stranger | None:
        return None if transport is None else self._strangers.get(transport)

    def _give_time(self, transport: asyncio.BaseTransport, stranger: _Stranger, seconds: float) -> None:
        stranger.stop_clock()
        loop = asyncio.get_running_loop()
        stranger.clock = loop.call_later(seconds, self._drop, transport, "connection_silent")

    def _drop(self, transport: asyncio.BaseTransport, reason: str) -> None:
        self._refusals[reason] += 1
        self.known(transport)
        cast("asyncio.Transport", transport).abort()


class _Stranger:
    def __init__(self, household: str | None) -> None:
        self.household = household
        self.clock: asyncio.TimerHandle | None = None

    def stop_clock(self) -> None:
        if self.clock is not None:
            self.clock.cancel()
            self.clock = None


class _Guarded(asyncio.Protocol):
    """Tells of the beginning and the end of a connection; all else goes to aiohttp's protocol without a detour."""

    def __init__(self, inner: asyncio.Protocol, connections: Connections) -> None:
        self._inner = inner
        self._connections = connections
        self._transport: Transport = None
        for name in ("data_received", "eof_received", "pause_writing", "resume_writing"):
            setattr(self, name, getattr(inner, name))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._connections.arrived(cast("asyncio.Transport", transport))
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.known(self._transport)
        self._inner.connection_lost(exc)


class GuardedSite(web.BaseSite):
    """Listens on a TCP port. ``connections`` hears of every connection."""

    def __init__(
        self,
        runner: web.AppRunner,
        host: str,
        port: int,
        *,
        connections: Connections,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(runner, backlog=BACKLOG, ssl_context=ssl_context)
        self._host = host
        self._port = port
        self._connections = connections

    @property
    def name(self) -> str:
        """The address, for people."""
        return f"{'https' if self._ssl_context else 'http'}://{self._host}:{self._port}"

    async def start(self) -> None:
        """Begin to listen. Raises OSError when the port is taken."""
        await super().start()
        make = cast("Callable[[], asyncio.Protocol]", self._runner.server)
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Guarded(make(), self._connections),
            self._host,
            self._port,
            backlog=self._backlog,
            ssl=self._ssl_context,
            ssl_handshake_timeout=HEAD_TIMEOUT_S if self._ssl_context else None,
        )
