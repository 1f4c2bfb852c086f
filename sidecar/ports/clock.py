"""Time and fresh ids, handed in so that rules and tests never read a clock."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time for timestamps, monotonic time for durations, ids that sort by time."""

    def now(self) -> datetime:
        """The present moment, timezone-aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean anything."""
        ...

    def new_id(self, kind: str) -> str:
        """``<kind>_<ULID>``: kind is cnf, par, frk, utt, evt, not, ses, usr, uss (a user's session), key …"""
        ...

    def new_token(self) -> str:
        """128 random bits as URL-safe text, for single use."""
        ...
