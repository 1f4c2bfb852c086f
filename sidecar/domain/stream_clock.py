"""Where the audio of a media stream lies on the conference clock, and what to do about holes in it.

One clock per media stream. Audio handed on is counted in ms (8 bytes are 1 ms); anchors tie that count to the
conference clock, so that a time which a recogniser counts in audio can be told in conference time. Twilio counts ms
from the stream's start and does not tell when that was: when its first message was read, or earlier if we were busy.
"""

from __future__ import annotations

from bisect import bisect_right

import msgspec

# A jump of the timestamp up to here is the sender's jitter, not missing audio (no figure is documented).
HOLE_MS = 60
# Longer holes are not filled with silence: the recogniser's clock is tied anew instead.
MAX_PADDING_MS = 10_000
# Missing audio shorter than this hides no word, unless somebody was speaking just then.
LOSES_SPEECH_MS = 200
# So much audio tells when the stream began: a frame that was read late says nothing, but hardly all of them were.
SETTLES_MS = 3_000


class Placed(msgspec.Struct, frozen=True, gc=False):
    """What to do with a frame. ``padding_ms``: silence to hand on first. ``hole``: from and to of what is missing."""

    use: bool
    padding_ms: int = 0
    hole: tuple[int, int] | None = None


_USE = Placed(True)
_DROP = Placed(False)


class StreamClock:
    """The caller must hand on exactly what ``place`` says: padding, then the frame if ``use``."""

    def __init__(self, base_ms: int) -> None:
        """``base_ms``: the conference time at which the stream started (its timestamp 0), or later."""
        self._audio_ms = 0.0
        self._timestamp_anchor: float | None = None  # the timestamp that audio position 0 would have
        self._sequence = 0
        self._anchors_audio = [0.0]
        self._anchors_conference = [float(base_ms)]
        self._base_ms = base_ms
        self.settling = True  # whether arrivals still say something of when the stream began
        self.duplicates = 0
        self.backward_jumps = 0

    @property
    def audio_ms(self) -> int:
        """Audio handed on so far, padding included."""
        return round(self._audio_ms)

    @property
    def now_ms(self) -> int:
        """The conference time up to which audio has come."""
        return self.conference_ms(self._audio_ms)

    def conference_ms(self, audio_ms: float) -> int:
        """A position in the audio handed on, told in conference time."""
        return round(self._conference(audio_ms))

    def _conference(self, audio_ms: float) -> float:
        i = bisect_right(self._anchors_audio, audio_ms) - 1
        return self._anchors_conference[i] + audio_ms - self._anchors_audio[i]

    def follows(self, sequence: int, timestamp_ms: int, length_bytes: int) -> bool:
        """Whether a frame goes on where the last one ended, as nearly all do; it is placed then. Else: ``place`` it."""
        if self.settling or sequence <= self._sequence:
            return False
        missing = timestamp_ms - self._timestamp_anchor - self._audio_ms  # type: ignore[operator] # settled: has one
        if not -HOLE_MS <= missing <= HOLE_MS:
            return False
        self._sequence = sequence
        self._audio_ms += length_bytes / 8
        return True

    def place(self, sequence: int, timestamp_ms: int, length_bytes: int, *, arrived_ms: int | None = None) -> Placed:
        """Where a frame goes. Duplicates (a sequence number not above the last; 0: unknown) are dropped.

        ``arrived_ms``: the present on the conference clock, while this one is ``settling``. Nothing was said later than
        that, so if the frame seems to end in the future the stream began earlier. ``now_ms`` never goes back.
        """
        before_ms = self._conference(self._audio_ms)
        placed = self._place(sequence, timestamp_ms, length_bytes)
        if self.settling and placed.use:
            # Nothing is told anew of a time that was told as a hole.
            self.settling = self._audio_ms < SETTLES_MS and placed.hole is None
            if self.settling and arrived_ms is not None:
                early_ms = self._conference(self._audio_ms) - max(before_ms, arrived_ms)
                self._anchors_conference[0] = max(0.0, self._anchors_conference[0] - max(0.0, early_ms))
        return placed

    def _place(self, sequence: int, timestamp_ms: int, length_bytes: int) -> Placed:
        if sequence and sequence <= self._sequence:
            self.duplicates += 1
            return _DROP
        self._sequence = sequence or self._sequence
        length_ms = length_bytes / 8
        if self._timestamp_anchor is None:
            return self._first(timestamp_ms, length_ms)
        missing = timestamp_ms - (self._timestamp_anchor + self._audio_ms)
        if missing > HOLE_MS:
            return self._bridge(missing, timestamp_ms, length_ms)
        if missing < -HOLE_MS:
            # The sender's clock went back, or its frames are longer than their times: go on from where we are.
            self.backward_jumps += 1
            self._timestamp_anchor = timestamp_ms - self._audio_ms
        self._audio_ms += length_ms
        return _USE

    def _first(self, timestamp_ms: int, length_ms: float) -> Placed:
        self._timestamp_anchor = float(timestamp_ms)
        self._anchors_conference[0] = float(self._base_ms + timestamp_ms)
        self._audio_ms += length_ms
        return _USE

    def _bridge(self, missing: float, timestamp_ms: int, length_ms: float) -> Placed:
        start = self.now_ms
        hole = (start, round(start + missing))
        padding = missing if missing <= MAX_PADDING_MS else 0.0
        self._audio_ms += padding
        if not padding:
            self._anchors_audio.append(self._audio_ms)
            self._anchors_conference.append(start + missing)
            self._timestamp_anchor = timestamp_ms - self._audio_ms
        self._audio_ms += length_ms
        return Placed(True, round(padding), hole)


def loses_speech(hole: tuple[int, int], *, speaking: bool) -> bool:
    """Whether a hole may have swallowed words: it is long enough for one, or it tore a hole into speech."""
    return speaking or hole[1] - hole[0] >= LOSES_SPEECH_MS
