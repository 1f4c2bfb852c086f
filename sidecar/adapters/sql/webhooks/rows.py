"""Rows of webhooks to the values of ``domain.webhooks.endpoints``, and the bodies that deliveries carry."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from itertools import groupby
from typing import Any

import msgspec
from sqlalchemy import Select, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.adapters.sql.rows import AnyRow
from sidecar.adapters.sql.tables import conferences, events
from sidecar.adapters.sql.webhooks.tables import (
    webhook_attempts,
    webhook_deliveries,
    webhook_delivery_events,
    webhook_endpoints,
)
from sidecar.domain.errors import NotFound
from sidecar.domain.events import Event
from sidecar.domain.webhooks.endpoints import (
    BATCH_TYPE,
    Attempt,
    Delivery,
    DeliveryState,
    Endpoint,
    EndpointState,
    Outcome,
)

SECRET_HINT = 4  # characters


class _Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """``domain.events.Event`` from its row as it is, without a look at its data; also for what is in no log."""

    id: str
    type: str
    seq: int | None
    timestamp: datetime
    conference: str | None
    conference_sid: str | None
    tenant: str
    data: msgspec.Raw | list[_Envelope]


def endpoint_of(row: AnyRow) -> Endpoint:
    """A row of ``webhook_endpoints``, without its secrets."""
    return Endpoint(
        id=row.id,
        tenant=row.tenant,
        url=row.url,
        description=row.description,
        types=msgspec.json.decode(row.types, type=tuple[str, ...]),
        state=EndpointState(row.state),
        created_at=row.created_at,
        secret_hint=row.secret[-SECRET_HINT:],
        old_secret_until=row.old_secret_until,
        failing_since=row.failing_since,
        last_failed_at=row.last_failed_at,
        disabled_at=row.disabled_at,
        disabled_reason=row.disabled_reason,
    )


def deliveries_with_last() -> Select[*tuple[Any, ...]]:
    """Deliveries, each beside its newest attempt as far as there is one (columns ``last_…``)."""
    columns = [column.label(f"last_{column.name}") for column in webhook_attempts.c]
    newest = and_(
        webhook_attempts.c.delivery_id == webhook_deliveries.c.id,
        webhook_attempts.c.number
        == select(webhook_attempts.c.number)
        .where(webhook_attempts.c.delivery_id == webhook_deliveries.c.id)
        .order_by(webhook_attempts.c.number.desc())
        .limit(1)
        .correlate(webhook_deliveries)
        .scalar_subquery(),
    )
    return select(webhook_deliveries, *columns).select_from(webhook_deliveries.outerjoin(webhook_attempts, newest))


def delivery_of(row: AnyRow) -> Delivery:
    """A row of ``deliveries_with_last``."""
    last = None
    if row.last_number is not None:
        last = Attempt(
            number=row.last_number,
            at=row.last_at,
            took_ms=row.last_took_ms,
            outcome=Outcome(row.last_outcome),
            status=row.last_status,
            error=row.last_error,
        )
    return Delivery(
        id=row.id,
        tenant=row.tenant,
        endpoint_id=row.endpoint_id,
        message_id=row.message_id,
        type=row.type,
        conference=row.conference_id,
        events=row.events,
        state=DeliveryState(row.state),
        created_at=row.created_at,
        tries=row.tries,
        attempts=row.attempts,
        next_at=row.next_at if row.state == DeliveryState.PENDING else None,
        delivered_at=row.delivered_at,
        reason=row.reason,
        last=last,
    )


def attempt_of(row: AnyRow) -> Attempt:
    """A row of ``webhook_attempts``."""
    return Attempt(
        number=row.number,
        at=row.at,
        took_ms=row.took_ms,
        outcome=Outcome(row.outcome),
        status=row.status,
        error=row.error,
        response=row.response,
    )


async def endpoint_row(
    connection: AsyncConnection, endpoint_id: str, tenant: str, *, to_change: bool = False
) -> AnyRow:
    """NotFound for an endpoint of another tenant, too."""
    of_tenant = select(webhook_endpoints).where(
        webhook_endpoints.c.id == endpoint_id, webhook_endpoints.c.tenant == tenant
    )
    row = (await connection.execute(of_tenant.with_for_update() if to_change else of_tenant)).one_or_none()
    if row is None:
        raise NotFound(
            f"There is no webhook endpoint {endpoint_id}.", next_step="List them: GET /v1/webhook_endpoints."
        )
    return row


async def bodies(connection: AsyncConnection, rows: Collection[AnyRow]) -> dict[str, bytes]:
    """What these rows of ``webhook_deliveries`` carry, by delivery; without those whose events are all deleted."""
    ready = {row.id: row.body.encode() for row in rows if row.body is not None}
    quoting = {row.id: row for row in rows if row.body is None}
    if not quoting:
        return ready
    quoted = webhook_delivery_events
    statement = (
        select(quoted.c.delivery_id, events, conferences.c.tenant)
        .select_from(
            quoted.join(
                events, and_(events.c.conference_id == quoted.c.conference_id, events.c.seq == quoted.c.seq)
            ).join(conferences, conferences.c.id == events.c.conference_id)
        )
        .where(quoted.c.delivery_id.in_(quoting))
        .order_by(quoted.c.delivery_id, quoted.c.position)
    )
    for delivery_id, of_delivery in groupby(await connection.execute(statement), key=lambda row: row.delivery_id):
        ready[delivery_id] = _body(quoting[delivery_id], [_envelope(row) for row in of_delivery])
    return ready


def body_of(event: Event) -> str:
    """The body of what is in no log. It may belong to no conference (``""``), which programs see as null."""
    return msgspec.json.encode(
        _Envelope(
            id=event.id,
            type=event.type,
            seq=event.seq,
            timestamp=event.timestamp,
            conference=event.conference or None,
            conference_sid=event.conference_sid,
            tenant=event.tenant,
            data=msgspec.Raw(msgspec.json.encode(event.data)),
        )
    ).decode()


def _envelope(row: AnyRow) -> _Envelope:
    return _Envelope(
        id=row.id,
        type=row.type,
        seq=row.seq,
        timestamp=row.timestamp,
        conference=row.conference_id,
        conference_sid=row.conference_sid,
        tenant=row.tenant,
        data=msgspec.Raw(row.data.encode()),
    )


def _body(delivery: AnyRow, of_log: list[_Envelope]) -> bytes:
    if delivery.type != BATCH_TYPE:
        return msgspec.json.encode(of_log[0])
    return msgspec.json.encode(
        _Envelope(
            id=delivery.message_id,
            type=BATCH_TYPE,
            seq=None,
            timestamp=delivery.created_at,
            conference=None,
            conference_sid=None,
            tenant=delivery.tenant,
            data=of_log,
        )
    )
