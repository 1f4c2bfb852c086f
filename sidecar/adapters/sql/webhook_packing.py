"""From the outbox to deliveries: one for each event, batches of those that come often. Frozen from then on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.adapters.sql.rows import AnyRow
from sidecar.adapters.sql.webhook_deliveries import again
from sidecar.adapters.sql.webhook_tables import webhook_deliveries, webhook_delivery_events, webhook_outbox
from sidecar.domain.webhooks import (
    BATCH_EVENTS,
    BATCH_TYPE,
    BATCH_WAIT,
    DeliveryState,
    EndpointState,
    is_batched,
)

# Rows of the outbox in one go: more wait for the next turn.
PACK_MOST = 200


async def pack(
    connection: AsyncConnection,
    endpoint_id: str,
    endpoint: AnyRow | None,
    *,
    new_id: Callable[[str], str],
    now: datetime,
) -> datetime | None:
    """Make deliveries of what waits for an endpoint. When to look again: a batch may wait to be filled.

    ``endpoint``: its row; None: it was removed, and what waits for it is thrown away.
    """
    of = webhook_outbox.c
    if endpoint is None:
        await connection.execute(delete(webhook_outbox).where(of.endpoint_id == endpoint_id))
        return None
    waiting = (
        select(webhook_outbox)
        .where(of.endpoint_id == endpoint_id)
        .order_by(of.at, of.conference_id, of.seq)
        .limit(PACK_MOST)
        .with_for_update(skip_locked=True)
    )
    rows = (await connection.execute(waiting)).all()
    singles = [row for row in rows if not is_batched(row.type)]
    batches, rest = _batches([row for row in rows if is_batched(row.type)], now)
    ready = [*singles, *(row for batch in batches for row in batch)]
    if ready:
        makers = _Deliveries(endpoint, new_id, now)
        fresh = await _without_known(connection, endpoint_id, singles, now)
        makers.add_singles(fresh)
        makers.add_batches(batches)
        await makers.store(connection)
        keys = tuple_(of.conference_id, of.seq).in_([(row.conference_id, row.seq) for row in ready])
        await connection.execute(delete(webhook_outbox).where(of.endpoint_id == endpoint_id, keys))
    if len(rows) == PACK_MOST:
        return now
    return rest[0].at + BATCH_WAIT if rest else None


def _batches(rows: Sequence[AnyRow], now: datetime) -> tuple[list[Sequence[AnyRow]], Sequence[AnyRow]]:
    """Those that are closed, and what waits for company."""
    chunks = [rows[start : start + BATCH_EVENTS] for start in range(0, len(rows), BATCH_EVENTS)]
    if chunks and len(chunks[-1]) < BATCH_EVENTS and chunks[-1][0].at + BATCH_WAIT > now:
        return chunks[:-1], chunks[-1]
    return chunks, []


async def _without_known(
    connection: AsyncConnection, endpoint_id: str, singles: Sequence[AnyRow], now: datetime
) -> list[AnyRow]:
    """Those that are in no delivery yet; a delivery of one that is sent again is tried again."""
    if not singles:
        return []
    of = webhook_deliveries.c
    ids = [row.event_id for row in singles]
    known = {
        row.message_id
        for row in await connection.execute(
            select(of.message_id).where(of.endpoint_id == endpoint_id, of.message_id.in_(ids))
        )
    }
    if known:
        once_more = update(webhook_deliveries).where(of.endpoint_id == endpoint_id, of.message_id.in_(sorted(known)))
        await connection.execute(once_more.values(again(now)))
    return [row for row in singles if row.event_id not in known]


class _Deliveries:
    """Rows of new deliveries of one endpoint, and of what they carry."""

    def __init__(self, endpoint: AnyRow, new_id: Callable[[str], str], now: datetime) -> None:
        self._endpoint = endpoint
        self._new_id = new_id
        self._now = now
        self._made: list[dict[str, Any]] = []
        self._carried: list[dict[str, Any]] = []

    def add_singles(self, rows: Sequence[AnyRow]) -> None:
        for row in rows:
            self._add(row.event_id, row.type, row.conference_id, [row])

    def add_batches(self, batches: Sequence[Sequence[AnyRow]]) -> None:
        for batch in batches:
            self._add(self._new_id("bat"), BATCH_TYPE, None, batch)

    async def store(self, connection: AsyncConnection) -> None:
        if self._made:
            await connection.execute(webhook_deliveries.insert(), self._made)
            await connection.execute(webhook_delivery_events.insert(), self._carried)

    def _add(self, message_id: str, type_: str, conference_id: str | None, rows: Sequence[AnyRow]) -> None:
        delivery_id = self._new_id("dlv")
        disabled = self._endpoint.state == EndpointState.DISABLED
        self._made.append(
            {
                "id": delivery_id,
                "endpoint_id": self._endpoint.id,
                "tenant": self._endpoint.tenant,
                "message_id": message_id,
                "type": type_,
                "conference_id": conference_id,
                "events": len(rows),
                "state": DeliveryState.FAILED if disabled else DeliveryState.PENDING,
                "reason": "endpoint_disabled" if disabled else "",
                "created_at": self._now,
                "next_at": None if disabled else self._now,
            }
        )
        self._carried += [
            {"delivery_id": delivery_id, "position": position, "conference_id": row.conference_id, "seq": row.seq}
            for position, row in enumerate(rows)
        ]
