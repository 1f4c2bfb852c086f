"""What is to be heard on one track of a call, tick by tick. Silence unless a recording is due. No I/O, no clock.

A tick is 20 ms of the ticker's clock; ``frames.FRAME_BYTES`` of mu-law fill it.
"""

from __future__ import annotations

import binascii
from collections import deque
from collections.abc import Callable

from sidecar.emulator.frames import FRAME_BYTES
from sidecar.speech.g711 import SILENCE

SILENT_FRAME = bytes([SILENCE]) * FRAME_BYTES
_SILENT_BASE64 = binascii.b2a_base64(SILENT_FRAME, newline=False)


def ticks_of(audio: bytes) -> int:
    """How many ticks the recording takes; the last one is filled up with silence."""
    return -(-len(audio) // FRAME_BYTES)


class AudioTrack:
    """Recordings at their places in time. One that is due while another still plays waits for its end.

    ``under``: lays something under what is heard in a tick, as an echo is.
    """

    def __init__(self) -> None:
        self.under: Callable[[int, bytes], bytes] | None = None
        self._clips: deque[tuple[int, bytes]] = deque()  # bounded by the scenario: one per line it speaks
        self._end = 0
        self._last: tuple[int, bytes] = (-1, SILENT_FRAME)
        self._last_base64: tuple[bytes, bytes] = (SILENT_FRAME, _SILENT_BASE64)

    def put(self, tick: int, audio: bytes) -> int:
        """Let the recording begin at the tick, or when the one before it ends. Returns the tick when it has ended."""
        begin = max(tick, self._end)
        self._clips.append((begin, audio))
        self._end = begin + ticks_of(audio)
        return self._end

    def clear(self) -> None:
        """Forget what was not heard yet."""
        self._clips.clear()
        self._end = 0

    def frame(self, tick: int) -> bytes:
        """The 160 bytes of that tick; SILENT_FRAME itself when there is nothing to hear.

        Ask in rising order; asking twice for one tick is free, and gives the same.
        """
        if self._last[0] != tick:
            frame = self._frame(tick)
            self._last = (tick, frame if self.under is None else self.under(tick, frame))
        return self._last[1]

    def base64_frame(self, tick: int) -> bytes:
        """The same, as a media frame spells it."""
        frame = self.frame(tick)
        if self._last_base64[0] is not frame:
            self._last_base64 = (frame, binascii.b2a_base64(frame, newline=False))
        return self._last_base64[1]

    def _frame(self, tick: int) -> bytes:
        while self._clips and tick >= self._clips[0][0] + ticks_of(self._clips[0][1]):
            self._clips.popleft()
        if not self._clips or tick < self._clips[0][0]:
            return SILENT_FRAME
        begin, audio = self._clips[0]
        at = (tick - begin) * FRAME_BYTES
        frame = audio[at : at + FRAME_BYTES]
        return frame + SILENT_FRAME[len(frame) :]
