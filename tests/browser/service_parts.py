"""What settings need of the service of the browser tests: webhooks with receivers that always answer alike."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from aiohttp import web

from sidecar.adapters.sql import (
    Database,
    SqlKeepings,
    SqlOutbox,
    SqlWebhookDeliveries,
    SqlWebhookEndpoints,
    SqlWebhookQueue,
)
from sidecar.adapters.sql.keeping.erasure import SqlErasure
from sidecar.domain.keeping import Keeping
from sidecar.domain.webhooks.addresses import AddressPolicy
from sidecar.domain.webhooks.endpoints import Outcome
from sidecar.ports.clock import Clock
from sidecar.ports.webhook_sender import Answer, Message
from sidecar.runtime.keeping import KeepingDesk
from sidecar.runtime.redaction_by_hand import RedactionByHand
from sidecar.runtime.webhook_dispatcher import WebhookDispatcher
from sidecar.server import app_keys as keys
from tests.fake_webhooks import FakeWebhookSender

KEPT = (timedelta(days=30), timedelta(days=7))


async def _overwhelmed(_message: Message, _at: datetime) -> Answer:
    body = '{"error": "The queue of this region is full. Come back later."}'
    return Answer(outcome=Outcome.REFUSED, status=503, response=body)


async def _gone(_message: Message, _at: datetime) -> Answer:
    return Answer(outcome=Outcome.GONE, status=410, response="Gone")


async def _within(_message: Message, _at: datetime) -> Answer:
    return Answer(outcome=Outcome.BLOCKED, error="private.example.com is 10.0.0.8, which is not a public address")


# https://crm.example.com/hooks and so on; who is not named here says thank you.
RECEIVERS = {"busy": _overwhelmed, "gone": _gone, "private": _within}


async def add_parts(
    app: web.Application, database: Database, outbox: SqlOutbox, clock: Clock, tasks: asyncio.TaskGroup
) -> list[asyncio.Task[None]]:
    """Webhooks, retention and redaction by hand, as ``sidecar.app`` joins them; the tasks that they need."""
    app[keys.WEBHOOK_ADDRESSES] = AddressPolicy()
    app[keys.WEBHOOK_ENDPOINTS] = SqlWebhookEndpoints(database, outbox)
    app[keys.WEBHOOK_DELIVERIES] = SqlWebhookDeliveries(database, outbox, clock.new_id)
    dispatcher = WebhookDispatcher(
        queue=SqlWebhookQueue(database, outbox, clock.new_id), sender=FakeWebhookSender(**RECEIVERS), clock=clock,
        kept=KEPT,
    )  # fmt: skip
    app[keys.KEEPING] = KeepingDesk(
        Keeping(), keepings=SqlKeepings(database), erasure=SqlErasure(database), bus=app[keys.EVENT_BUS], clock=clock
    )
    await app[keys.KEEPING].load()
    app[keys.REDACTION_RULES] = app[keys.KEEPING].rules
    app[keys.REDACTION_BY_HAND] = RedactionByHand(
        transcripts=app[keys.TRANSCRIPTS], event_log=app[keys.EVENT_LOG], writer=app[keys.EVENT_WRITER],
        bus=app[keys.EVENT_BUS], clock=clock,
    )  # fmt: skip
    return [tasks.create_task(dispatcher.run(), name="webhooks")]
