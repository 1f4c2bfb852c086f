"""The outbox on SQL: for each stored event, who is to be told of it, written in the transaction of the event.

Who wants what is remembered between transactions, so that events that nobody wants cost no statement. A change by this
process counts at once (``forget_endpoints``), one by another process as soon as the endpoints are looked at again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.adapters.sql.webhook_tables import webhook_endpoints, webhook_outbox
from sidecar.domain.events import Event
from sidecar.domain.webhooks import wants


class _Wish(NamedTuple):
    endpoint_id: str
    tenant: str
    types: frozenset[str]


class SqlOutbox:
    """Fulfils ``ports.outbox.Outbox`` for the transactions of one database."""

    def __init__(self) -> None:
        self._wishes: list[_Wish] | None = None
        self._changes = 0
        self._rung: set[str] = set()
        self._bell = asyncio.Event()

    async def put(self, transaction: AsyncConnection, events: Sequence[Event]) -> None:
        """One statement for all of them together; none when nobody wants them."""
        wishes = await self.look_again(transaction) if self._wishes is None else self._wishes
        rows = [
            {
                "endpoint_id": wish.endpoint_id,
                "conference_id": event.conference,
                "seq": event.seq,
                "event_id": event.id,
                "type": event.type,
                "at": event.timestamp,
            }
            for wish in wishes
            for event in events
            if wish.tenant == event.tenant and wants(wish.types, event.type)
        ]
        if rows:
            await transaction.execute(webhook_outbox.insert(), rows)
            self._rung.update(str(row["endpoint_id"]) for row in rows)

    def ring(self) -> None:
        """Tell whoever waits for work, if there is any."""
        if self._rung:
            self._bell.set()

    def ring_for(self, endpoint_id: str) -> None:
        """There is something to do for this endpoint."""
        self._rung.add(endpoint_id)
        self._bell.set()

    async def rung(self) -> set[str]:
        """The endpoints for which something was put since the call before; waits until there is one.

        One caller at a time. What a transaction put that was rolled back afterwards is among them.
        """
        await self._bell.wait()
        self._bell.clear()
        rung, self._rung = self._rung, set()
        return rung

    def forget_endpoints(self) -> None:
        """The endpoints have changed: read them again before the next event."""
        self._changes += 1
        self._wishes = None

    async def look_again(self, connection: AsyncConnection) -> list[_Wish]:
        """Read the endpoints, for another process may have changed them."""
        changes = self._changes
        columns = (webhook_endpoints.c.id, webhook_endpoints.c.tenant, webhook_endpoints.c.types)
        rows = await connection.execute(select(*columns))
        wishes = [_Wish(row.id, row.tenant, msgspec.json.decode(row.types, type=frozenset[str])) for row in rows]
        if changes == self._changes:  # else they changed while they were being read
            self._wishes = wishes
        return wishes
