"""Where the audio of a media stream lies on the conference clock, and what to do about holes in it.

One clock per media stream. Audio handed on is counted in ms (8 bytes are 1 ms); anchors tie that count to the
conference clock, so that a time which a recogniser counts in audio can be told in conference time.
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
        """``base_ms``: the conference time at which the stream started (its timestamp 0)."""
        self._audio_ms = 0.0
        self._timestamp_anchor: float | None = None  # the timestamp that audio position 0 would have
        self._sequence = 0
        self._anchors_audio = [0.0]
        self._anchors_conference = [float(base_ms)]
        self._base_ms = base_ms
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
        i = bisect_right(self._anchors_audio, audio_ms) - 1
        return round(self._anchors_conference[i] + audio_ms - self._anchors_audio[i])

    def place(self, sequence: int, timestamp_ms: int, length_bytes: int) -> Placed:
        """Where a frame goes. Duplicates (a sequence number not above the last; 0: unknown) are dropped."""
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
