"""Raises alerts: follows all conferences behind the store, and asks the rules about what happens and about time.

It listens to the bus as the wallboard does, so no rule ever delays or endangers a word on its way into the transcript,
and what an alert quotes is what the transcript says. Of a tenant without rules nothing is watched.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import structlog

from sidecar.domain.alerts.book import RuleBook
from sidecar.domain.alerts.events import AlertAcknowledged
from sidecar.domain.alerts.rules import AlertRule
from sidecar.domain.alerts.watch import ConferenceWatch, Occasion, try_rules
from sidecar.domain.conference.values import Conference
from sidecar.domain.errors import NotFound, StoreUnavailable
from sidecar.domain.events import Draft, Event, EventData
from sidecar.ports.alerts import Alert, Alerts
from sidecar.ports.clock import Clock
from sidecar.ports.directory import Directory
from sidecar.ports.event_log import EventLog
from sidecar.runtime.event_bus import EVERYTHING, EventBus, SubscriberTooSlow, Subscription
from sidecar.runtime.event_writer import EventWriter, StoreOverloaded

log = structlog.get_logger()

# How often the rules are asked whether it has been silent for too long.
TICK_S = 1.0
# Conferences watched at once. Full: further ones are not watched until others are complete; counted in ``unwatched``.
WATCHES_MOST = 1_000
READ_PAGE = 1_000
STORE_RETRY_S = 1.0
# A transcript that could be complete waits so long at most for what the rules have to say about its last words.
SETTLE_TIMEOUT_S = 1.0
# The topic that wakes the desk when rules have changed.
RULES = "alert_rules"
# A trial applies a rule to what was before it.
_EVER = datetime.min.replace(tzinfo=UTC)


class _Watched:
    """A conference with its watch."""

    def __init__(self, conference: Conference, watch: ConferenceWatch) -> None:
        self.conference = conference
        self.watch = watch


class AlertDesk:
    """``run`` is its one task; handlers call the other methods."""

    def __init__(
        self,
        *,
        rows: Alerts,
        directory: Directory,
        event_log: EventLog,
        writer: EventWriter,
        bus: EventBus,
        clock: Clock,
    ) -> None:
        self._rows = rows
        self._directory = directory
        self._event_log = event_log
        self._writer = writer
        self._bus = bus
        self._clock = clock
        self._books: dict[str, RuleBook] = {}  # by tenant; none without rules
        self._watched: dict[str, _Watched] = {}
        self._unwatched: set[str] = set()
        self._rules_changed = True
        self._acknowledging = asyncio.Lock()
        self._looked = asyncio.Event()
        self._too_costly = 0
        self.raised = 0
        self.lost = 0

    @property
    def unwatched(self) -> int:
        """Conferences that go on and are not watched, because there are too many."""
        return len(self._unwatched)

    @property
    def patterns_given_up(self) -> int:
        """How often a pattern was given up for an utterance, because it cost too much."""
        return self._too_costly + sum(book.too_costly for book in self._books.values())

    def rules_changed(self) -> None:
        """Some tenant's rules are others now. They hold from the moment of the change, however soon they are read."""
        self._rules_changed = True
        self._bus.stir(RULES)

    async def acknowledge(self, conference: Conference, alert_id: str, *, by: str, note: str) -> Alert:
        """Somebody takes note of an alert; of one that somebody has taken note of already, nothing changes.

        Raises NotFound, StoreOverloaded.
        """
        async with self._acknowledging:
            alert = await self._alert(conference, alert_id)
            if alert.acknowledged_at is not None:
                return alert
            at_ms = conference.clock_ms(self._clock.now())
            await self._writer.submit(
                [self._draft(conference, AlertAcknowledged(alert=alert_id, by=by, at_ms=at_ms, note=note))]
            )
            return await self._alert(conference, alert_id)

    async def settle(self, conference_id: str) -> None:
        """Returns when the rules have seen all that is stored of a conference, so that nothing comes behind its end."""
        conference = await self._directory.conference(conference_id)
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                while conference is not None and self._is_behind(conference):
                    self._looked.clear()
                    await self._looked.wait()
        except TimeoutError:
            log.warning("alerts_not_settled", conference=conference_id, deadline_s=SETTLE_TIMEOUT_S)

    def _is_behind(self, conference: Conference) -> bool:
        watched = self._watched.get(conference.id)
        return watched is not None and watched.watch.seq < conference.seq

    async def try_rule(self, rule: AlertRule, conference: Conference) -> Sequence[Occasion]:
        """What a rule would have raised in a conference, as far as it is stored."""
        book = RuleBook([msgspec.structs.replace(rule, enabled=True, updated_at=_EVER)])
        roster = await self._directory.participants(conference.id)
        stored: list[Event] = []
        while page := await self._event_log.read(conference.id, after=len(stored), limit=READ_PAGE):
            stored += page
        return try_rules(book, conference, roster, stored)

    async def run(self) -> None:
        """Follow the bus for ever. Falling behind is healed by reading the log."""
        while True:
            try:
                with self._bus.subscribe([EVERYTHING, RULES]) as subscription:
                    self._rules_changed = True
                    await self._follow(subscription)
            except SubscriberTooSlow:
                log.warning("alerts_fell_behind", watched=len(self._watched))
            except StoreUnavailable as error:
                log.warning("alerts_not_read", reason=error.message, retry_in_s=STORE_RETRY_S)
                await asyncio.sleep(STORE_RETRY_S)

    async def _follow(self, subscription: Subscription) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + TICK_S  # whoever finds forks of a dead process says first that nobody hears them
        while True:
            if self._rules_changed:
                await self._read_rules()
            try:
                async with asyncio.timeout_at(due):
                    batch = await subscription.next_batch()
            except TimeoutError:
                batch = []
            if self._rules_changed:
                continue  # what is in the batch is in the log, and will be looked at by the rules as they are now
            for told in batch:
                if told.event.tenant in self._books:
                    await self._take(told.event)
            self._looked.set()
            if loop.time() >= due:
                due = loop.time() + TICK_S
                await self._tick()

    async def _read_rules(self) -> None:
        """Begin anew, from the log. What was looked at already is not looked at again, by whatever rule."""
        self._rules_changed = False
        decided = {who: watched.watch.seq for who, watched in self._watched.items()}
        rules: dict[str, list[AlertRule]] = defaultdict(list)
        for rule in await self._rows.all_rules():
            rules[rule.tenant].append(rule)
        self._too_costly = self.patterns_given_up
        self._books = {tenant: book for tenant, own in rules.items() if (book := RuleBook(own)).rules}
        self._watched.clear()
        self._unwatched.clear()
        if self._books:
            for conference in await self._directory.unfinished():
                await self._begin(conference, decided.get(conference.id, 0))

    async def _begin(self, conference: Conference, decided: int = 0) -> _Watched | None:
        """Watch a conference from its first event on; what is owed since ``decided`` is raised. None: not watched."""
        book = self._books.get(conference.tenant)
        if book is None:
            return None
        if len(self._watched) >= WATCHES_MOST:
            self._unwatched.add(conference.id)
            return None
        self._unwatched.discard(conference.id)
        watch = ConferenceWatch(book, conference, await self._directory.participants(conference.id))
        watched = _Watched(conference, watch)
        await self._replay(watched, decided)
        if not watch.completed:
            self._watched[conference.id] = watched
        return watched

    async def _replay(self, watched: _Watched, decided: int = 0) -> None:
        while events := await self._event_log.read(watched.conference.id, after=watched.watch.seq, limit=READ_PAGE):
            for event in events:
                watched.watch.replay(event, decided=(event.seq or 0) <= decided)
        await self._raise(watched, watched.watch.owed())

    async def _take(self, event: Event) -> None:
        watched = self._watched.get(event.conference)
        if watched is None:
            conference = await self._directory.conference(event.conference) if event.seq is not None else None
            watched = await self._begin(conference) if conference is not None else None
        elif event.seq is not None and event.seq > watched.watch.seq + 1:
            await self._replay(watched)  # stored by somebody whose bus is not ours
        if watched is None:
            return
        if not watched.watch.knows(event):
            watched.watch.meet(await self._directory.participants(event.conference))
        await self._raise(watched, watched.watch.take(event))
        if watched.watch.completed:
            self._watched.pop(event.conference, None)

    async def _tick(self) -> None:
        now = self._clock.now()
        for watched in list(self._watched.values()):
            await self._raise(watched, watched.watch.tick(watched.conference.clock_ms(now)))

    async def _raise(self, watched: _Watched, occasions: Sequence[Occasion]) -> None:
        """Returns when they are stored, so that who reads the log next finds them there."""
        if not occasions:
            return
        drafts = [self._draft(watched.conference, one.raised(self._clock.new_id("alr"))) for one in occasions]
        try:
            await self._writer.submit(drafts)
        except (StoreOverloaded, NotFound) as error:
            self.lost += len(drafts)
            log.error("alerts_lost", conference=watched.conference.id, alerts=len(drafts), code=error.code)
            return
        self.raised += len(drafts)
        for one in occasions:
            log.info("alert_raised", conference=watched.conference.id, rule=one.rule.id, kind=one.rule.kind.value)

    async def _alert(self, conference: Conference, alert_id: str) -> Alert:
        alert = await self._rows.alert(conference.id, alert_id)
        if alert is None:
            raise NotFound(f"Conference {conference.id} has no alert {alert_id[:64]}.")
        return alert

    def _draft(self, conference: Conference, fact: EventData) -> Draft:
        return Draft(id=self._clock.new_id("evt"), conference=conference.id, timestamp=self._clock.now(), data=fact)
