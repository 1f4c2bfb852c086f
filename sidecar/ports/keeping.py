"""What tenants have decided about keeping, and how what is not to be kept goes away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from sidecar.domain.conference.values import Conference
from sidecar.domain.keeping import Keeping


class Keepings(Protocol):
    """One decision per tenant. All methods raise StoreUnavailable when the store does not answer."""

    async def all(self) -> Mapping[str, Keeping]:
        """By tenant; who has not decided is not among them."""
        ...

    async def decide(self, tenant: str, keeping: Keeping) -> None:
        """From now on."""
        ...


class Erasure(Protocol):
    """Conferences go in small steps, so that nobody waits for long; from the first step on nobody finds them."""

    async def begin(self, conference: Conference, *, now: datetime) -> None:
        """Nobody finds it any more. Raises NotDeletable while it goes on or its transcript is not complete."""
        ...

    async def go_on(self, conference_id: str) -> bool:
        """Delete some more of it. False: there is nothing left."""
        ...

    async def wipe(self) -> bool:
        """See to it that the storage holds no remains of what was deleted. False: somebody reads; try again."""
        ...

    async def begun(self) -> Sequence[str]:
        """Ids of those that are not gone yet."""
        ...

    async def due(self, tenant: str, *, ended_before: datetime, limit: int) -> Sequence[Conference]:
        """A tenant's complete conferences that ended before then, the oldest first."""
        ...

    async def tenants(self) -> Sequence[str]:
        """Everybody who has conferences."""
        ...
