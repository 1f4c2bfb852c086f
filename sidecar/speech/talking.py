"""Who is talking just now: from a participant's audio to the moments when speech begins and ends. No model, no loop.

Quicker than any recogniser, which tells of speech when it has words, and surer than the loudness of single frames.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from sidecar.speech.activity import FRAME_BYTES, FRAME_MS, VoiceActivity
from sidecar.speech.sound import is_sound

# Speech begins when so many of the last frames are voiced, with the first of them.
WINDOW_FRAMES = 8
VOICED_FRAMES = 4
# It ends when none was for so long.
PAUSE_FRAMES = 15


class Talk(msgspec.Struct, frozen=True):
    """Speech began or ended at this moment (ms, of the clock of ``Talking.hear``)."""

    began: bool
    at_ms: int


class Talking:
    """One per participant."""

    def __init__(self, is_voiced: Callable[[bytes], bool]) -> None:
        """``is_voiced``: of one frame after another."""
        self._is_voiced = is_voiced
        self._rest = b""
        self._window: deque[bool] = deque(maxlen=WINDOW_FRAMES)
        self._silent_frames = 0
        self.talks = False

    def hear(self, audio: bytes, ends_ms: int) -> list[Talk]:
        """More mu-law audio, any length, which ends at ``ends_ms``."""
        audio = self._rest + audio
        frames = len(audio) // FRAME_BYTES
        self._rest = audio[frames * FRAME_BYTES :]
        first_ms = ends_ms - len(audio) // 8
        news = []
        for i in range(frames):
            frame = audio[i * FRAME_BYTES : (i + 1) * FRAME_BYTES]
            news += self._frame(self._is_voiced(frame), first_ms + i * FRAME_MS)
        return news

    def _frame(self, voiced: bool, at_ms: int) -> list[Talk]:
        self._window.append(voiced)
        self._silent_frames = 0 if voiced else self._silent_frames + 1
        if not self.talks and sum(self._window) >= VOICED_FRAMES:
            self.talks = True
            since = len(self._window) - 1 - list(self._window).index(True)
            return [Talk(True, max(0, at_ms - since * FRAME_MS))]
        if self.talks and self._silent_frames >= PAUSE_FRAMES:
            self.talks = False
            self._window.clear()
            return [Talk(False, at_ms + FRAME_MS - PAUSE_FRAMES * FRAME_MS)]
        return []


def voice_detector() -> Callable[[bytes], bool]:
    """A fresh detector of voice; where its library is absent, of any sound."""
    try:
        return VoiceActivity().is_voiced
    except ImportError:
        return is_sound
