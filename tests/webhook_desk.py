"""A dispatcher over a real store with scripted receivers, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import msgspec

from sidecar.adapters.sql import (
    Database,
    SqlDirectory,
    SqlEventLog,
    SqlOutbox,
    SqlWebhookDeliveries,
    SqlWebhookEndpoints,
    SqlWebhookQueue,
)
from sidecar.domain.events import ConferenceEnded
from sidecar.ports.directory import BoundFork
from sidecar.ports.webhook_sender import Answer, Message
from sidecar.ports.webhooks import Tally
from sidecar.runtime.webhook_dispatcher import WebhookDispatcher
from tests.assistant_rig import LoopClock
from tests.facts import NOON, draft, open_call, said, webhook_endpoint
from tests.fake_webhooks import DOWN, OK, FakeWebhookSender, Receiver, url_of
from tests.virtual_time import timeless

# Longer than what is new waits for company.
AT_ONCE_S = 0.15
# Where no survey is needed: everything is known to this process.
NEVER_S = 1e7
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Desk:
    """A store, endpoints named after their receivers, and a dispatcher."""

    def __init__(self, database: Database, sender: FakeWebhookSender, *, survey_s: float) -> None:
        self.clock = SetBackClock()
        outbox = SqlOutbox()
        self._log = timeless(SqlEventLog(database, outbox))
        self._directory = timeless(SqlDirectory(database))
        self.endpoints = timeless(SqlWebhookEndpoints(database, outbox))
        self.deliveries = timeless(SqlWebhookDeliveries(database, outbox, self.clock.new_id))
        self.queue = _InNoTime(SqlWebhookQueue(database, outbox, self.clock.new_id))
        self.sender = sender
        self.dispatcher = self.new_dispatcher(survey_s)
        self._bound: BoundFork | None = None
        self._lines = 0

    def new_dispatcher(self, survey_s: float) -> WebhookDispatcher:
        """As after a restart."""
        return WebhookDispatcher(
            queue=self.queue, sender=self.sender, clock=self.clock, kept=(30 * DAY, 7 * DAY), survey_s=survey_s,
            chance=lambda: 1.0,
        )  # fmt: skip

    async def add(self, name: str, **changes: object) -> None:
        values = {"url": url_of(name)} | changes
        await self.endpoints.add(webhook_endpoint(f"whe_{name}", **values), secret="whsec_x")

    async def tell(self, events: int = 1) -> list[str]:
        """Events that travel alone; their ids."""
        conference = (await self._call()).conference.id
        drafts = [
            draft(conference, ConferenceEnded(reason="completed", at_ms=1), at=self.clock.now()) for _ in range(events)
        ]
        await self._log.append(drafts)
        return [each.id for each in drafts]

    async def say(self, lines: int) -> None:
        bound = await self._call()
        spoken = [said(bound, self._lines + n) for n in range(lines)]
        await self._log.append([msgspec.structs.replace(each, timestamp=self.clock.now()) for each in spoken])
        self._lines += lines

    async def tally(self, name: str) -> Tally:
        tallies = await self.deliveries.tallies(tenant="", since=NOON - DAY)
        return tallies.get(f"whe_{name}", Tally())

    async def _call(self) -> BoundFork:
        if self._bound is None:
            self._bound = await open_call(self._directory)
        return self._bound


class SetBackClock(LoopClock):
    """The loop's time, until somebody sets it ``back``."""

    back = timedelta(0)

    def now(self) -> datetime:
        return super().now() - self.back


class _InNoTime:
    """The queue, whose calls take no time; waiting for the bell takes as long as it takes."""

    def __init__(self, queue: SqlWebhookQueue) -> None:
        timeless_queue = timeless(queue)
        self.claim = timeless_queue.claim
        self.note = timeless_queue.note
        self.give_back = timeless_queue.give_back
        self.survey = timeless_queue.survey
        self.clean = timeless_queue.clean
        self.rung = queue.rung


@asynccontextmanager
async def dispatching(database: Database, *, survey_s: float = 5, **receivers: Receiver) -> AsyncIterator[Desk]:
    """It runs; one endpoint for each receiver."""
    desk = Desk(database, FakeWebhookSender(**receivers), survey_s=survey_s)
    for name in receivers:
        await desk.add(name)
    async with running(desk.dispatcher):
        yield desk


@asynccontextmanager
async def running(dispatcher: WebhookDispatcher) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(dispatcher.run(), name="webhooks")
        yield
        task.cancel()


def answering(answer: Answer, *, after_s: float = 0) -> Receiver:
    async def receiver(_message: Message, _at: datetime) -> Answer:
        await asyncio.sleep(after_s)
        return answer

    return receiver


def down_until(moment: datetime) -> Receiver:
    async def receiver(_message: Message, at: datetime) -> Answer:
        return OK if at >= moment else DOWN

    return receiver
