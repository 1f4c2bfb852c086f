"""What somebody says into a softphone: frames come when the network brings them, and are heard one per tick.

No I/O, no clock.
"""

from __future__ import annotations

from collections import deque

from sidecar.emulator.frames import FRAME_BYTES
from sidecar.emulator.sound.track import SILENT_FRAME, AudioTrack

# So much is gathered before the first word is heard, and again after a break: browsers and networks are uneven.
START_FRAMES = 5
# 0.5 s. Beyond it the oldest frame goes, counted: whoever speaks is then heard late, but never later and later.
MAX_FRAMES = 25


class Microphone(AudioTrack):
    """An inbound track that a browser fills. A recording that is laid on it is heard instead while it lasts.

    ``lost``: frames that came too fast or in another size.
    """

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0
        self.lost = 0
        self._waiting: deque[bytes] = deque()
        self._gathering = True
        self._heard_at = -1

    def take(self, frame: bytes) -> None:
        """20 ms from the browser."""
        if len(frame) != FRAME_BYTES:
            self.lost += 1
            return
        self.taken += 1
        self._waiting.append(frame)
        if len(self._waiting) > MAX_FRAMES:
            self._waiting.popleft()
            self.lost += 1

    def _frame(self, tick: int) -> bytes:
        live = self._live(tick)
        recorded = super()._frame(tick)
        return live if recorded is SILENT_FRAME else recorded

    def _live(self, tick: int) -> bytes:
        if tick > self._heard_at + 1:
            self._forget()  # nobody asked for a while, so this was said before anybody could hear it
        self._heard_at = tick
        if self._gathering and len(self._waiting) < START_FRAMES:
            return SILENT_FRAME
        self._gathering = not self._waiting
        return self._waiting.popleft() if self._waiting else SILENT_FRAME

    def _forget(self) -> None:
        self.lost += max(0, len(self._waiting) - START_FRAMES)
        while len(self._waiting) > START_FRAMES:
            self._waiting.popleft()
        self._gathering = True
