"""Cuts one participant's audio into segments of speech: when one starts, when a partial is due, when it ended.

Pure: bytes in, values out; the only clock is the count of bytes. One segmenter per participant, nothing shared.
Never recognises and never waits. Every byte is in one segment at most, and every stretch of speech is in one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sidecar.speech import g711
from sidecar.speech.activity import FRAME_BYTES, FRAME_MS, VoiceActivity

# All times are milliseconds of audio since the first byte fed; all lengths are whole frames.

# Speech begins when 100 of the last 160 ms are voiced: the shortest "yep" has 160, a click has less.
ONSET_WINDOW_MS = 160
ONSET_VOICED_MS = 100
# Kept from before the onset was noticed, and after the last voiced frame: tight cuts cost words (before 200 instead of
# 400 ms: 1.8 points of WER; after 200 instead of 400: 1.8 points on a real call, 0.3 on read speech).
BEFORE_MS = 400
AFTER_MS = 400
# Speech ends with this much unvoiced audio. The model needs context: WER of "A Tale of Two Cities" was 12.6 % with
# 400 ms, 8.7 with 500, 7.3 with 700, 4.9 with this pair. Longer segments have context enough and end sooner.
HANG_SHORT_MS = 800
HANG_MS = 600
SHORT_SPEECH_MS = 3_000
# Partials: the first when there is a word to show, then at this interval while somebody is heard.
FIRST_PARTIAL_MS = 400
PARTIAL_EVERY_MS = 500
# A pause this long inside a segment is a place where a partial's audio may be divided: at 100 ms, words were lost.
PAUSE_MS = 160
# Somebody who does not stop is cut at the next short pause, and in the end at the quietest moment since.
CUT_AFTER_MS = 15_000
CUT_PAUSE_MS = 100
CUT_AT_MS = 18_000
_QUIET_FRAMES = 3  # the quietest moment is this many frames long


@dataclass(frozen=True)
class SpeechBegan:
    """Somebody speaks. ``start_ms``: the first voiced frame, up to ONSET_WINDOW_MS ago."""

    segment: int
    start_ms: int


@dataclass(frozen=True)
class PartialDue:
    """All audio of the open segment so far, with the margin before it.

    ``end_ms``: its last voiced frame. ``pause_at``: byte offset of the middle of its latest PAUSE_MS, 0 if none yet.
    ``paused``: nobody is heard for AFTER_MS; unless speech goes on, the segment will end with exactly this audio.
    """

    segment: int
    start_ms: int
    end_ms: int
    audio: bytes
    pause_at: int
    paused: bool


@dataclass(frozen=True)
class SegmentEnded:
    """A finished segment: speech from ``start_ms`` to ``end_ms``, ``audio`` with its margins around."""

    segment: int
    start_ms: int
    end_ms: int
    audio: bytes


SpeechEvent = SpeechBegan | PartialDue | SegmentEnded


class Segmenter:
    """Feed audio in order, act on what comes out, ``flush`` when no more will come."""

    def __init__(self, is_voiced: Callable[[bytes], bool] | None = None) -> None:
        """``is_voiced`` judges one 20 ms frame; by default a detector of this segmenter's own."""
        self._is_voiced = is_voiced or VoiceActivity().is_voiced
        self._rest = bytearray()  # less than a frame, waiting for the remainder of it
        self._now = 0  # the end of the last frame judged
        self._before: deque[bytes] = deque(maxlen=BEFORE_MS // FRAME_MS)
        self._onset: deque[bool] = deque(maxlen=ONSET_WINDOW_MS // FRAME_MS)
        self._segment = -1
        self._open = False
        self._audio = bytearray()  # of the open segment, as are the four below
        self._start = self._last_voiced = 0
        self._pause_at = 0
        self._partial_at = 0

    def feed(self, audio: bytes) -> list[SpeechEvent]:
        """More mu-law audio, any number of bytes. How it is divided makes no difference to what comes out."""
        events: list[SpeechEvent] = []
        self._rest += audio
        whole = len(self._rest) // FRAME_BYTES * FRAME_BYTES
        for at in range(0, whole, FRAME_BYTES):
            frame = bytes(self._rest[at : at + FRAME_BYTES])
            voiced = self._is_voiced(frame)
            self._now += FRAME_MS
            if self._open:
                self._speak(frame, voiced, events)
            else:
                self._listen(frame, voiced, events)
        del self._rest[:whole]
        return events

    def flush(self) -> list[SpeechEvent]:
        """End the open segment here, if there is one. The next audio may follow as if nothing had happened."""
        if not self._open:
            return []
        return [self._end(len(self._audio))]

    def _listen(self, frame: bytes, voiced: bool, events: list[SpeechEvent]) -> None:
        self._before.append(frame)
        self._onset.append(voiced)
        if sum(self._onset) * FRAME_MS < ONSET_VOICED_MS:
            return
        onset = list(self._onset)
        start = self._now - (len(onset) - onset.index(True)) * FRAME_MS
        events.append(self._begin(start, b"".join(self._before)))
        self._last_voiced = self._now
        self._before.clear()
        self._onset.clear()

    def _speak(self, frame: bytes, voiced: bool, events: list[SpeechEvent]) -> None:
        self._audio += frame
        if voiced:
            self._last_voiced = self._now
        pause, length = self._now - self._last_voiced, self._now - self._start
        if pause == PAUSE_MS:
            self._pause_at = len(self._audio) - PAUSE_MS // 2 * g711.BYTES_PER_MS
        if pause >= (HANG_SHORT_MS if self._last_voiced - self._start < SHORT_SPEECH_MS else HANG_MS):
            events.append(self._end(len(self._audio) - (pause - AFTER_MS) * g711.BYTES_PER_MS))
        elif length >= CUT_AFTER_MS and pause >= CUT_PAUSE_MS:
            events.append(self._end(len(self._audio)))
        elif length >= CUT_AT_MS:
            self._cut(events)
        elif pause == AFTER_MS:
            events.append(self._partial(paused=True))
        elif voiced and self._now >= self._partial_at:
            self._partial_at = self._now + PARTIAL_EVERY_MS
            events.append(self._partial(paused=False))

    def _begin(self, start: int, audio: bytes) -> SpeechBegan:
        self._open = True
        self._segment += 1
        self._start = start
        self._audio = bytearray(audio)
        self._pause_at = 0
        self._partial_at = start + FIRST_PARTIAL_MS
        return SpeechBegan(self._segment, start)

    def _partial(self, *, paused: bool) -> PartialDue:
        return PartialDue(self._segment, self._start, self._last_voiced, bytes(self._audio), self._pause_at, paused)

    def _end(self, keep: int) -> SegmentEnded:
        """Close the segment with its first ``keep`` bytes; what follows is the margin before the next one."""
        audio, rest = bytes(self._audio[:keep]), self._audio[keep:]
        self._before.extend(bytes(rest[at : at + FRAME_BYTES]) for at in range(0, len(rest), FRAME_BYTES))
        self._open = False
        return SegmentEnded(self._segment, self._start, self._last_voiced, audio)

    def _cut(self, events: list[SpeechEvent]) -> None:
        """Nobody paused for three seconds: end at the quietest moment of them; the next segment is under way."""
        window = (CUT_AT_MS - CUT_AFTER_MS) * g711.BYTES_PER_MS
        loudness = np.abs(g711.decode(self._audio[-window:]).astype(np.float32)).reshape(-1, FRAME_BYTES).mean(axis=1)
        # The last quarter of a second is left out, so that what goes on is more than the end of a word.
        moments = np.convolve(loudness, np.ones(_QUIET_FRAMES), mode="valid")[: -ONSET_WINDOW_MS // FRAME_MS]
        after = len(loudness) - int(np.argmin(moments)) - _QUIET_FRAMES // 2
        going_on = bytes(self._audio[-after * FRAME_BYTES :])
        cut_ms = self._now - after * FRAME_MS
        audio = bytes(self._audio[: -after * FRAME_BYTES])
        events.append(SegmentEnded(self._segment, self._start, cut_ms, audio))
        events.append(self._begin(cut_ms, going_on))
