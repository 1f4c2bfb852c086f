"""A telephone that returns what it hears, late and softer: loudspeaker into microphone. Pure; the ticker calls it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sidecar.emulator.faults.orders import Echo
from sidecar.emulator.frames import FRAME_MS
from sidecar.emulator.sound.track import SILENT_FRAME
from sidecar.speech import g711

_FULL = 32767


class Echoing:
    """``hears`` gives what the telephone hears in a tick; ``under`` is to be laid under what is said into it."""

    def __init__(self, order: Echo, hears: Callable[[int], bytes]) -> None:
        self._hears = hears
        self._delay = max(1, order.delay_ms // FRAME_MS)
        self._gain = 10 ** (-order.loss_db / 20)
        self._heard: dict[int, bytes] = {}  # bounded by the delay: 50 frames

    def on_tick(self, tick: int) -> None:
        """Remember what is heard now."""
        self._heard[tick] = self._hears(tick)
        self._heard.pop(tick - self._delay - 1, None)

    def under(self, tick: int, said: bytes) -> bytes:
        """What is said in that tick, and under it what was heard before."""
        heard = self._heard.get(tick - self._delay, SILENT_FRAME)
        if heard is SILENT_FRAME:
            return said
        both = g711.decode(said).astype(np.float64) + self._gain * g711.decode(heard)
        return g711.encode(np.clip(both, -_FULL, _FULL).astype(np.int16))
