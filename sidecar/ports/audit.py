"""The audit log: entries are added and read. There is no way to change one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sidecar.domain.audit import AuditEntry


class AuditLog(Protocol):
    """All methods raise StoreUnavailable when the store does not answer."""

    async def add(self, entry: AuditEntry) -> None:
        """For good."""
        ...

    async def entries(self, tenant: str, *, before: str | None = None, limit: int) -> Sequence[AuditEntry]:
        """A tenant's, the newest first, at most ``limit``; ``before``: those older than the entry of that id."""
        ...
