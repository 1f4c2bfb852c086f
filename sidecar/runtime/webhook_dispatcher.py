"""Tells endpoints what the outbox holds: one task turns the queue, one task for each attempt under way.

Each endpoint has a lane: how many attempts it may have under way, and until when it rests. A lane narrows as its
receiver fails and widens as it answers, so one that is dead or slow holds up nobody else, and comes back gently.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from sidecar.domain.errors import SidecarError, StoreUnavailable
from sidecar.domain.webhook_schedule import verdict
from sidecar.domain.webhooks import Attempt, DeliveryState, Outcome
from sidecar.ports.clock import Clock
from sidecar.ports.webhook_queue import Claim, Finished, Turn, WebhookQueue
from sidecar.ports.webhook_sender import Answer, WebhookSender

log = structlog.get_logger()

# Attempts under way at an endpoint: at first, and at most. All of them together are bounded by the endpoints.
SLOTS_FIRST = 2
SLOTS_MOST = 8
# A claim is given to somebody else after this: longer than an attempt may take.
LOCK = timedelta(seconds=30)
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
    """What an endpoint may have under way, and when there is something to do for it."""

    def __init__(self) -> None:
        self.slots = SLOTS_FIRST
        self.under_way = 0
        self.look_at: datetime | None = None
        self.rest_until: datetime | None = None
        self.rest = REST_FIRST

    def free(self, now: datetime) -> int:
        if self.rest_until is not None and now < self.rest_until:
            return 0
        return max(0, self.slots - self.under_way)

    def due_at(self) -> datetime | None:
        """When a turn of the queue can do something for it; None: not before something happens."""
        if self.look_at is None or self.under_way >= self.slots:
            return None
        return self.look_at if self.rest_until is None else max(self.look_at, self.rest_until)

    def look_again_at(self, moment: datetime) -> None:
        """At the latest."""
        self.look_at = moment if self.look_at is None else min(self.look_at, moment)

    def answered(self, answer: Answer, now: datetime) -> None:
        if answer.outcome is Outcome.DELIVERED:
            self.slots = min(self.slots + 1, SLOTS_MOST)
            self.rest_until, self.rest = None, REST_FIRST
        elif answer.outcome is Outcome.THROTTLED:
            self.slots = 1
            asked = min(answer.retry_after or timedelta(0), REST_ASKED_MOST)
            self.rest_until = now + max(self.rest, asked)
            self.rest = min(self.rest * 2, REST_MOST)
        else:
            self.slots = max(1, self.slots // 2)


class WebhookDispatcher:
    """``run`` is its one task. ``kept``: how long the log is kept, and the bodies in it.

    ``survey_s`` and ``chance`` (0 to 1, for the jitter) are handed in by tests.
    """

    def __init__(
        self,
        *,
        queue: WebhookQueue,
        sender: WebhookSender,
        clock: Clock,
        kept: tuple[timedelta, timedelta],
        survey_s: float = SURVEY_S,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._queue = queue
        self._sender = sender
        self._clock = clock
        self._kept = kept
        self._survey_s = survey_s
        self._chance = chance
        self._lanes: dict[str, _Lane] = {}
        self._rung: set[str] = set()
        self._finished: list[Finished] = []
        self._stir = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False
        self.attempts: Counter[str] = Counter()
        self.backlog = 0

    async def run(self) -> None:
        """For ever; to be run as one task. Call ``shut_down`` before cancelling it. Closes the sender at the end."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(), name="webhooks:listen")
                tasks.create_task(self._survey(), name="webhooks:survey")
                tasks.create_task(self._clean(), name="webhooks:clean")
                while True:
                    await self._something_to_do()
                    for claim in await self._turn():
                        tasks.create_task(self._attempt(claim), name=f"webhooks:{claim.delivery_id}")
        finally:
            await self._sender.close()

    async def shut_down(self, timeout_s: float) -> None:
        """Claim nothing more, and give the attempts under way so long to finish. What does not is tried again later."""
        self._stopping = True
        self._stir.set()
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            under_way = sum(lane.under_way for lane in self._lanes.values())
            log.warning("webhook_attempts_not_finished", attempts=under_way, deadline_s=timeout_s)

    async def _something_to_do(self) -> None:
        """Returns when an attempt is finished, an endpoint was rung, or one is due."""
        while not (self._finished or (self._rung and not self._stopping)):
            now = self._clock.now()
            due = [moment for lane in self._lanes.values() if (moment := lane.due_at()) is not None]
            wait_s = (min(due) - now).total_seconds() if due and not self._stopping else None
            if wait_s is not None and wait_s <= 0:
                return
            self._stir.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._stir.wait()
            except TimeoutError:
                pass

    async def _turn(self) -> list[Claim]:
        """One turn of the queue: hands in what is finished, and takes what is due."""
        now = self._clock.now()
        rung, self._rung = self._rung, set()
        finished, self._finished = self._finished, []
        free = {} if self._stopping else {each: self._lane(each).free(now) for each in rung | self._due(now)}
        try:
            turn = await self._queue.turn(finished=finished, free=free, now=now, lock_until=now + LOCK)
        except StoreUnavailable as error:
            log.warning("webhook_queue_unavailable", reason=error.message, retry_in_s=STORE_RETRY_S)
            self._rung |= rung
            self._finished = finished + self._finished
            await asyncio.sleep(STORE_RETRY_S)
            return []
        except SidecarError as error:
            # What the store will never take must not keep all others waiting: its claims come back by themselves.
            log.error("webhook_turn_refused", code=error.code, reason=error.message, finished=len(finished))
            await asyncio.sleep(STORE_RETRY_S)
            return []
        self._note(turn, free, finished)
        return list(turn.claims)

    def _note(self, turn: Turn, looked_at: Mapping[str, int], finished: Sequence[Finished]) -> None:
        for endpoint_id in looked_at:
            self._lane(endpoint_id).look_at = turn.next_at.get(endpoint_id)
        for each in (*finished, *self._finished):
            if each.verdict.next_at is not None:
                self._lane(each.endpoint_id).look_again_at(each.verdict.next_at)
        for claim in turn.claims:
            self._lane(claim.endpoint_id).under_way += 1
            self._idle.clear()
        for endpoint in turn.disabled:
            log.warning("webhook_endpoint_disabled", endpoint=endpoint.id, reason=endpoint.disabled_reason)
        for endpoint_id in [each for each, lane in self._lanes.items() if lane.look_at is None and not lane.under_way]:
            del self._lanes[endpoint_id]
        if not self._finished and not any(lane.under_way for lane in self._lanes.values()):
            self._idle.set()

    async def _attempt(self, claim: Claim) -> None:
        at, began = self._clock.now(), self._clock.monotonic()
        answer = await self._sender.send(claim.message, at=at)
        now = self._clock.now()
        self.attempts[answer.outcome] += 1
        lane = self._lane(claim.endpoint_id)
        lane.under_way -= 1
        lane.answered(answer, now)
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
            Finished(delivery_id=claim.delivery_id, endpoint_id=claim.endpoint_id, attempt=attempt, verdict=follows)
        )
        self._stir.set()

    async def _listen(self) -> None:
        while True:
            self._rung |= set(await self._queue.rung())
            self._stir.set()

    async def _survey(self) -> None:
        while True:
            try:
                survey = await self._queue.survey()
            except StoreUnavailable as error:
                log.warning("webhook_queue_unavailable", reason=error.message, retry_in_s=self._survey_s)
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
            except StoreUnavailable as error:
                log.warning("webhook_log_not_cleaned", reason=error.message)
                more = False
            if not more:
                await asyncio.sleep(CLEAN_EACH_S)

    def _due(self, now: datetime) -> set[str]:
        return {
            endpoint_id
            for endpoint_id, lane in self._lanes.items()
            if (moment := lane.due_at()) is not None and moment <= now
        }

    def _lane(self, endpoint_id: str) -> _Lane:
        return self._lanes.setdefault(endpoint_id, _Lane())
