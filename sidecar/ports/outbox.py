"""Who is to be told of an event outside of this service, noted in the transaction that stores the event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from sidecar.domain.events import Event

Transaction_contra = TypeVar("Transaction_contra", contravariant=True)


class Outbox(Protocol[Transaction_contra]):
    """What the event log calls. Nothing is sent here: an event is stored together with the order to tell it, or not."""

    async def put(self, transaction: Transaction_contra, events: Sequence[Event]) -> None:
        """Note for each of these new events whom to tell. Costs next to nothing when nobody wants them."""
        ...

    def ring(self) -> None:
        """The transaction is committed: whoever delivers may look now."""
        ...
