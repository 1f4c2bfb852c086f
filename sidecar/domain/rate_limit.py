"""How often something may be done: a bucket that fills again evenly. Pure: whoever asks brings the time.

The generic cell rate algorithm: per key one number, the moment at which its bucket is full again
(https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm).
"""

from __future__ import annotations

import math
from typing import NamedTuple

# Keys remembered at once. Full: those whose bucket is full are forgotten, which changes nothing for them; are there
# none, all are, so that whoever sends many names cannot fill the memory.
KEYS_MOST = 10_000


class Taken(NamedTuple):
    """``left``: how many more just now. ``retry_after_s``: 0 if it was allowed. ``full_in_s``: until all are back."""

    allowed: bool
    left: int
    retry_after_s: float
    full_in_s: float


class RateLimit:
    """``burst``: how many at once; ``per_minute``: how many come back within a minute."""

    def __init__(self, *, burst: int, per_minute: float) -> None:
        self.burst = burst
        self.per_minute = per_minute
        self._each_s = 60.0 / per_minute
        self._full_at: dict[str, float] = {}

    def look(self, key: str, now: float) -> Taken:
        """Whether one more would be allowed; nothing is taken. ``now``: seconds on a clock that never goes back."""
        return self._after(self._waiting(key, now) + self._each_s, taking=False)

    def take(self, key: str, now: float) -> Taken:
        """One more, if it is allowed. What is refused costs nothing."""
        waiting_s = self._waiting(key, now) + self._each_s
        taken = self._after(waiting_s, taking=True)
        if taken.allowed:
            if len(self._full_at) >= KEYS_MOST:
                self._full_at = {one: at for one, at in self._full_at.items() if at > now}
                if len(self._full_at) >= KEYS_MOST:
                    self._full_at.clear()
            self._full_at[key] = now + waiting_s
        return taken

    def _waiting(self, key: str, now: float) -> float:
        return max(0.0, self._full_at.get(key, now) - now)

    def _after(self, waiting_s: float, *, taking: bool) -> Taken:
        room_s = self.burst * self._each_s
        # A hair of room, for the sums of floats.
        allowed = waiting_s <= room_s + 1e-6
        before_s = waiting_s if allowed and taking else waiting_s - self._each_s
        left = max(0, math.floor((room_s - before_s) / self._each_s + 1e-6))
        return Taken(allowed, left, 0.0 if allowed else waiting_s - room_s, before_s)
