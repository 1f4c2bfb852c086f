"""The outbox on SQL: for each stored event, who is to be told of it, written in the transaction of the event.

Who wants what is remembered between transactions, so that events that nobody wants cost no statement. A change by this
process counts at once (``endpoint_changed``), one by another process as soon as the endpoints are looked at again.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.adapters.sql.webhooks.tables import webhook_endpoints, webhook_outbox
from sidecar.domain.events import Event
from sidecar.domain.webhooks.endpoints import wants
from sidecar.ports.webhook_queue import Rung


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
        self._put: deque[str] = deque()  # endpoints for which something was put by transactions, in another thread
        self._looking = threading.Lock()  # who wants what is looked up there, too
        self._changed: set[str] = set()
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
            self._put.extend({str(row["endpoint_id"]) for row in rows})

    def ring(self) -> None:
        """Tell whoever waits for work, if there is any."""
        while self._put:
            self._rung.add(self._put.popleft())
        if self._rung:
            self._bell.set()

    def ring_for(self, endpoint_id: str) -> None:
        """There is something to do for this endpoint."""
        self._rung.add(endpoint_id)
        self._bell.set()

    async def rung(self) -> Rung:
        """What happened since the call before; waits until something does.

        One caller at a time. What a transaction put that was rolled back afterwards is among it.
        """
        await self._bell.wait()
        self._bell.clear()
        rung = Rung(endpoints=frozenset(self._rung), changed=frozenset(self._changed))
        self._rung, self._changed = set(), set()
        return rung

    def endpoint_changed(self, endpoint_id: str) -> None:
        """Read the endpoints again before the next event; and what is claimed for this one may be out of date."""
        with self._looking:
            self._changes += 1
            self._wishes = None
        self._changed.add(endpoint_id)
        self.ring_for(endpoint_id)

    async def look_again(self, connection: AsyncConnection) -> list[_Wish]:
        """Read the endpoints, for another process may have changed them."""
        changes = self._changes
        columns = (webhook_endpoints.c.id, webhook_endpoints.c.tenant, webhook_endpoints.c.types)
        rows = await connection.execute(select(*columns))
        wishes = [_Wish(row.id, row.tenant, msgspec.json.decode(row.types, type=frozenset[str])) for row in rows]
        with self._looking:
            if changes == self._changes:  # else they changed while they were being read
                self._wishes = wishes
        return wishes
