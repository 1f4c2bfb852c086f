"""The log of deliveries on SQL, and sending again: what is to be sent is a row, and the dispatcher is told to look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.adapters.sql.engine import Database
from sidecar.adapters.sql.rows import AnyRow
from sidecar.adapters.sql.tables import conferences, events
from sidecar.adapters.sql.webhooks.outbox import SqlOutbox
from sidecar.adapters.sql.webhooks.rows import (
    attempt_of,
    bodies,
    body_of,
    deliveries_with_last,
    delivery_of,
    endpoint_of,
    endpoint_row,
)
from sidecar.adapters.sql.webhooks.tables import is_pending, webhook_attempts, webhook_deliveries, webhook_outbox
from sidecar.domain.errors import NotFound
from sidecar.domain.events import Event
from sidecar.domain.webhooks.endpoints import (
    RESEND_MOST,
    Delivery,
    DeliveryState,
    EndpointRefused,
    EndpointState,
    wants,
)
from sidecar.ports.webhooks import DeliveryDetail, DeliveryFilter, Tally


class SqlWebhookDeliveries:
    """Fulfils ``ports.webhooks.WebhookDeliveries``. ``new_id``: of the clock."""

    def __init__(self, database: Database, outbox: SqlOutbox, new_id: Callable[[str], str]) -> None:
        self._database = database
        self._outbox = outbox
        self._new_id = new_id

    async def tallies(self, *, tenant: str, since: datetime) -> Mapping[str, Tally]:
        """One statement."""
        of = webhook_deliveries.c
        counted = (
            select(of.endpoint_id, of.state, func.count().label("count"))
            .where(of.tenant == tenant, or_(is_pending, of.created_at >= since))
            .group_by(of.endpoint_id, of.state)
        )
        found: dict[str, dict[str, int]] = {}
        async with self._database.read() as connection:
            for row in await connection.execute(counted):
                found.setdefault(row.endpoint_id, {})[row.state] = row[2]
        return {endpoint_id: Tally(**states) for endpoint_id, states in found.items()}

    async def deliveries(
        self, endpoint_id: str, *, tenant: str, wanted: DeliveryFilter, limit: int
    ) -> Sequence[Delivery]:
        """Ids rise with time, so they are the order."""
        of = webhook_deliveries.c
        chosen: list[ColumnElement[bool]] = [of.endpoint_id == endpoint_id]
        if wanted.states:
            chosen.append(of.state.in_(sorted(wanted.states)))
        if wanted.type:
            chosen.append(of.type == wanted.type)
        if wanted.since is not None:
            chosen.append(of.created_at >= wanted.since)
        if wanted.before:
            chosen.append(of.id < wanted.before)
        statement = deliveries_with_last().where(*chosen).order_by(of.id.desc()).limit(limit)
        async with self._database.read() as connection:
            await endpoint_row(connection, endpoint_id, tenant)
            return [delivery_of(row) for row in await connection.execute(statement)]

    async def delivery(self, delivery_id: str, *, tenant: str) -> DeliveryDetail:
        """NotFound."""
        of_delivery = select(webhook_attempts).where(webhook_attempts.c.delivery_id == delivery_id)
        async with self._database.read() as connection:
            row = (await connection.execute(_with_last(delivery_id, tenant))).one_or_none()
            if row is None:
                raise _not_found(delivery_id)
            attempts = [
                attempt_of(attempt)
                for attempt in await connection.execute(of_delivery.order_by(webhook_attempts.c.number))
            ]
            body = (await bodies(connection, [row])).get(delivery_id)
        return DeliveryDetail(delivery=delivery_of(row), attempts=attempts, body=body)

    async def resend(self, delivery_id: str, *, tenant: str, now: datetime) -> Delivery:
        """It is pending again."""
        async with self._database.write() as connection:
            present = (await connection.execute(_with_last(delivery_id, tenant))).one_or_none()
            if present is None:
                raise _not_found(delivery_id)
            _check_enabled(await endpoint_row(connection, present.endpoint_id, tenant, to_change=True))
            await connection.execute(
                update(webhook_deliveries).where(webhook_deliveries.c.id == delivery_id).values(again(now))
            )
            row = (await connection.execute(_with_last(delivery_id, tenant))).one()
        self._outbox.ring_for(row.endpoint_id)
        return delivery_of(row)

    async def resend_failed(self, endpoint_id: str, *, since: datetime, tenant: str, now: datetime) -> int:
        """Oldest first."""
        of = webhook_deliveries.c
        waits_after_failure = and_(is_pending, of.tries > 0)
        failed = (
            select(of.id)
            .where(of.endpoint_id == endpoint_id, of.created_at >= since)
            .where(or_(of.state == DeliveryState.FAILED, waits_after_failure))
            .order_by(of.id)
            .limit(RESEND_MOST)
        )
        async with self._database.write() as connection:
            _check_enabled(await endpoint_row(connection, endpoint_id, tenant, to_change=True))
            sent = await connection.execute(update(webhook_deliveries).where(of.id.in_(failed)).values(again(now)))
        self._outbox.ring_for(endpoint_id)
        return sent.rowcount

    async def resend_range(
        self, endpoint_id: str, conference_id: str, *, from_seq: int, to_seq: int, tenant: str, now: datetime
    ) -> int:
        """What has a delivery of its own is tried again; the rest goes into the outbox once more."""
        in_range = (
            select(events.c.seq, events.c.id, events.c.type)
            .where(events.c.conference_id == conference_id, events.c.seq >= from_seq, events.c.seq <= to_seq)
            .order_by(events.c.seq)
            .limit(RESEND_MOST + 1)
        )
        known = select(conferences.c.id).where(conferences.c.id == conference_id, conferences.c.tenant == tenant)
        of = webhook_outbox.c
        waiting = select(of.seq).where(of.endpoint_id == endpoint_id, of.conference_id == conference_id)
        async with self._database.write() as connection:
            endpoint = await endpoint_row(connection, endpoint_id, tenant, to_change=True)
            _check_enabled(endpoint)
            if await connection.scalar(known) is None:
                raise NotFound(f"There is no conference {conference_id}.")
            found = (await connection.execute(in_range)).all()
            if len(found) > RESEND_MOST:
                raise EndpointRefused(
                    f"At most {RESEND_MOST} events are sent again by one request.",
                    next_step="Ask for smaller ranges, one after the other.",
                    code="resend_too_large",
                )
            types = endpoint_of(endpoint).types
            wanted = [row for row in found if wants(types, row.type)]
            told = await _try_again(connection, endpoint_id, [row.id for row in wanted], now)
            there = {row.seq for row in await connection.execute(waiting)}
            rows = [
                _outbox_row(endpoint_id, conference_id, row, now)
                for row in wanted
                if row.id not in told and row.seq not in there
            ]
            if rows:
                await connection.execute(webhook_outbox.insert(), rows)
        self._outbox.ring_for(endpoint_id)
        return len(wanted)

    async def send(self, endpoint_id: str, event: Event, *, now: datetime) -> Delivery:
        """Its body is kept with it."""
        async with self._database.write() as connection:
            _check_enabled(await endpoint_row(connection, endpoint_id, event.tenant))
            row = not_in_log(endpoint_id, event, delivery_id=self._new_id("dlv"), now=now)
            await connection.execute(webhook_deliveries.insert().values(row))
            made = (await connection.execute(_with_last(row["id"], event.tenant))).one()
        self._outbox.ring_for(endpoint_id)
        return delivery_of(made)


def again(now: datetime) -> dict[str, Any]:
    """What a delivery is when it is sent again."""
    return {"state": DeliveryState.PENDING, "reason": "", "tries": 0, "next_at": now}


def not_in_log(endpoint_id: str, event: Event, *, delivery_id: str, now: datetime) -> dict[str, Any]:
    """The row of a delivery with a body of its own."""
    return {
        "id": delivery_id,
        "endpoint_id": endpoint_id,
        "tenant": event.tenant,
        "message_id": event.id,
        "type": event.type,
        "conference_id": event.conference or None,
        "events": 1,
        "body": body_of(event),
        "state": DeliveryState.PENDING,
        "created_at": now,
        "next_at": now,
    }


async def _try_again(
    connection: AsyncConnection, endpoint_id: str, event_ids: Sequence[str], now: datetime
) -> set[str]:
    """Those of these events that are the only one of a delivery: it is pending again."""
    of = webhook_deliveries.c
    alone = update(webhook_deliveries).where(of.endpoint_id == endpoint_id, of.message_id.in_(event_ids))
    return {row.message_id for row in await connection.execute(alone.values(again(now)).returning(of.message_id))}


def _outbox_row(endpoint_id: str, conference_id: str, event: AnyRow, now: datetime) -> dict[str, Any]:
    return {
        "endpoint_id": endpoint_id,
        "conference_id": conference_id,
        "seq": event.seq,
        "event_id": event.id,
        "type": event.type,
        "at": now,
    }


def _with_last(delivery_id: str, tenant: str) -> Any:
    this = and_(webhook_deliveries.c.id == delivery_id, webhook_deliveries.c.tenant == tenant)
    return deliveries_with_last().where(this)


def _check_enabled(endpoint: AnyRow) -> None:
    if endpoint.state == EndpointState.DISABLED:
        raise EndpointRefused(
            f"Webhook endpoint {endpoint.id} is disabled.",
            next_step="Enable it, then send again.",
            code="endpoint_disabled",
        )


def _not_found(delivery_id: str) -> NotFound:
    return NotFound(f"There is no webhook delivery {delivery_id}.")
