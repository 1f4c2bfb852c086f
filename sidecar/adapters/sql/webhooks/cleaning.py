"""What webhooks leave behind is taken away with time. With a conference, ``keeping.erasure`` takes it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.adapters.sql.webhooks.tables import (
    has_response,
    webhook_attempts,
    webhook_deliveries,
    webhook_delivery_events,
)
from sidecar.domain.webhooks.endpoints import DeliveryState

# Deliveries and attempts in one transaction.
CLEAN_MOST = 500


async def clean(connection: AsyncConnection, *, log_before: datetime, bodies_before: datetime) -> bool:
    """Remove some deliveries that are over, and some bodies. Whether there may be more."""
    of, tried = webhook_deliveries.c, webhook_attempts.c
    over = of.state != DeliveryState.PENDING
    old = [
        row.id
        for row in await connection.execute(
            select(of.id).where(over, of.created_at < log_before).order_by(of.created_at).limit(CLEAN_MOST)
        )
    ]
    if old:
        for table in (webhook_attempts, webhook_delivery_events):
            await connection.execute(delete(table).where(table.c.delivery_id.in_(old)))
        await connection.execute(delete(webhook_deliveries).where(of.id.in_(old)))
    answered = (
        await connection.execute(
            select(tried.delivery_id, tried.number).where(tried.at < bodies_before, has_response).limit(CLEAN_MOST)
        )
    ).all()
    for row in answered:
        this = (tried.delivery_id == row.delivery_id, tried.number == row.number)
        await connection.execute(update(webhook_attempts).where(*this).values(response=""))
    kept = [
        row.id
        for row in await connection.execute(
            select(of.id).where(over, of.created_at < bodies_before, of.body.is_not(None)).limit(CLEAN_MOST)
        )
    ]
    if kept:
        await connection.execute(update(webhook_deliveries).where(of.id.in_(kept)).values(body=None))
    return CLEAN_MOST in (len(old), len(answered), len(kept))
