"""From the outbox to deliveries: one for each event, batches of those that come often. Frozen from then on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.adapters.sql.rows import AnyRow
from sidecar.adapters.sql.webhooks.tables import webhook_deliveries, webhook_delivery_events, webhook_outbox
from sidecar.domain.webhooks.endpoints import (
    BATCH_EVENTS,
    BATCH_TYPE,
    BATCH_WAIT,
    DeliveryState,
    EndpointState,
    is_batched,
)

# Rows of the outbox in one go: more wait for the next turn.
PACK_MOST = 200


class Packed(NamedTuple):
    """The deliveries that were made. ``look_at``: when there is more to do; a batch may wait to be filled."""

    made: frozenset[str] = frozenset()
    look_at: datetime | None = None


async def pack(
    connection: AsyncConnection,
    endpoint_id: str,
    endpoint: AnyRow | None,
    *,
    new_id: Callable[[str], str],
    now: datetime,
) -> Packed:
    """Make deliveries of what waits for an endpoint.

    ``endpoint``: its row; None: it was removed, and what waits for it is thrown away.
    """
    of = webhook_outbox.c
    if endpoint is None:
        await connection.execute(delete(webhook_outbox).where(of.endpoint_id == endpoint_id))
        return Packed()
    waiting = (
        select(webhook_outbox)
        .where(of.endpoint_id == endpoint_id)
        .order_by(of.at, of.conference_id, of.seq)
        .limit(PACK_MOST)
        .with_for_update(skip_locked=True)
    )
    rows = (await connection.execute(waiting)).all()
    batches, rest = _batches([row for row in rows if is_batched(row.type)], now)
    makers = _Deliveries(endpoint, new_id, now)
    makers.add_singles([row for row in rows if not is_batched(row.type)])
    makers.add_batches(batches)
    made = await makers.store(connection)
    if made:
        keys = [(row.conference_id, row.seq) for row in rows if row not in rest]
        chosen = tuple_(of.conference_id, of.seq).in_(keys)
        await connection.execute(delete(webhook_outbox).where(of.endpoint_id == endpoint_id, chosen))
    if len(rows) == PACK_MOST:
        return Packed(made, now)
    return Packed(made, rest[0].at + BATCH_WAIT if rest else None)


def _batches(rows: Sequence[AnyRow], now: datetime) -> tuple[list[Sequence[AnyRow]], Sequence[AnyRow]]:
    """Those that are closed, and what waits for company."""
    chunks = [rows[start : start + BATCH_EVENTS] for start in range(0, len(rows), BATCH_EVENTS)]
    # Whatever seems to be of the future was put before the clock went back, and has waited long enough.
    if chunks and len(chunks[-1]) < BATCH_EVENTS and abs(now - chunks[-1][0].at) < BATCH_WAIT:
        return chunks[:-1], chunks[-1]
    return chunks, []


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

    async def store(self, connection: AsyncConnection) -> frozenset[str]:
        if self._made:
            await connection.execute(webhook_deliveries.insert(), self._made)
            await connection.execute(webhook_delivery_events.insert(), self._carried)
        return frozenset(made["id"] for made in self._made)

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
