"""The truth: durable events per conference, numbered without holes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sidecar.domain.events import Entry, Event


class EventLog(Protocol):
    """Append and read. ``seq`` comes from the conference's row, inside the transaction that stores the event."""

    async def append(self, batch: Sequence[Entry]) -> list[Event | None]:
        """Store a batch in one transaction, with the rows that follow from it (``Directory`` shows them).

        Returns one item per entry, in order: the numbered event, or None for a Coverage entry and for an utterance
        that is stored already (same fork, session and result index). Nobody may be told before this returns.
        Raises StoreUnavailable when nothing was stored (locked, disk full, connection lost): try the same batch again.
        Raises NotFound when a draft names a conference that does not exist.
        """
        ...

    async def read(self, conference_id: str, *, after: int = 0, limit: int = 1000) -> list[Event]:
        """Events with ``seq > after`` in order of seq, at most ``limit``."""
        ...

    async def epoch(self) -> str:
        """Random word of this database's life; another value means that seq numbers of before are void."""
        ...
