"""From the writer to whoever looks: copies of events, by topic, inside one process.

Publishing never waits. A subscriber that falls behind loses its subscription, never single events: the log has them
all, and its client resumes from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import msgspec

from sidecar.domain.errors import SidecarError
from sidecar.domain.events import Event, ForkHealth, Ping, UtteranceFinal, UtterancePartial, encode

# Waiting events per subscriber. Full: a passing event is dropped, a durable one closes the subscription.
QUEUE_EVENTS = 1_000
# A partial waits for company for at most this, so that many become one write. A durable event goes at once.
GATHER_S = 0.05

# The topic of all events of all conferences.
EVERYTHING = "*"
# A topic of state: nothing is queued for it, its subscribers are stirred and look for themselves.
WALLBOARD = "wallboard"

_Key = tuple[str, str] | int


class SubscriptionClosed(SidecarError):
    """The subscription is over, because somebody closed it."""

    code = "subscription_closed"


class SubscriberTooSlow(SubscriptionClosed):
    """More durable events waited than the queue holds. Subscribe again and read what is missing from the log."""

    code = "subscriber_too_slow"


class TopicEnded(SubscriptionClosed):
    """One of the topics is gone for good. Subscribe again without it."""

    code = "topic_ended"

    def __init__(self, topic: str) -> None:
        super().__init__(f"Nothing will come of {topic} any more.")
        self.topic = topic


class Told(msgspec.Struct, frozen=True):
    """An event on its way: its topic and the bytes that every subscriber shares."""

    topic: str
    event: Event
    data: bytes


def conference_topic(conference_id: str) -> str:
    """The topic of everything that happens in a conference."""
    return f"conference:{conference_id}"


class EventBus:
    """Topics and their subscribers. All methods are synchronous and belong to the event loop's thread."""

    def __init__(self) -> None:
        self._subscribers: dict[str, set[Subscription]] = {}
        self._gathering: list[Subscription] = []
        self.published = 0
        self.partials_coalesced = 0
        self.passing_dropped = 0
        self.subscribers_too_slow = 0

    def publish(self, event: Event) -> None:
        """Tell every subscriber of the event's conference, and of everything. A durable event must be stored before."""
        self.published += 1
        topic = conference_topic(event.conference)
        subscribers = (*self._subscribers.get(topic, ()), *self._subscribers.get(EVERYTHING, ()))
        if not subscribers:
            return
        told = Told(topic, event, encode(event))
        for subscriber in subscribers:
            subscriber.offer(told)

    def stir(self, topic: str) -> None:
        """The state behind a topic changed: its subscribers wake up, with an empty batch if nothing else waits."""
        for subscriber in tuple(self._subscribers.get(topic, ())):
            subscriber.stir()

    def end(self, topic: str) -> None:
        """Nothing will come of a topic any more: whoever waits for it, alone or among others, gets TopicEnded."""
        for subscriber in tuple(self._subscribers.get(topic, ())):
            subscriber.end(topic)

    def subscribe(self, topics: Iterable[str], *, at_once: bool = False) -> Subscription:
        """From now on every event of these topics is kept for the subscriber. Close it, or use it in ``with``.

        ``at_once``: partials do not wait for company.
        """
        subscription = Subscription(self, frozenset(topics), at_once=at_once)
        for topic in subscription.topics:
            self._subscribers.setdefault(topic, set()).add(subscription)
        return subscription

    def forget(self, subscription: Subscription) -> None:
        """Called by ``Subscription.close``."""
        for topic in subscription.topics:
            subscribers = self._subscribers.get(topic, set())
            subscribers.discard(subscription)
            if not subscribers:
                self._subscribers.pop(topic, None)

    def ready_soon(self, subscription: Subscription) -> None:
        """One timer wakes all whose partials wait for company: one for each would cost more than the partials."""
        if not self._gathering:
            asyncio.get_running_loop().call_later(GATHER_S, self._gathered)
        self._gathering.append(subscription)

    def _gathered(self) -> None:
        gathering, self._gathering = self._gathering, []
        for subscription in gathering:
            subscription.gathered()

    @property
    def subscribers(self) -> int:
        """How many subscriptions are open."""
        return len(set().union(*self._subscribers.values()))


class Subscription:
    """One subscriber's bounded queue. Partials and pings are kept in their newest form only."""

    def __init__(self, bus: EventBus, topics: frozenset[str], *, at_once: bool) -> None:
        self.topics = topics
        self._at_once = at_once
        self._bus = bus
        # In order of arrival. Durable events have a running number as key, passing ones a name that is overwritten.
        self._waiting: dict[_Key, Told] = {}
        self._finals: set[str] = set()
        self._arrivals = 0
        self._ready = asyncio.Event()
        self._gathering = False  # what waits is for the bus to make ready
        self._closed: SubscriptionClosed | None = None

    def offer(self, told: Told) -> None:
        """Called by ``EventBus.publish``."""
        match told.event.data:
            case UtterancePartial(id=utterance):
                self._offer_passing(("partial", utterance), told, superseded=utterance in self._finals)
            case ForkHealth(fork=fork):
                self._offer_passing(("health", fork), told, superseded=False)
            case Ping():
                self._offer_passing(("ping", told.topic), told, superseded=False)
            case data if told.event.seq is None:
                self._offer_passing((data.type, told.topic), told, superseded=False)
            case data:
                if isinstance(data, UtteranceFinal):
                    self._finals.add(data.id)
                    if self._waiting.pop(("partial", data.id), None) is not None:
                        self._bus.partials_coalesced += 1
                self._offer_durable(told)

    def stir(self) -> None:
        """``next_batch`` returns soon, with nothing if nothing waits. Called by ``EventBus.stir``, or by its owner."""
        self._ready_soon()

    def end(self, topic: str) -> None:
        """Called by ``EventBus.end``."""
        self._close(TopicEnded(topic))

    def gathered(self) -> None:
        """Called by the bus when company had its time, unless somebody took what waited before."""
        if self._gathering:
            self._ready.set()

    async def next_batch(self) -> list[Told]:
        """What waits, in order: at least one event, or none when a topic was stirred. Cancelling it loses nothing.

        Raises SubscriberTooSlow, TopicEnded or SubscriptionClosed; what still waited is dropped then.
        """
        await self._ready.wait()
        if self._closed is not None:
            raise self._closed
        batch = list(self._waiting.values())
        self._clear()
        return batch

    def close(self) -> None:
        """No more events; whoever waits in ``next_batch`` gets SubscriptionClosed. May be called twice."""
        self._close(SubscriptionClosed("The subscription was closed."))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _offer_passing(self, key: _Key, told: Told, *, superseded: bool) -> None:
        if superseded or self._waiting.pop(key, None) is not None:
            self._bus.partials_coalesced += 1
        if superseded or self._closed is not None:
            return
        if len(self._waiting) >= QUEUE_EVENTS:
            self._bus.passing_dropped += 1
            return
        self._waiting[key] = told
        self._ready_soon()

    def _offer_durable(self, told: Told) -> None:
        if self._closed is not None:
            return
        if len(self._waiting) >= QUEUE_EVENTS:
            self._bus.subscribers_too_slow += 1
            self._close(
                SubscriberTooSlow(
                    f"{QUEUE_EVENTS} events waited for a subscriber.", next_step="Resume from the last event received."
                )
            )
            return
        self._arrivals += 1
        self._waiting[self._arrivals] = told
        self._ready.set()

    def _close(self, why: SubscriptionClosed) -> None:
        if self._closed is not None:
            return
        self._closed = why
        self._clear()
        self._bus.forget(self)
        self._ready.set()

    def _ready_soon(self) -> None:
        if self._at_once:
            self._ready.set()
        elif not self._gathering:
            self._gathering = True
            self._bus.ready_soon(self)

    def _clear(self) -> None:
        self._waiting.clear()
        self._finals.clear()
        self._ready.clear()
        self._gathering = False
