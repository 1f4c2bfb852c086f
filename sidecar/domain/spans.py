"""Stretches of the conference clock during which something was so: muted or held, coaching. One may still be open."""

from __future__ import annotations

import msgspec

# Stretches remembered; older ones are forgotten, for nobody asks about audio of so long ago.
SPANS_KEPT = 100


class Spans(msgspec.Struct, frozen=True):
    """In order of time and without overlap. ``since``: the start of the one that is open, or None."""

    closed: tuple[tuple[int, int], ...] = ()
    since: int | None = None

    def switched(self, on: bool, at_ms: int) -> Spans:
        """From ``at_ms`` on it is so, or no longer. Saying again what is known changes nothing."""
        if on == (self.since is not None):
            return self
        if self.since is None:
            return Spans(self.closed, max(at_ms, self.closed[-1][1] if self.closed else 0))
        if at_ms <= self.since:
            return Spans(self.closed)
        return Spans((*self.closed, (self.since, at_ms))[-SPANS_KEPT:])

    def outside(self, from_ms: int, to_ms: int) -> list[tuple[int, int]]:
        """What is left of a stretch without these; empty parts are left out."""
        parts, at = list[tuple[int, int]](), from_ms
        for start, end in self._all(to_ms):
            if start > at:
                parts.append((at, min(start, to_ms)))
            at = max(at, end)
        parts.append((at, to_ms))
        return [(start, end) for start, end in parts if end > start]

    def touch(self, from_ms: int, to_ms: int) -> bool:
        """Whether any moment of a stretch lies in one of these."""
        return from_ms < to_ms and any(start < to_ms and end > from_ms for start, end in self._all(to_ms))

    def _all(self, until_ms: int) -> tuple[tuple[int, int], ...]:
        return self.closed if self.since is None else (*self.closed, (self.since, max(self.since, until_ms)))


NEVER = Spans()


class Hearing:
    """Which of a stream's audio is not for the recogniser, and which is a coach's whisper; on the conference clock."""

    def __init__(
        self, *, rests: bool = False, coaching: bool = False, pauses: Spans = NEVER, heard_to_ms: int = 0
    ) -> None:
        """As it is at the start of a stream. ``pauses``: of the whole conference; they rest everybody.

        ``heard_to_ms``: up to here another stream of the same call was heard, so this one is not.
        """
        # A frame counts by its end, and the last one of the other stream ended just then.
        heard = Spans(pauses.closed).switched(heard_to_ms > 0, 0).switched(False, heard_to_ms + 1)
        self.rests = heard.switched(rests or pauses.since is not None, 0)
        self.coaching = Spans(since=0 if coaching else None)
        self.ever_rests = self.rests != NEVER  # asked for each frame

    def resting_at(self, at_ms: int) -> bool:
        """Whether what the line carries at this moment is not for the recogniser: muted, held, or paused."""
        closed = self.rests.closed
        return self.rests.since is not None or bool(closed and at_ms < closed[-1][1])

    def switch(self, *, rests: bool, coaching: bool, at_ms: int, heard_from_ms: int = 0) -> None:
        """From ``at_ms`` on. What rested does not end before ``heard_from_ms``, which may lie ahead."""
        self.rests = self.rests.switched(rests, at_ms if rests else max(at_ms, heard_from_ms))
        self.ever_rests = self.rests != NEVER
        self.coaching = self.coaching.switched(coaching, at_ms)
