"""What the service sends on a two-way stream, waiting to be played: audio and marks in the order they came. Pure.

Source: https://www.twilio.com/docs/voice/media-streams/websocket-messages (mark, clear), and for the limit
https://www.twilio.com/docs/api/errors/31931. A tick is 20 ms of the ticker's clock.
"""

from __future__ import annotations

from collections import deque

from sidecar.emulator.frames import FRAME_BYTES, SAMPLE_RATE_HZ
from sidecar.emulator.sound.track import SILENT_FRAME, AudioTrack

MAX_BYTES = 10 * 60 * SAMPLE_RATE_HZ  # "about 10 minutes"; what comes beyond is thrown away, as Twilio does
MAX_MARKS = 10_000  # ours: marks without end must not fill the memory; the newest is refused


class Playout(AudioTrack):
    """A track that a service fills. A recording that is laid on it is heard instead while it lasts."""

    def __init__(self) -> None:
        super().__init__()
        self._queue: deque[memoryview | str] = deque()  # audio, or the name of a mark
        self._waiting_bytes = 0
        self._waiting_marks = 0
        self._sounding = False  # the tick that is being played holds audio
        self._ending: list[str] = []  # marks whose audio ends within it
        self._due: list[str] = []

    def add(self, audio: bytes) -> bool:
        """Play it after all that waits. False: the buffer is full, and the whole of it was thrown away."""
        if self._waiting_bytes + len(audio) > MAX_BYTES:
            return False
        if audio:
            self._queue.append(memoryview(audio))
            self._waiting_bytes += len(audio)
        return True

    def mark(self, name: str) -> bool:
        """Due when all before it has been played; at once if nothing waits. False: too many wait, it was refused."""
        if not self._queue:
            (self._ending if self._sounding else self._due).append(name)
        elif self._waiting_marks >= MAX_MARKS:
            return False
        else:
            self._waiting_marks += 1
            self._queue.append(name)
        return True

    def drop(self) -> None:
        """Play nothing of what waits; all its marks are due at once, in their order."""
        self._release()
        self._due += [item for item in self._queue if isinstance(item, str)]
        self._queue.clear()
        self._waiting_bytes = self._waiting_marks = 0

    def take_due(self) -> list[str]:
        """The marks that are to be echoed now; each is handed out once."""
        due, self._due = self._due, []
        return due

    def _frame(self, tick: int) -> bytes:
        streamed = self._play()
        recorded = super()._frame(tick)
        return streamed if recorded is SILENT_FRAME else recorded

    def _play(self) -> bytes:
        """One tick of what waits. Marks between its bytes are due when it has been heard, which is the next tick."""
        self._release()
        frame = bytearray()
        while self._queue and (len(frame) < FRAME_BYTES or isinstance(self._queue[0], str)):
            item = self._queue.popleft()
            if isinstance(item, str):
                self._waiting_marks -= 1
                self._ending.append(item)
                continue
            room = FRAME_BYTES - len(frame)
            frame += item[:room]
            if len(item) > room:
                self._queue.appendleft(item[room:])
        self._sounding = bool(frame)
        if not frame:
            return SILENT_FRAME
        self._waiting_bytes -= len(frame)
        return bytes(frame) + SILENT_FRAME[len(frame) :]

    def _release(self) -> None:
        """The tick is over, and so is the audio before these marks."""
        self._due += self._ending
        self._ending = []
        self._sounding = False
