"""The last audio of one stream, and which of it is in the transcript: what a recogniser may have to hear again.

All times are ms of audio since the stream began (8 bytes are 1 ms). Muted and held audio comes in as silence, so it is
neither kept nor ever missed. Pure: what to open, and when, is the runtime's business.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import takewhile

BYTES_PER_MS = 8  # G.711: one byte per sample, 8,000 a second
SILENCE = b"\xff"
# 240 kB per fork. A recogniser that is away for longer costs words, and they are a gap.
RING_MS = 30_000
# A replay begins so long before the first word that is missing: words begin softly, and the first ones need context.
LEAD_IN_MS = 500
# More than this is not caught up on the live session, at an engine that takes old audio hardly faster than new: all
# captions would be late by as much for a long time.
CATCH_UP_MS = 1_000
# Sounds with less silence than this between them are one stretch, and a stretch shorter than this is no word.
SHORTEST_MS = 100

# Times of words are off: the first word that is missing may have begun so long before the end of what is covered.
EDGE_MS = 150

Span = tuple[int, int]


class Replay:
    """Audio goes in as it comes, coverage as it becomes known; asked what is missing, and for audio."""

    def __init__(self) -> None:
        self._ring = bytearray()
        self._heard_bytes = 0
        self.head_ms = 0  # audio that has come so far
        self._sounds: deque[Span] = deque()
        self._covered: list[Span] = []
        self.lost: Span | None = None  # what left the ring although it was missing; whoever declares it sets this back

    @property
    def tail_ms(self) -> int:
        """The oldest audio that is still here."""
        return -(-(self._heard_bytes - len(self._ring)) // BYTES_PER_MS)

    def hear(self, audio: bytes, sounds: Sequence[Span] = ()) -> None:
        """More audio. ``sounds``: where in it, in ms, anything at all can have been said."""
        head_ms = self.head_ms
        for from_ms, to_ms in sounds:
            start_ms, end_ms = head_ms + from_ms, head_ms + to_ms
            if self._sounds and start_ms - self._sounds[-1][1] < SHORTEST_MS:
                start_ms, _ = self._sounds.pop()
            self._sounds.append((start_ms, end_ms))
        self._ring += audio
        self._heard_bytes += len(audio)
        self.head_ms = self._heard_bytes // BYTES_PER_MS
        if len(self._ring) > RING_MS * BYTES_PER_MS:
            self._let_go(len(self._ring) - RING_MS * BYTES_PER_MS)

    def cover(self, from_ms: int, to_ms: int) -> None:
        """What was said here is in the transcript, or is known to be nothing, or was declared a gap."""
        if to_ms <= from_ms:
            return
        if self._covered and self._covered[-1][0] <= from_ms <= self._covered[-1][1]:  # as a rule
            self._covered[-1] = (self._covered[-1][0], max(self._covered[-1][1], to_ms))
        else:
            self._covered = _united([*self._covered, (max(0, from_ms), to_ms)])

    def missing(self, besides: Sequence[Span] = ()) -> list[Span]:
        """Sound in the ring that is not covered and long enough to be a word, without what lies in ``besides``."""
        taken = _united([*self._covered, *besides]) if besides else self._covered
        # As a rule all is covered but for what was said last, so it is looked for from the end.
        covered_ms = self._covered[0][1] if self._covered and self._covered[0][0] <= self._first_sound_ms() else 0
        recent = list(takewhile(lambda sound: sound[1] > covered_ms, reversed(self._sounds)))
        return _without(reversed(recent), taken) if recent else []

    def quiet_ms(self) -> int:
        """For how long there has been no sound."""
        return self.head_ms - (self._sounds[-1][1] if self._sounds else self.tail_ms)

    def begin_live(self, *, at_once: bool, besides: Sequence[Span] = ()) -> Span:
        """Where a new live session begins: the first audio it hears, and from where on it answers for all of it.

        At the first sound that is missing, if an engine catches up from there: it takes old audio ``at_once``, or there
        is little of it. Else now, in the last pause if there is one, and what is missing before that is for a gap lane.
        ``besides``: others see to that.
        """
        missing = self.missing(besides)
        answers_ms = missing[0][0] if missing else self.head_ms
        if not at_once and self.head_ms - answers_ms > CATCH_UP_MS:
            answers_ms = self._last_pause_ms()
            if not self._sounds_at(answers_ms - 1):
                before_ms = max((end for _, end in self._sounds if end <= answers_ms), default=self.tail_ms)
                return max(answers_ms - LEAD_IN_MS, (before_ms + answers_ms) // 2), answers_ms
        return max(self.tail_ms, answers_ms - LEAD_IN_MS), answers_ms

    def begin_gap_lane(self, besides: Sequence[Span]) -> tuple[int, int, int] | None:
        """What is missing and nobody sees to: the first audio to hear for it, its first sound, and where it ends.

        It ends half a second late if that is amid speech, so that no word is torn; else amid the pause behind it.
        """
        missing = self.missing(besides)
        if not missing:
            return None
        first_ms, end_ms = missing[0][0], missing[-1][1]
        begin_ms = max(self.tail_ms, first_ms - LEAD_IN_MS)
        if self._sounds_at(end_ms):
            return begin_ms, first_ms, end_ms + LEAD_IN_MS
        after_ms = min((start for start, _ in self._sounds if start >= end_ms), default=self.head_ms)
        return begin_ms, first_ms, min(end_ms + LEAD_IN_MS, (end_ms + after_ms) // 2)

    def _first_sound_ms(self) -> int:
        return self._sounds[0][0] if self._sounds else self.head_ms

    def _last_pause_ms(self) -> int:
        """The end of the newest silence that is not older than what may be caught up; else now."""
        if not self._sounds_at(self.head_ms - 1):
            return self.head_ms
        start = self._sounds[-1][0]
        return start if start >= self.head_ms - CATCH_UP_MS else self.head_ms

    def _sounds_at(self, at_ms: int) -> bool:
        return any(start <= at_ms < end for start, end in self._sounds)

    def audio(self, from_ms: int, to_ms: int, *, masked: bool = False) -> bytes:
        """Audio of the ring. ``masked``: with silence in place of what is covered already."""
        gone = self._heard_bytes - len(self._ring)
        audio = self._ring[max(0, from_ms * BYTES_PER_MS - gone) : max(0, to_ms * BYTES_PER_MS - gone)]
        if masked:
            for start, end in self._covered:
                first, last = max(start, from_ms) - from_ms, min(end, to_ms) - from_ms
                if last > first:
                    audio[first * BYTES_PER_MS : last * BYTES_PER_MS] = SILENCE * ((last - first) * BYTES_PER_MS)
        return bytes(audio)

    def _let_go(self, count: int) -> None:
        del self._ring[:count]
        tail_ms = self.tail_ms
        while self._sounds and self._sounds[0][0] < tail_ms:
            start, end = self._sounds.popleft()
            for uncovered_ms, last_ms in _without([(start, end)], self._covered):
                first_ms = max(start, uncovered_ms - EDGE_MS)
                if first_ms < tail_ms:
                    self.lost = (self.lost[0] if self.lost else first_ms, min(last_ms, tail_ms))
            if end > tail_ms:
                self._sounds.appendleft((tail_ms, end))
        while self._covered and self._covered[0][1] <= tail_ms:
            del self._covered[0]


def _united(spans: Iterable[Span]) -> list[Span]:
    united: list[Span] = []
    for start, end in sorted(spans):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united


def _without(spans: Iterable[Span], taken: Sequence[Span]) -> list[Span]:
    """What is left of ``spans``, where it is long enough to be a word; both are in order and without overlap."""
    left: list[Span] = []
    for start, end in spans:
        at = start
        for taken_start, taken_end in taken:
            if taken_end <= at or taken_start >= end:
                continue
            if taken_start - at >= SHORTEST_MS:
                left.append((at, taken_start))
            at = taken_end
        if end - at >= SHORTEST_MS:
            left.append((at, end))
    return left
