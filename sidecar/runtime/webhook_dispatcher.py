"""Tells endpoints what the outbox holds: a task claims what is due, one for each tries it, one notes what became of it.

Each endpoint has a lane: how many attempts it may have under way, and until when it rests. A lane narrows as its
receiver fails and widens as it answers, so one that is dead or slow holds up nobody else, and comes back gently. An
attempt is under way until its end is stored, so no more than a lane holds is told twice after a crash.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

import structlog

from sidecar.domain.errors import SidecarError, StoreUnavailable
from sidecar.domain.webhooks.endpoints import Attempt, DeliveryState, Outcome
from sidecar.domain.webhooks.schedule import verdict
from sidecar.ports.clock import Clock
from sidecar.ports.webhook_queue import Claim, Finished, WebhookQueue
from sidecar.ports.webhook_sender import Answer, WebhookSender

log = structlog.get_logger()

# Attempts under way at an endpoint: at first, and at most. All of them together are bounded by the endpoints.
SLOTS_FIRST = 2
SLOTS_MOST = 16
# Where attempts go well, so many times as many are claimed at once: transactions cost more than sending.
AHEAD = 4
# A claim is given to somebody else after this. Attempts begin in its first half, for one and its storing take less.
LOCK = timedelta(seconds=40)
# How long what is new waits for company: a claim is a transaction, and the store has one for all who write.
GATHER_S = 0.1
# How often everything is looked at, for what other processes put or left behind.
SURVEY_S = 5.0
# A receiver that is overwhelmed rests for this long, then for twice as long, and so on up to a minute.
REST_FIRST = timedelta(seconds=1)
REST_MOST = timedelta(seconds=60)
# If it asks for more itself, so be it, up to this.
REST_ASKED_MOST = timedelta(minutes=5)
STORE_RETRY_S = 1.0
# Old rows are taken away each so often, a part at a time.
CLEAN_EACH_S = 3_600.0
CLEAN_PAUSE_S = 1.0


class _Lane:
    """What of an endpoint is under way and claimed, and when there is something to do for it."""

    def __init__(self) -> None:
        self.under_way = 0
        self.waiting: deque[Claim] = deque()
        self.look_at: datetime | None = None
        self._slots = SLOTS_FIRST
        self._successes = 0
        self._rest_until: datetime | None = None
        self._rest = REST_FIRST

    def room(self, now: datetime) -> int:
        """How many more may be claimed."""
        if self._resting(now):
            return 0
        most = self._slots * AHEAD if self._slots > SLOTS_FIRST else self._slots
        return max(0, most - self.under_way - len(self.waiting))

    def due_at(self) -> datetime | None:
        """When more can be claimed or begun for it; None: not before something happens."""
        if self.under_way >= self._slots:
            return None
        if self.waiting:
            return self._rest_until
        if self.look_at is None:
            return None
        return self.look_at if self._rest_until is None else max(self.look_at, self._rest_until)

    def next(self, now: datetime, lock: timedelta) -> Claim | None:
        """The attempt that may begin. A claim that waited for too long is left: it will be due again."""
        while self.waiting and self.under_way < self._slots and not self._resting(now):
            claim = self.waiting.popleft()
            if claim.lock_until - now >= lock / 2:
                self.under_way += 1
                return claim
            self.look_again_at(claim.lock_until)
        return None

    def _resting(self, now: datetime) -> bool:
        return self._rest_until is not None and now < self._rest_until

    def looked_at(self, now: datetime) -> None:
        """What was to be seen by now is seen."""
        if self.look_at is not None and self.look_at <= now:
            self.look_at = None

    def clock_went_back(self, now: datetime) -> None:
        """Moments that were noted before are no use any more."""
        self._rest_until, self.look_at = None, now

    def look_again_at(self, moment: datetime) -> None:
        """At the latest."""
        self.look_at = moment if self.look_at is None else min(self.look_at, moment)

    def answered(self, answer: Answer, now: datetime) -> None:
        """Wider by one for as many successes as it is wide; half as wide for a failure."""
        if answer.outcome is Outcome.DELIVERED:
            self._rest_until, self._rest = None, REST_FIRST
            self._successes += 1
            if self._successes >= self._slots:
                self._slots, self._successes = min(self._slots + 1, SLOTS_MOST), 0
            return
        self._slots, self._successes = max(1, self._slots // 2), 0
        if answer.outcome is Outcome.THROTTLED:
            self._slots = 1
            asked = min(answer.retry_after or timedelta(0), REST_ASKED_MOST)
            self._rest_until = now + max(self._rest, asked)
            self._rest = min(self._rest * 2, REST_MOST)


class WebhookDispatcher:
    """``run`` is its one task. ``kept``: how long the log is kept, and the bodies in it.

    ``survey_s``, ``lock`` and ``chance`` (0 to 1, for the jitter) are handed in by tests.
    """

    def __init__(
        self,
        *,
        queue: WebhookQueue,
        sender: WebhookSender,
        clock: Clock,
        kept: tuple[timedelta, timedelta],
        survey_s: float = SURVEY_S,
        lock: timedelta = LOCK,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._queue = queue
        self._sender = sender
        self._clock = clock
        self._kept = kept
        self._survey_s = survey_s
        self._lock = lock
        self._chance = chance
        self._lanes: dict[str, _Lane] = {}
        self._rung: set[str] = set()
        self._changed: set[str] = set()
        self._stir = asyncio.Event()
        self._finished: list[Finished] = []
        self._ended = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        # Unset while the ends of attempts wait for a store that is away.
        self._stored = asyncio.Event()
        self._stored.set()
        # Unset while claims are on their way to their lanes.
        self._claimed = asyncio.Event()
        self._claimed.set()
        self._stopping = False
        self.attempts: Counter[str] = Counter()
        self.backlog = 0

    async def run(self) -> None:
        """For ever; to be run as one task. Call ``shut_down`` before cancelling it. Closes the sender at the end."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(), name="webhooks:listen")
                tasks.create_task(self._survey(), name="webhooks:survey")
                tasks.create_task(self._note(tasks), name="webhooks:note")
                tasks.create_task(self._clean(), name="webhooks:clean")
                while True:
                    await self._something_to_do()
                    if self._rung:
                        await asyncio.sleep(GATHER_S)
                    await self._claim()
                    self._begin(tasks)
        finally:
            await self._sender.close()

    async def shut_down(self, timeout_s: float) -> None:
        """Claim nothing more, and give the attempts under way so long to finish. What does not is tried again later."""
        self._stopping = True
        self._stir.set()
        try:
            async with asyncio.timeout(timeout_s):
                await self._claimed.wait()
                await self._give_back(self._lanes)
                await self._idle.wait()
        except TimeoutError:
            under_way = sum(lane.under_way for lane in self._lanes.values())
            log.warning("webhook_attempts_not_finished", attempts=under_way, deadline_s=timeout_s)

    async def _something_to_do(self) -> None:
        """Returns when an endpoint was rung, or one is due."""
        while self._stopping or not self._rung:
            due = [moment for lane in self._lanes.values() if (moment := lane.due_at()) is not None]
            wait_s = (min(due) - self._clock.now()).total_seconds() if due and not self._stopping else None
            if wait_s is not None and wait_s <= 0:
                return
            self._stir.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._stir.wait()
            except TimeoutError:
                pass

    async def _claim(self) -> None:
        """What is due of the endpoints for which there is room. Nothing whose end is known and not stored yet."""
        await self._stored.wait()
        if self._stopping:
            return
        now = self._clock.now()
        rung, self._rung = self._rung, set()
        self._changed.clear()
        free = {endpoint_id: self._lane(endpoint_id).room(now) for endpoint_id in rung | self._due(now)}
        for endpoint_id in free:
            self._lane(endpoint_id).looked_at(now)
        found = None
        self._claimed.clear()
        try:
            found = await self._queue.claim(free, now=now, lock_until=now + self._lock)
        except SidecarError as error:  # calls go on, whatever becomes of webhooks
            self._say_away(error)
        finally:
            self._claimed.set()
        if found is None:
            self._rung |= set(free)
            await asyncio.sleep(STORE_RETRY_S)
            return
        for endpoint_id, moment in found.next_at.items():
            self._lane(endpoint_id).look_again_at(moment)
        for claim in found.claims:
            self._lane(claim.endpoint_id).waiting.append(claim)
        await self._give_back(self._changed)  # while they were being claimed

    def _begin(self, tasks: asyncio.TaskGroup) -> None:
        """As many attempts as may be under way."""
        if self._stopping:
            return
        now = self._clock.now()
        for endpoint_id, lane in list(self._lanes.items()):
            while (claim := lane.next(now, self._lock)) is not None:
                self._idle.clear()
                tasks.create_task(self._attempt(claim), name=f"webhooks:{claim.delivery_id}")
            if lane.look_at is None and not lane.under_way and not lane.waiting:
                del self._lanes[endpoint_id]

    async def _attempt(self, claim: Claim) -> None:
        at, began = self._clock.now(), self._clock.monotonic()
        answer = await self._sender.send(claim.message, at=at)
        now = self._clock.now()
        self.attempts[answer.outcome] += 1
        self._lane(claim.endpoint_id).answered(answer, now)
        attempt = Attempt(
            number=claim.number,
            at=at,
            took_ms=round((self._clock.monotonic() - began) * 1000),
            outcome=answer.outcome,
            status=answer.status,
            error=answer.error,
            response=answer.response,
        )
        follows = verdict(
            answer.outcome, tries=claim.tries, now=now, chance=self._chance(), retry_after=answer.retry_after
        )
        if follows.state is DeliveryState.FAILED:
            log.warning("webhook_not_delivered", delivery=claim.delivery_id, reason=follows.reason)
        self._finished.append(
            Finished(
                delivery_id=claim.delivery_id,
                endpoint_id=claim.endpoint_id,
                failing=claim.failing,
                attempt=attempt,
                verdict=follows,
            )
        )
        self._ended.set()

    async def _note(self, tasks: asyncio.TaskGroup) -> None:
        """Store the ends of attempts, as many at once as came meanwhile. Only then their places are free."""
        while True:
            await self._ended.wait()
            self._ended.clear()
            finished, self._finished = self._finished, []
            await self._store(finished)
            for each in finished:
                lane = self._lane(each.endpoint_id)
                lane.under_way -= 1
                if each.verdict.next_at is not None:
                    lane.look_again_at(each.verdict.next_at)
            self._begin(tasks)
            self._stir.set()
            if not any(lane.under_way for lane in self._lanes.values()):
                self._idle.set()

    async def _store(self, finished: Sequence[Finished]) -> None:
        while True:
            try:
                disabled = await self._queue.note(finished, now=self._clock.now())
            except StoreUnavailable as error:
                self._stored.clear()
                self._say_away(error)
                await asyncio.sleep(STORE_RETRY_S)
                continue
            except SidecarError as error:
                if len(finished) > 1:  # one that the store will never take must take no others along
                    for each in finished:
                        await self._store([each])
                    return
                # The claim comes back when its lock ends.
                log.error("webhook_attempt_refused", delivery=finished[0].delivery_id, code=error.code)
                disabled = ()
            self._stored.set()
            for endpoint in disabled:
                log.warning("webhook_endpoint_disabled", endpoint=endpoint.id, reason=endpoint.disabled_reason)
            return

    async def _listen(self) -> None:
        while True:
            rung = await self._queue.rung()
            self._changed |= rung.changed
            await self._give_back(rung.changed)
            self._rung |= rung.endpoints
            self._stir.set()

    async def _give_back(self, endpoint_ids: Collection[str]) -> None:
        """What is claimed ahead for them. Where that fails it comes back when its lock ends."""
        lanes = [lane for each in endpoint_ids if (lane := self._lanes.get(each)) is not None]
        claims = [claim for lane in lanes for claim in lane.waiting]
        for lane in lanes:
            lane.waiting.clear()
        if claims:
            try:
                await self._queue.give_back(claims, now=self._clock.now())
            except SidecarError as error:
                self._say_away(error)

    async def _survey(self) -> None:
        looked_at = self._clock.now()
        while True:
            now = self._clock.now()
            if now < looked_at:
                log.warning("clock_went_back", by_s=round((looked_at - now).total_seconds()))
                for lane in self._lanes.values():
                    lane.clock_went_back(now)
            looked_at = now
            try:
                survey = await self._queue.survey()
            except SidecarError as error:
                self._say_away(error)
            else:
                self.backlog = survey.backlog
                for endpoint_id, moment in survey.next_at.items():
                    self._lane(endpoint_id).look_again_at(moment)
                self._stir.set()
            await asyncio.sleep(self._survey_s)

    async def _clean(self) -> None:
        while True:
            await asyncio.sleep(CLEAN_PAUSE_S)
            log_kept, bodies_kept = self._kept
            now = self._clock.now()
            try:
                more = await self._queue.clean(log_before=now - log_kept, bodies_before=now - bodies_kept)
            except SidecarError as error:
                self._say_away(error)
                more = False
            if not more:
                await asyncio.sleep(CLEAN_EACH_S)

    def _say_away(self, error: SidecarError) -> None:
        log.warning("webhook_queue_unavailable", code=error.code, reason=error.message, backlog=self.backlog)

    def _due(self, now: datetime) -> set[str]:
        return {
            endpoint_id
            for endpoint_id, lane in self._lanes.items()
            if (moment := lane.due_at()) is not None and moment <= now
        }

    def _lane(self, endpoint_id: str) -> _Lane:
        return self._lanes.setdefault(endpoint_id, _Lane())
