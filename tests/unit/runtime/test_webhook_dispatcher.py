"""The dispatcher over a real store, in virtual time: who is told when, and who holds up nobody."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from sidecar.adapters.sql import Database, StoreRefused
from sidecar.domain.errors import SidecarError, StoreUnavailable
from sidecar.domain.webhooks.endpoints import DeliveryState, EndpointChange, EndpointState, Outcome
from sidecar.domain.webhooks.schedule import ATTEMPTS_MOST
from sidecar.ports.webhook_sender import Answer, Message
from sidecar.ports.webhooks import DeliveryFilter, Tally
from sidecar.runtime.webhook_dispatcher import SLOTS_MOST
from tests.facts import NOON
from tests.fake_webhooks import DOWN, OK, Receiver, url_of
from tests.webhook_desk import AT_ONCE_S, HOUR, MINUTE, NEVER_S, answering, dispatching, down_until, running

pytestmark = pytest.mark.virtual_time


async def test_an_event_is_told_at_once_and_once(database: Database) -> None:
    async with dispatching(database, crm=answering(OK)) as desk:
        (event,) = await desk.tell()
        await asyncio.sleep(AT_ONCE_S)
        assert desk.sender.arrived_at("crm") == [event]
        await asyncio.sleep(60)
        assert desk.sender.arrived_at("crm") == [event]
        assert desk.dispatcher.attempts == {Outcome.DELIVERED: 1}
        assert await desk.tally("crm") == Tally(delivered=1)


async def test_a_receiver_that_is_down_for_72_hours_gets_everything(database: Database) -> None:
    """On a simulated clock; it comes back, and nothing was lost, and nothing is told twice."""
    async with dispatching(database, survey_s=NEVER_S, crm=down_until(NOON + 72 * HOUR)) as desk:
        told: list[str] = []
        for _ in range(6):
            told += await desk.tell()
            await desk.say(2)
            await asyncio.sleep(12 * 3600)
        assert desk.sender.arrived_at("crm") == []
        told += await desk.tell()
        await asyncio.sleep(29 * 3600)  # longer than the longest wait between two attempts
        assert Counter(event for event in desk.sender.arrived_at("crm") if event.startswith("evt")) == Counter(told)
        assert sum(event.startswith("bat") for event in desk.sender.arrived_at("crm")) == 6
        assert await desk.tally("crm") == Tally(delivered=len(told) + 6)
        assert (await desk.endpoints.endpoint("whe_crm", tenant="")).state is EndpointState.ENABLED


async def test_a_receiver_that_never_answers_is_tried_ten_times_and_shown_as_failed(database: Database) -> None:
    async with dispatching(database, survey_s=NEVER_S, crm=answering(DOWN)) as desk:
        await desk.tell()
        await asyncio.sleep(4 * 86400)
        (failed,) = await desk.deliveries.deliveries("whe_crm", tenant="", wanted=DeliveryFilter(), limit=9)
        assert (failed.state, failed.reason) == (DeliveryState.FAILED, "attempts_exhausted")
        assert failed.attempts == failed.tries == ATTEMPTS_MOST
        times = [each.at - NOON for each in desk.sender.received]
        assert times[-1] > 75 * HOUR
        assert times[1] < 10 * timedelta(seconds=1)

        desk.sender.receivers.clear()
        await desk.deliveries.resend(failed.id, tenant="", now=desk.clock.now())
        await asyncio.sleep(1)
        assert desk.sender.arrived_at("crm") == [failed.message_id]


async def test_after_five_days_of_failures_the_others_are_told_that_it_is_disabled(database: Database) -> None:
    async with dispatching(database, survey_s=NEVER_S, dead=answering(DOWN), crm=answering(OK)) as desk:
        for _ in range(6):
            await desk.tell()
            await asyncio.sleep(24 * 3600)
        assert (await desk.endpoints.endpoint("whe_dead", tenant="")).state is EndpointState.DISABLED
        types = [each.message.body for each in desk.sender.received if each.message.url == url_of("crm")]
        assert sum(b'"endpoint.disabled"' in body for body in types) == 1
        assert (await desk.tally("dead")).pending == 0


@pytest.mark.parametrize("bad", [answering(DOWN, after_s=15), answering(OK, after_s=14.9)], ids=["dead", "slow"])
async def test_a_dead_or_slow_receiver_holds_up_nobody_else(database: Database, bad: Receiver) -> None:
    async with dispatching(database, bad=bad, crm=answering(OK)) as desk:
        await desk.tell(100)
        for _ in range(20):
            told = await desk.tell()
            await asyncio.sleep(0.5)
            assert told[0] in desk.sender.arrived_at("crm")
        assert len(desk.sender.arrived_at("bad")) < 20


async def test_no_endpoint_has_more_attempts_under_way_than_its_lane_is_wide(database: Database) -> None:
    under_way = most = 0

    async def busy(_message: Message, _at: datetime) -> Answer:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.2)
        under_way -= 1
        return OK

    async with dispatching(database, crm=busy) as desk:
        told = await desk.tell(180)
        await asyncio.sleep(10)
        assert sorted(desk.sender.arrived_at("crm")) == sorted(told)
        assert most == SLOTS_MOST


async def test_who_pauses_an_endpoint_is_obeyed_at_once_and_nothing_is_lost(database: Database) -> None:
    """What was claimed ahead is given back; only attempts under way go on."""
    async with dispatching(database, crm=answering(OK, after_s=1)) as desk:
        told = await desk.tell(100)
        await asyncio.sleep(6.5)
        pause, resume = EndpointChange(state=EndpointState.PAUSED), EndpointChange(state=EndpointState.ENABLED)
        await desk.endpoints.change("whe_crm", pause, tenant="", now=desk.clock.now())
        before = len(desk.sender.received)
        await asyncio.sleep(60)
        assert len(desk.sender.received) - before <= SLOTS_MOST
        assert len(desk.sender.received) < 100
        await desk.endpoints.change("whe_crm", resume, tenant="", now=desk.clock.now())
        await asyncio.sleep(20)
        assert sorted(desk.sender.arrived_at("crm")) == sorted(told)


async def test_a_receiver_that_asks_for_a_rest_gets_it(database: Database) -> None:
    tired = Answer(outcome=Outcome.THROTTLED, status=429, retry_after=timedelta(seconds=120))

    async def crm(_message: Message, at: datetime) -> Answer:
        return tired if at < NOON + MINUTE else OK

    async with dispatching(database, crm=crm) as desk:
        told = await desk.tell(20)
        await asyncio.sleep(110)
        refused = len(desk.sender.received)
        assert refused <= 2, "whoever is not being tried waits, too"
        await asyncio.sleep(120)
        assert sorted(desk.sender.arrived_at("crm")) == sorted(told)


async def test_lines_are_gathered_for_a_second(database: Database) -> None:
    async with dispatching(database, crm=answering(OK)) as desk:
        for _ in range(4):
            await desk.say(1)
            await asyncio.sleep(0.2)
        assert desk.sender.received == []
        await asyncio.sleep(1)
        assert len(desk.sender.received) == 1
        await desk.say(45)
        await asyncio.sleep(AT_ONCE_S)
        assert len(desk.sender.received) == 3, "full ones go at once"
        await asyncio.sleep(1)
        assert len(desk.sender.received) == 4


async def test_what_a_killed_process_had_in_hand_is_tried_again(database: Database) -> None:
    began = asyncio.Event()

    async def crm(_message: Message, at: datetime) -> Answer:
        began.set()
        await asyncio.sleep(0 if at > NOON + timedelta(seconds=1) else 9)
        return OK

    async with dispatching(database, crm=crm) as desk:
        told = await desk.tell()
        await began.wait()
    assert desk.sender.received == []
    async with running(desk.new_dispatcher(5)):
        await asyncio.sleep(60)
        assert desk.sender.arrived_at("crm") == told


async def test_at_shutdown_attempts_under_way_may_finish_and_no_new_ones_begin(database: Database) -> None:
    async with dispatching(database, crm=answering(OK, after_s=0.5)) as desk:
        await desk.tell(10)
        await asyncio.sleep(AT_ONCE_S)
        await desk.dispatcher.shut_down(1.0)
        assert 1 <= len(desk.sender.received) <= SLOTS_MOST
        assert (await desk.tally("crm")).delivered == len(desk.sender.received)
        await desk.tell()
        await asyncio.sleep(60)
        assert (await desk.tally("crm")).delivered == len(desk.sender.received) < 10


async def test_shutdown_waits_no_longer_than_it_may(database: Database) -> None:
    async with dispatching(database, crm=answering(OK, after_s=14)) as desk:
        await desk.tell()
        await asyncio.sleep(AT_ONCE_S)
        before = desk.clock.now()
        await desk.dispatcher.shut_down(1.0)
        assert desk.clock.now() - before == timedelta(seconds=1)


@pytest.mark.parametrize("error", [StoreUnavailable("busy"), StoreRefused("a defect")], ids=lambda error: error.code)
async def test_a_store_that_does_not_answer_is_asked_again_and_nothing_is_lost(
    database: Database, error: SidecarError
) -> None:
    async def away(*_arguments: object, **_named: object) -> Any:
        raise error

    async with dispatching(database, crm=answering(OK)) as desk:
        claim, desk.queue.claim = desk.queue.claim, away
        told = await desk.tell(3)
        await asyncio.sleep(3)
        assert desk.sender.received == []
        desk.queue.claim = claim
        await asyncio.sleep(5)
        assert sorted(desk.sender.arrived_at("crm")) == sorted(told)

        note, desk.queue.note = desk.queue.note, away
        told += await desk.tell(3)
        await asyncio.sleep(3)
        desk.queue.note = note
        await asyncio.sleep(60)
        assert set(desk.sender.arrived_at("crm")) == set(told)
        if isinstance(error, StoreUnavailable):
            assert len(desk.sender.arrived_at("crm")) == len(told), "nothing is told twice"
        assert (await desk.tally("crm")).delivered == len(told)


async def test_the_backlog_is_known(database: Database) -> None:
    async with dispatching(database, crm=answering(DOWN)) as desk:
        await desk.tell(7)
        await asyncio.sleep(6)
        assert desk.dispatcher.backlog == 7
