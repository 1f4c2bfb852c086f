"""What goes wrong around the dispatcher: a store that is away or refuses, a clock that goes back, a race at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from sidecar.adapters.sql import Database, StoreRefused
from sidecar.domain.errors import StoreUnavailable
from sidecar.domain.webhooks.endpoints import Outcome
from sidecar.ports.webhook_queue import Finished
from sidecar.ports.webhook_sender import Answer, Message
from tests.fake_webhooks import OK
from tests.webhook_desk import AT_ONCE_S, HOUR, MINUTE, answering, dispatching, running

pytestmark = pytest.mark.virtual_time


async def test_what_arrived_while_the_store_was_away_for_long_is_told_no_second_time(database: Database) -> None:
    """Locks end meanwhile; but who knows that something arrived does not claim it again before that is stored."""

    async def away(*_arguments: object, **_named: object) -> Any:
        raise StoreUnavailable("The disk is away.")

    async with dispatching(database, crm=answering(OK, after_s=1)) as desk:
        told = await desk.tell(2)
        await asyncio.sleep(AT_ONCE_S)
        claim, note = desk.queue.claim, desk.queue.note
        desk.queue.claim = desk.queue.note = away
        await asyncio.sleep(300)
        desk.queue.claim = claim  # it answers one question sooner than the other
        await asyncio.sleep(10)
        desk.queue.note = note
        await asyncio.sleep(60)
        assert sorted(desk.sender.arrived_at("crm")) == sorted(told)
        assert (await desk.tally("crm")).delivered == 2


async def test_one_attempt_that_the_store_refuses_takes_no_others_along(database: Database) -> None:
    async with dispatching(database, crm=answering(OK), odd=answering(OK)) as desk:
        note = desk.queue.note

        async def particular(finished: Sequence[Finished], *, now: datetime) -> Any:
            if any(each.endpoint_id == "whe_odd" for each in finished):
                raise StoreRefused("a defect")
            return await note(finished, now=now)

        desk.queue.note = particular
        (event,) = await desk.tell()
        await asyncio.sleep(60)
        assert desk.sender.arrived_at("crm") == [event]
        assert (await desk.tally("crm")).delivered == 1
        assert (await desk.tally("odd")).pending == 1


async def test_what_is_being_claimed_at_shutdown_is_the_next_process_s_at_once(database: Database) -> None:
    async with dispatching(database, crm=answering(OK)) as desk:
        claim, claiming = desk.queue.claim, asyncio.Event()

        async def slowly(*arguments: Any, **named: Any) -> Any:
            claiming.set()
            await asyncio.sleep(0.5)
            return await claim(*arguments, **named)

        desk.queue.claim = slowly
        told = await desk.tell(2)
        await claiming.wait()
        await desk.dispatcher.shut_down(2.0)
        desk.queue.claim = claim
    assert desk.sender.received == []
    async with running(desk.new_dispatcher(5)):
        await asyncio.sleep(1)
        assert sorted(desk.sender.arrived_at("crm")) == sorted(told)


async def test_a_clock_that_goes_back_holds_up_nothing_new(database: Database) -> None:
    """Not a batch that was begun before, and not a receiver that was to rest."""
    tired = Answer(outcome=Outcome.THROTTLED, status=429, retry_after=timedelta(minutes=4))

    async def crm(message: Message, _at: datetime) -> Answer:
        return tired if message.id == first else OK

    async with dispatching(database, crm=crm) as desk:
        (first,) = await desk.tell()
        await asyncio.sleep(AT_ONCE_S)
        await desk.say(1)
        desk.clock.back = HOUR
        await desk.say(1)
        (second,) = await desk.tell()
        await asyncio.sleep(10)
        batch, alone = sorted(desk.sender.arrived_at("crm"))
        assert (batch.startswith("bat"), alone) == (True, second)


async def test_an_endpoint_that_is_removed_amid_an_attempt_is_told_nothing_more(database: Database) -> None:
    async with dispatching(database, crm=answering(OK, after_s=5), other=answering(OK)) as desk:
        await desk.tell(5)
        await asyncio.sleep(AT_ONCE_S)
        await desk.endpoints.remove("whe_crm", tenant="")
        await asyncio.sleep(60)
        assert len(desk.sender.arrived_at("crm")) == 2  # those that were under way
        (event,) = await desk.tell()
        await asyncio.sleep(60)
        assert event in desk.sender.arrived_at("other")
        assert desk.dispatcher.backlog == 0


async def test_an_event_that_comes_while_others_are_claimed_is_not_forgotten(database: Database) -> None:
    """The bell rings in the midst of a claim, again and again."""
    async with dispatching(database, survey_s=1e7, crm=answering(OK)) as desk:
        claim = desk.queue.claim
        told: list[str] = []

        async def meanwhile(*arguments: Any, **named: Any) -> Any:
            found = await claim(*arguments, **named)
            if len(told) < 20:
                told.extend(await desk.tell())
            return found

        desk.queue.claim = meanwhile
        told += await desk.tell()
        await asyncio.sleep(MINUTE.total_seconds())
        assert sorted(desk.sender.arrived_at("crm")) == sorted(told)
        assert len(told) == 20
