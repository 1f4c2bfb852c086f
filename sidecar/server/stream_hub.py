"""All open event streams of this process: how many there may be, what became of them, and closing them together."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Protocol

from sidecar.server.problems import RequestRefused

# A stream costs some 30 kB; a browser opens at most six to one origin.
STREAMS_AT_ONCE = 6_000
# Replays read the store page by page; more at once would only wait for each other's connections.
REPLAYS_AT_ONCE = 4
CLOSE_TIMEOUT_S = 0.8


class OpenStream(Protocol):
    """What the hub asks of a stream."""

    @property
    def caller(self) -> str:
        """The id of the session or key that opened it."""
        ...

    @property
    def only_own(self) -> str | None:
        """The agent who may follow own conferences only; None: whoever opened it may see all of the tenant's."""
        ...

    @property
    def conferences(self) -> Collection[str]:
        """The ids of those that it follows."""
        ...

    def close(self, reason: str = "") -> None:
        """Say goodbye and end, soon. ``reason`` "auth": its caller may not come back as who it was."""
        ...

    def abort(self) -> None:
        """End now, without a word."""
        ...


class StreamHub:
    """Counts streams and closes them. Counters are plain ints, read when somebody collects metrics."""

    def __init__(self) -> None:
        self._open: set[OpenStream] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self.replays = asyncio.Semaphore(REPLAYS_AT_ONCE)
        self.closing = False
        self.opened = 0
        self.refused = 0
        self.resumed = 0
        self.gaps = 0
        self.too_slow = 0
        self.stalled = 0

    @property
    def open(self) -> int:
        """How many streams are open."""
        return len(self._open)

    @property
    def callers(self) -> set[str]:
        """The sessions and keys that have streams open."""
        return {stream.caller for stream in self._open}

    def of_agents(self) -> list[OpenStream]:
        """Those of whoever sees own conferences only."""
        return [stream for stream in self._open if stream.only_own is not None]

    def close_of(self, *callers: str) -> None:
        """End the streams of sessions that were signed out, or of keys that were revoked."""
        for stream in tuple(self._open):
            if stream.caller in callers:
                stream.close("auth")

    def admit(self) -> None:
        """Raises RequestRefused (503) when the service is stopping or has all the streams it can carry."""
        if self.closing:
            self.refused += 1
            raise RequestRefused(HTTPStatus.SERVICE_UNAVAILABLE, "stopping", "The service is stopping. Connect again.")
        if self.open >= STREAMS_AT_ONCE:
            self.refused += 1
            raise RequestRefused(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too_many_streams",
                f"{STREAMS_AT_ONCE} event streams are open.",
                next_step="Try again later, or share one stream among tabs.",
            )

    @contextmanager
    def holding(self, stream: OpenStream) -> Iterator[None]:
        """Counts the stream while the block runs."""
        self._open.add(stream)
        self._empty.clear()
        self.opened += 1
        try:
            yield
        finally:
            self._open.discard(stream)
            if not self._open:
                self._empty.set()

    async def close_all(self) -> None:
        """End every stream within a second: those that can be told are told ``stream.closing``. Admits none after."""
        self.closing = True
        for stream in tuple(self._open):
            stream.close()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._empty.wait()
        except TimeoutError:
            for stream in tuple(self._open):
                stream.abort()
