"""Look-ups of names that other people chose: none of them holds up the others' for long, nor the end of the process.

A name server that does not answer keeps a thread for as long as the system is patient, half a minute perhaps, and
nothing ends that. So a name is looked up once at a time, whoever asks for it; names that took long get by with few
threads of their own from then on; and all threads are daemons.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

# Look-ups at once. More wait, in order; there are never more than names that somebody sends to.
THREADS = 16
# A look-up that takes longer makes its name a slow one, until it is quick again.
SLOW_S = 2.0
SLOW_THREADS = 4
# Slow names that are remembered: beyond that the oldest are forgotten.
SLOW_MOST = 1_000

# As (host, port, family), like socket.getaddrinfo. Raises OSError or ValueError (a UnicodeError is one).
LookUp = Callable[[str, int, int], list[Any]]


class _Wanted(NamedTuple):
    host: str
    port: int
    family: int


class NameLookups:
    """Belongs to one event loop."""

    def __init__(self, look_up: LookUp) -> None:
        self._look_up = look_up
        self._quick, self._slow = _Threads(THREADS), _Threads(SLOW_THREADS)
        self._under_way: dict[_Wanted, asyncio.Future[list[Any]]] = {}
        self._slow_names: dict[str, None] = {}

    async def find(self, host: str, port: int, family: int) -> list[Any]:
        """What the look-up finds or raises. Whoever stops waiting stops it for nobody."""
        wanted = _Wanted(host, port, family)
        if (answer := self._under_way.get(wanted)) is None:
            loop = asyncio.get_running_loop()
            answer = self._under_way[wanted] = loop.create_future()
            threads = self._slow if host in self._slow_names else self._quick
            threads.run(lambda: self._look(wanted, threads, loop))
        return await asyncio.shield(answer)

    def _look(self, wanted: _Wanted, threads: _Threads, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread."""
        found: list[Any] | Exception = OSError("the look-up broke off")
        began = time.monotonic()
        try:
            found = self._look_up(*wanted)
        except (OSError, ValueError) as error:
            found = error
        finally:
            took_s = time.monotonic() - began
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._answer, wanted, threads, found, took_s)

    def _answer(self, wanted: _Wanted, threads: _Threads, found: list[Any] | Exception, took_s: float) -> None:
        threads.one_is_free()
        self._slow_names.pop(wanted.host, None)
        if took_s > SLOW_S:
            self._slow_names[wanted.host] = None
            if len(self._slow_names) > SLOW_MOST:
                del self._slow_names[next(iter(self._slow_names))]
        answer = self._under_way.pop(wanted)
        if isinstance(found, Exception):
            answer.set_exception(found)
            answer.exception()  # it counts as heard, for perhaps everybody has gone
        else:
            answer.set_result(found)


class _Threads:
    """So many at once."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting: deque[Callable[[], None]] = deque()

    def run(self, work: Callable[[], None]) -> None:
        self._waiting.append(work)
        self._start()

    def one_is_free(self) -> None:
        self._free += 1
        self._start()

    def _start(self) -> None:
        while self._free and self._waiting:
            self._free -= 1
            threading.Thread(target=self._waiting.popleft(), name="name-lookup", daemon=True).start()
