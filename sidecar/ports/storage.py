"""Where the event log lies: whether it answers, and how much more fits."""

from __future__ import annotations

from typing import Protocol


class Storage(Protocol):
    """The database as operators see it."""

    async def check(self) -> None:
        """Raises StoreUnavailable when it does not answer."""
        ...

    def free_bytes(self) -> int | None:
        """Free space on the disk that it grows on, in bytes; None where that is another machine's affair."""
        ...
