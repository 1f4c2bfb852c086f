"""Echoes of marks that a tester lets come late or never. No sockets; the clock is the ticker's, handed in."""

from __future__ import annotations

from collections.abc import Iterable

from sidecar.emulator.faults.orders import DelayMarks, LoseMarks
from sidecar.emulator.frames import FRAME_MS


class LateMarks:
    """Stands between the marks that are due and the socket. Without an order all of them go through at once."""

    def __init__(self) -> None:
        self._to_lose = self._to_delay = 0
        self._delay_ticks = 0
        self._held: list[tuple[int, str]] = []  # bounded by the orders: at most 100 marks each

    def order(self, order: LoseMarks | DelayMarks) -> None:
        """From now on. Marks are lost first, then delayed."""
        match order:
            case LoseMarks(count=count):
                self._to_lose = count
            case DelayMarks(count=count, seconds=seconds):
                self._to_delay, self._delay_ticks = count, round(seconds * 1000 / FRAME_MS)

    def let_through(self, due: Iterable[str], tick: int) -> list[str]:
        """What is to be echoed now: held marks whose time has come, then those of ``due`` that nothing holds."""
        echoed = [name for at, name in self._held if at <= tick]
        self._held = [(at, name) for at, name in self._held if at > tick]
        for name in due:
            if self._to_lose:
                self._to_lose -= 1
            elif self._to_delay:
                self._to_delay -= 1
                self._held.append((tick + self._delay_ticks, name))
            else:
                echoed.append(name)
        return echoed
