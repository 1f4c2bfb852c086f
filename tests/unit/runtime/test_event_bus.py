"""The in-process bus: bounded queues, coalesced partials, no loss that nobody hears of."""

from __future__ import annotations

import asyncio
import itertools
import json

import pytest

from sidecar.domain.conference.values import Role
from sidecar.domain.events import (
    Event,
    EventData,
    ParticipantUpdated,
    Ping,
    UtteranceFinal,
    UtterancePartial,
    encode,
)
from sidecar.runtime.event_bus import (
    EVERYTHING,
    QUEUE_EVENTS,
    WALLBOARD,
    EventBus,
    SubscriberTooSlow,
    Subscription,
    SubscriptionClosed,
    TopicEnded,
    conference_topic,
)
from tests.facts import NOON

_numbers = itertools.count(1)


def event(data: EventData, conference: str = "cnf_1") -> Event:
    durable = not isinstance(data, UtterancePartial | Ping)
    return Event(
        id="evt" if durable else "",
        type=data.type,
        seq=next(_numbers) if durable else None,
        timestamp=NOON,
        conference=conference,
        conference_sid=None,
        tenant="default",
        data=data,
    )


def partial(utterance: str, text: str = "hm") -> Event:
    return event(UtterancePartial(id=utterance, participant="par", start_ms=0, end_ms=1, text=text, lag_ms=0))


def final(utterance: str) -> Event:
    return event(
        UtteranceFinal(
            id=utterance,
            participant="par",
            fork="frk",
            session="ses",
            result_index=0,
            revision=1,
            start_ms=0,
            end_ms=1,
            text="done",
            engine="local",
            lag_ms=0,
        )
    )


def renamed() -> Event:
    return event(ParticipantUpdated(participant="par", label="a", name="A", role=Role.AGENT))


def ping(unsaved: int, conference: str = "cnf_1") -> Event:
    return event(Ping(time=NOON, unsaved=unsaved), conference)


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


@pytest.fixture
def subscription(bus: EventBus) -> Subscription:
    return bus.subscribe([conference_topic("cnf_1")])


async def received(subscription: Subscription) -> list[Event]:
    async with asyncio.timeout(5):
        return [told.event for told in await subscription.next_batch()]


async def test_events_arrive_in_order_and_every_subscriber_shares_the_same_bytes(bus: EventBus) -> None:
    first, second = (bus.subscribe([conference_topic("cnf_1")]) for _ in range(2))
    events = [renamed(), final("utt_1"), renamed()]
    for one in events:
        bus.publish(one)
    batch, other = await first.next_batch(), await second.next_batch()
    assert [told.event for told in batch] == events
    assert [told.data for told in batch] == [encode(one) for one in events]
    assert all(mine.data is theirs.data for mine, theirs in zip(batch, other, strict=True))
    assert json.loads(batch[0].data)["type"] == "participant.updated"


async def test_only_the_topics_asked_for_arrive(bus: EventBus) -> None:
    both = bus.subscribe([conference_topic("cnf_1"), conference_topic("cnf_2")])
    one = bus.subscribe([conference_topic("cnf_2")])
    bus.publish(ping(1, "cnf_1"))
    bus.publish(ping(2, "cnf_2"))
    bus.publish(ping(3, "cnf_3"))
    assert [told.topic for told in await both.next_batch()] == ["conference:cnf_1", "conference:cnf_2"]
    assert [told.topic for told in await one.next_batch()] == ["conference:cnf_2"]


async def test_partials_that_wait_are_kept_in_their_newest_form(bus: EventBus, subscription: Subscription) -> None:
    last = [partial("utt_2"), partial("utt_1", "I would like")]
    for one in [partial("utt_1", "I"), partial("utt_1", "I would"), *last]:
        bus.publish(one)
    assert await received(subscription) == last
    assert bus.partials_coalesced == 2


async def test_a_final_that_waits_makes_its_partials_pointless(bus: EventBus, subscription: Subscription) -> None:
    said, other = final("utt_1"), partial("utt_2")
    for one in [partial("utt_1"), said, other, partial("utt_1", "late")]:
        bus.publish(one)
    assert await received(subscription) == [said, other]


async def test_partials_wait_for_company_until_a_durable_event_comes(
    bus: EventBus, subscription: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.runtime.event_bus.GATHER_S", 60)
    events = [partial("utt_1"), renamed()]
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        waiting = group.create_task(received(subscription), name="subscriber")
        bus.publish(events[0])
        await asyncio.sleep(0)
        assert not waiting.done()
        bus.publish(events[1])
    assert waiting.result() == events


async def test_partials_alone_are_given_when_the_gathering_is_over(bus: EventBus, subscription: Subscription) -> None:
    only = partial("utt_1")
    bus.publish(only)
    assert await received(subscription) == [only]


async def test_pings_are_kept_in_their_newest_form_per_conference(bus: EventBus, subscription: Subscription) -> None:
    newest = ping(2)
    bus.publish(ping(1))
    bus.publish(newest)
    assert await received(subscription) == [newest]


async def test_a_full_queue_closes_the_subscription_and_nothing_reaches_it_after(
    bus: EventBus, subscription: Subscription
) -> None:
    for _ in range(QUEUE_EVENTS):
        bus.publish(renamed())
    bus.publish(partial("utt_1"))  # a passing event is not worth a subscription
    assert (bus.passing_dropped, bus.subscribers) == (1, 1)
    bus.publish(renamed())
    assert (bus.subscribers_too_slow, bus.subscribers) == (1, 0)
    bus.publish(renamed())
    for _ in range(2):
        with pytest.raises(SubscriberTooSlow):
            await subscription.next_batch()


async def test_a_subscriber_that_fetches_in_time_is_never_closed(bus: EventBus, subscription: Subscription) -> None:
    total = 0
    for _ in range(5):
        for _ in range(QUEUE_EVENTS):
            bus.publish(renamed())
        total += len(await received(subscription))
    assert total == 5 * QUEUE_EVENTS


async def test_cancelling_a_wait_loses_nothing(bus: EventBus, subscription: Subscription) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await subscription.next_batch()
    one = partial("utt_1")
    bus.publish(one)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):  # in the middle of gathering
            await subscription.next_batch()
    assert await received(subscription) == [one]


async def test_a_topic_that_ends_is_told_to_those_who_follow_it_and_to_nobody_else(bus: EventBus) -> None:
    with (
        bus.subscribe([conference_topic("cnf_1"), conference_topic("cnf_2")]) as both,
        bus.subscribe([conference_topic("cnf_2")]) as other,
        bus.subscribe([EVERYTHING]) as all_of_it,
    ):
        bus.end(conference_topic("cnf_1"))
        bus.end(conference_topic("cnf_1"))
        with pytest.raises(TopicEnded) as ended:
            await both.next_batch()
        assert ended.value.topic == conference_topic("cnf_1")
        bus.publish(event(Ping(time=NOON, unsaved=1, unsaved_in={}), conference="cnf_2"))
        assert len(await other.next_batch()) == len(await all_of_it.next_batch()) == 1


async def test_closing_wakes_whoever_waits(bus: EventBus, subscription: Subscription) -> None:
    async def wait() -> str:
        try:
            await subscription.next_batch()
        except SubscriptionClosed as closed:
            return closed.code
        return "got something"

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        waiting = group.create_task(wait(), name="subscriber")
        await asyncio.sleep(0)
        subscription.close()
        subscription.close()
    assert waiting.result() == "subscription_closed"
    assert bus.subscribers == 0
    bus.publish(renamed())


async def test_a_with_block_ends_the_subscription(bus: EventBus) -> None:
    with bus.subscribe([conference_topic("cnf_1")]):
        assert bus.subscribers == 1
    assert bus.subscribers == 0


async def test_a_subscriber_to_everything_gets_the_events_of_all_conferences(bus: EventBus) -> None:
    board = bus.subscribe([EVERYTHING])
    events = [
        event(ParticipantUpdated(participant="p", label="a", name="A", role=Role.AGENT), f"cnf_{n}") for n in (1, 2)
    ]
    for one in events:
        bus.publish(one)
    assert await received(board) == events


async def test_stirring_a_topic_wakes_its_subscribers_with_nothing_in_hand_and_no_others(
    bus: EventBus, subscription: Subscription
) -> None:
    board = bus.subscribe([WALLBOARD, conference_topic("cnf_1")])
    bus.stir(WALLBOARD)
    bus.stir(WALLBOARD)
    assert await received(board) == []
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await subscription.next_batch()
    one = renamed()
    bus.stir(WALLBOARD)
    bus.publish(one)
    assert await received(board) == [one]
