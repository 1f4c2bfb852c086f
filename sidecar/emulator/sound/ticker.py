"""One clock of 20 ms for all streams. After a hiccup it makes up for missed ticks, so audio stays in real time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from sidecar.emulator.frames import FRAME_MS

TICK_S = FRAME_MS / 1000
# After a longer standstill (a suspended laptop) the ticks in between are never played: a hole, not a flood.
MAX_CATCH_UP_TICKS = 500
# uvloop's timers have whole milliseconds and may fire early; waking too soon would spin until the tick is due.
TIMER_MARGIN_S = 0.001
TICKS_PER_BREATH = 10  # while catching up, let the senders run after so many

_log = structlog.get_logger()


class Ticker:
    """Calls each listener once per tick, with the tick's number. Listeners must be quick and must not raise."""

    def __init__(self) -> None:
        self.tick = 0
        self.skipped = 0
        self._beat = asyncio.Event()
        self._listeners: dict[Callable[[int], None], None] = {}

    def add(self, listener: Callable[[int], None]) -> None:
        """Call it from the next tick on."""
        self._listeners[listener] = None

    def remove(self, listener: Callable[[int], None]) -> None:
        """Stop calling it; no error if it was not there."""
        self._listeners.pop(listener, None)

    async def run(self) -> None:
        """Tick until cancelled."""
        loop = asyncio.get_running_loop()
        origin = loop.time() - self.tick * TICK_S
        while True:
            due = int((loop.time() - origin) / TICK_S)
            if due - self.tick > MAX_CATCH_UP_TICKS:
                lost = due - self.tick - 1
                self.skipped += lost
                self.tick += lost
                _log.warning("emulator_clock_stood_still", seconds=round(lost * TICK_S, 1))
            for n in range(self.tick + 1, due + 1):
                self.tick = n
                for listener in list(self._listeners):
                    listener(n)
                if n < due and n % TICKS_PER_BREATH == 0:
                    await asyncio.sleep(0)
            self._beat.set()  # wakes who waits now, and only them
            self._beat.clear()
            await asyncio.sleep(max(0.0, origin + (self.tick + 1) * TICK_S - loop.time()) + TIMER_MARGIN_S)

    async def reach(self, tick: int) -> None:
        """Wait until that tick has been played."""
        while self.tick < tick:
            await self.next()

    async def next(self) -> None:
        """Wait for the next beat of the clock; after a hiccup one beat stands for several ticks."""
        await self._beat.wait()
