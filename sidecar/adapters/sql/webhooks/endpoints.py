"""Endpoints on SQL. Every look-up names the tenant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.adapters.sql.engine import Database, serialise
from sidecar.adapters.sql.webhooks.outbox import SqlOutbox
from sidecar.adapters.sql.webhooks.rows import endpoint_of, endpoint_row
from sidecar.adapters.sql.webhooks.tables import (
    is_pending,
    webhook_attempts,
    webhook_deliveries,
    webhook_delivery_events,
    webhook_endpoints,
    webhook_outbox,
)
from sidecar.domain.webhooks.endpoints import (
    ENDPOINTS_MOST,
    DeliveryState,
    Endpoint,
    EndpointChange,
    EndpointRefused,
    EndpointState,
    checked_overlap,
)


class SqlWebhookEndpoints:
    """Fulfils ``ports.webhooks.WebhookEndpoints``."""

    def __init__(self, database: Database, outbox: SqlOutbox) -> None:
        self._database = database
        self._outbox = outbox

    async def add(self, endpoint: Endpoint, *, secret: str) -> Endpoint:
        """Who adds one passes here one by one, so that the limit holds."""
        values = {
            "id": endpoint.id,
            "tenant": endpoint.tenant,
            "url": endpoint.url,
            "description": endpoint.description,
            "types": msgspec.json.encode(endpoint.types).decode(),
            "state": endpoint.state,
            "created_at": endpoint.created_at,
            "secret": secret,
        }
        async with self._database.write() as connection:
            await serialise(connection, f"webhook endpoints {endpoint.tenant}")
            of_tenant = webhook_endpoints.c.tenant == endpoint.tenant
            there = await connection.scalar(select(func.count()).select_from(webhook_endpoints).where(of_tenant))
            if (there or 0) >= ENDPOINTS_MOST:
                raise EndpointRefused(
                    f"There are {ENDPOINTS_MOST} webhook endpoints, and that is the limit.",
                    next_step="Remove one that is no longer needed.",
                    code="endpoints_full",
                )
            await connection.execute(webhook_endpoints.insert().values(values))
            added = endpoint_of(await endpoint_row(connection, endpoint.id, endpoint.tenant))
        self._outbox.endpoint_changed(endpoint.id)
        return added

    async def endpoint(self, endpoint_id: str, *, tenant: str) -> Endpoint:
        """NotFound."""
        async with self._database.read() as connection:
            return endpoint_of(await endpoint_row(connection, endpoint_id, tenant))

    async def endpoints(self, *, tenant: str) -> Sequence[Endpoint]:
        """Oldest first."""
        of_tenant = select(webhook_endpoints).where(webhook_endpoints.c.tenant == tenant)
        async with self._database.read() as connection:
            rows = await connection.execute(of_tenant.order_by(webhook_endpoints.c.created_at, webhook_endpoints.c.id))
            return [endpoint_of(row) for row in rows]

    async def change(self, endpoint_id: str, change: EndpointChange, *, tenant: str, now: datetime) -> Endpoint:
        """Deliveries of a disabled endpoint fail at once."""
        values: dict[str, Any] = {}
        if change.url is not None:
            values |= {"url": change.url, "failing_since": None, "last_failed_at": None}
        if change.description is not None:
            values["description"] = change.description
        if change.types is not None:
            values["types"] = msgspec.json.encode(change.types).decode()
        async with self._database.write() as connection:
            present = await endpoint_row(connection, endpoint_id, tenant, to_change=True)
            if change.state is not None and change.state != present.state:
                values |= _new_state(change.state, present.state, now)
            if values:
                await _update(connection, endpoint_id, values)
            if values.get("state") == EndpointState.DISABLED:
                await fail_pending(connection, endpoint_id)
            changed = endpoint_of(await endpoint_row(connection, endpoint_id, tenant))
        self._outbox.endpoint_changed(endpoint_id)
        return changed

    async def remove(self, endpoint_id: str, *, tenant: str) -> None:
        """With all that was to be told it."""
        of_endpoint = select(webhook_deliveries.c.id).where(webhook_deliveries.c.endpoint_id == endpoint_id)
        async with self._database.write() as connection:
            await endpoint_row(connection, endpoint_id, tenant, to_change=True)
            for table in (webhook_attempts, webhook_delivery_events):
                await connection.execute(delete(table).where(table.c.delivery_id.in_(of_endpoint)))
            for table in (webhook_deliveries, webhook_outbox):
                await connection.execute(delete(table).where(table.c.endpoint_id == endpoint_id))
            await connection.execute(delete(webhook_endpoints).where(webhook_endpoints.c.id == endpoint_id))
        self._outbox.endpoint_changed(endpoint_id)

    async def rotate(
        self, endpoint_id: str, *, secret: str, overlap: timedelta, tenant: str, now: datetime
    ) -> Endpoint:
        """A still older secret ends."""
        until = now + checked_overlap(overlap)
        async with self._database.write() as connection:
            present = await endpoint_row(connection, endpoint_id, tenant, to_change=True)
            values = {"secret": secret, "old_secret": present.secret, "old_secret_until": until}
            await _update(connection, endpoint_id, values)
            rotated = endpoint_of(await endpoint_row(connection, endpoint_id, tenant))
        self._outbox.endpoint_changed(endpoint_id)
        return rotated

    async def expire_old_secret(self, endpoint_id: str, *, tenant: str) -> Endpoint:
        """Forgets it."""
        async with self._database.write() as connection:
            await endpoint_row(connection, endpoint_id, tenant, to_change=True)
            await _update(connection, endpoint_id, {"old_secret": None, "old_secret_until": None})
            left = endpoint_of(await endpoint_row(connection, endpoint_id, tenant))
        self._outbox.endpoint_changed(endpoint_id)
        return left


async def fail_pending(connection: AsyncConnection, endpoint_id: str) -> None:
    """What waits for an endpoint that was disabled fails, and can be sent again when it is enabled."""
    waiting = update(webhook_deliveries).where(webhook_deliveries.c.endpoint_id == endpoint_id, is_pending)
    values = {"state": DeliveryState.FAILED, "reason": "endpoint_disabled", "next_at": None}
    await connection.execute(waiting.values(values))


def _new_state(state: EndpointState, before: str, now: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {"state": state}
    if state == EndpointState.DISABLED:
        values |= {"disabled_at": now, "disabled_reason": "by_person"}
    elif before == EndpointState.DISABLED:
        values |= {"disabled_at": None, "disabled_reason": "", "failing_since": None, "last_failed_at": None}
    return values


async def _update(connection: AsyncConnection, endpoint_id: str, values: dict[str, Any]) -> None:
    await connection.execute(update(webhook_endpoints).where(webhook_endpoints.c.id == endpoint_id).values(values))
