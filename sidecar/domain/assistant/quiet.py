"""Who is speaking, and from when on there is room for the assistant to speak. Pure; ms of the conference clock.

Speech is told by a cheap detector, words by the recogniser, later. So a stretch of speech stands in the way until some
time after its end; longer if nobody knows yet what was said; and sound without any word not for ever.
"""

from __future__ import annotations

from collections import deque

import msgspec

# All have to be silent for so long.
QUIET_MS = 600
# What was said in a stretch of speech is known so long after its end, or it was nothing.
TEXT_WITHIN_MS = 1_200
# Who has made sounds for so long without a word that became known is a line with noise on it, or music.
NOISE_MS = 3_000
# Detector and recogniser place the same start or end at most so far apart.
SLACK_MS = 500
STRETCHES_KEPT = 60


class _Stretch(msgspec.Struct):
    """Speech of one participant. ``words_ms``: when words of it became known last; ``final_ms``: up to where all are.

    ``noticed``: a detector tells its end. Else its final does.
    """

    participant: str
    start_ms: int
    end_ms: int | None = None
    noticed: bool = True
    words_ms: int = 0
    final_ms: int = 0

    @property
    def in_the_way_until_ms(self) -> int:
        if self.end_ms is None:
            return max(self.start_ms, self.words_ms) + NOISE_MS
        return self.end_ms + (QUIET_MS if self.final_ms + SLACK_MS >= self.end_ms else TEXT_WITHIN_MS)


class Quiet:
    """Told of everybody who counts; coaches do not."""

    def __init__(self) -> None:
        self._stretches: deque[_Stretch] = deque(maxlen=STRETCHES_KEPT)

    def free_from_ms(self) -> int:
        """From when on there is room, if nobody says anything more. A time that has passed: there is room."""
        return max((stretch.in_the_way_until_ms for stretch in self._stretches), default=0)

    def speech_started(self, participant: str, at_ms: int) -> None:
        """Somebody began to speak."""
        if self._open(participant) is None:
            self._stretches.append(_Stretch(participant, at_ms))

    def speech_ended(self, participant: str, at_ms: int) -> None:
        """Somebody is silent."""
        stretch = self._open(participant)
        if stretch is not None:
            stretch.end_ms = max(at_ms, stretch.start_ms)

    def words(self, participant: str, start_ms: int, end_ms: int, now_ms: int, *, final: bool) -> None:
        """Words became known, or that there are none: then they are final."""
        about = [s for s in self._stretches if s.participant == participant and s.start_ms < end_ms + SLACK_MS]
        about = [s for s in about if s.end_ms is None or start_ms < s.end_ms + SLACK_MS]
        if not about:
            about = [_Stretch(participant, start_ms, noticed=False)]
            self._stretches.extend(about)
        for stretch in about:
            stretch.words_ms = now_ms
            if final:
                stretch.final_ms = max(stretch.final_ms, end_ms)
                stretch.end_ms = stretch.end_ms if stretch.noticed else end_ms

    def left(self, participant: str) -> None:
        """A participant is gone, muted, on hold, or coaches from now on."""
        kept = [stretch for stretch in self._stretches if stretch.participant != participant]
        self._stretches = deque(kept, maxlen=STRETCHES_KEPT)

    def spoken_into_ms(self, participant: str, start_ms: int, end_ms: int) -> int:
        """For how long others spoke at the same time."""
        shared = 0
        for other in self._stretches:
            if other.participant != participant:
                until_ms = end_ms if other.end_ms is None else min(end_ms, other.end_ms)
                shared = max(shared, until_ms - max(start_ms, other.start_ms))
        return shared

    def _open(self, participant: str) -> _Stretch | None:
        mine = [s for s in self._stretches if s.participant == participant and s.end_ms is None]
        return mine[-1] if mine else None
