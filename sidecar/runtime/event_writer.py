"""Store first, then tell: one task that gathers what the conferences say into batches for the event log.

When the store does not take them, finals wait here in bounded memory, the pages are told how many, and nothing is
published that is not stored.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence

import structlog

from sidecar.domain.errors import SidecarError, StoreUnavailable
from sidecar.domain.events import Coverage, Draft, Entry, Event, Ping
from sidecar.ports.clock import Clock
from sidecar.ports.event_log import EventLog
from sidecar.runtime.event_bus import EventBus
from sidecar.runtime.tally import Tally

log = structlog.get_logger()

# How long the first entry of a batch waits for company.
GATHER_S = 0.012
# As long as there is nothing but coverage, which nobody waits for: a transaction each 12 ms would cost more than media.
COVERAGE_GATHER_S = 0.5
# Entries in one transaction.
BATCH_ENTRIES = 500
# Entries in memory. Full: coverage that waits is dropped first, then the newest submission is refused.
WAITING_ENTRIES = 20_000
# A store that has not answered for so long is shown to the pages as stuck.
STUCK_AFTER_S = 1.0
RETRY_FIRST_S = 0.05
RETRY_MOST_S = 2.0


class StoreOverloaded(SidecarError):
    """The store has not taken anything for so long that no more fits into memory: the newest entries are lost."""

    code = "store_overloaded"


class _Submission:
    """Entries that are stored together or not at all, and whoever waits for them."""

    def __init__(self, entries: Sequence[Entry], answer: asyncio.Future[list[Event | None]] | None) -> None:
        self.entries = tuple(entries)
        self.answer = answer
        self.coverage_dropped = False
        self.done = False

    def wanted(self) -> list[Entry]:
        if not self.coverage_dropped:
            return list(self.entries)
        return [entry for entry in self.entries if isinstance(entry, Draft)]

    def resolve(self, stored: Sequence[Event | None]) -> None:
        """``stored`` has one item per wanted entry."""
        self.done = True
        if self.answer is None or self.answer.done():  # nobody asked, or whoever asked was cancelled
            return
        items = iter(stored)
        self.answer.set_result(
            [None if self.coverage_dropped and isinstance(entry, Coverage) else next(items) for entry in self.entries]
        )

    def refuse(self, error: SidecarError) -> None:
        self.done = True
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(error)


class EventWriter:
    """The only way to the event log for running conferences. ``run`` must be running for anything to be stored."""

    def __init__(self, event_log: EventLog, bus: EventBus, clock: Clock) -> None:
        self._log = event_log
        self._bus = bus
        self._clock = clock
        self.tally = Tally()
        self._queue: deque[_Submission] = deque()
        self._in_hand: list[_Submission] = []
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._hurry = False
        self._coverage_due: asyncio.TimerHandle | None = None
        self._pinged: set[str] = set()
        self.waiting = 0
        self.stuck = False
        self.batches = 0
        self.stored = 0
        self.failures = 0
        self.refused = 0
        self.coverage_dropped = 0
        self.overloaded = 0

    async def submit(self, entries: Sequence[Entry]) -> list[Event | None]:
        """Returns when the entries are stored (together) and told; one item per entry, as EventLog.append gives them.

        Raises StoreOverloaded when there is no room: nothing was kept, count it as a gap. Raises what the log says of
        an entry that it will never take (NotFound …); other submissions do not suffer. Cancelling the caller does not
        take the entries back.
        """
        return await self.hand_in(entries)

    def hand_in(self, entries: Sequence[Entry]) -> asyncio.Future[list[Event | None]]:
        """As ``submit``, with the place in the order taken at once: await what it returns. StoreOverloaded at once."""
        answer: asyncio.Future[list[Event | None]] = asyncio.get_running_loop().create_future()
        self._enqueue(_Submission(entries, answer))
        return answer

    def submit_nowait(self, entries: Sequence[Entry]) -> None:
        """As ``submit``, for a caller that does not wait; what the log refuses is logged and counted.

        Raises StoreOverloaded for drafts; coverage is dropped silently, for the next one says more.
        """
        self._enqueue(_Submission(entries, None))

    def unsaved(self, conference_id: str) -> int:
        """How many events of a conference wait to be stored."""
        return self._unsaved()[conference_id]

    async def run(self) -> None:
        """Store batches for ever; to be run as one task. Call ``flush`` before cancelling it."""
        while True:
            await self._arrived.wait()
            if not self._hurry:
                await asyncio.sleep(GATHER_S)
            if self._coverage_due is not None:
                self._coverage_due.cancel()
                self._coverage_due = None
            self._take_batch()
            await self._store_in_hand()
            if not self._queue:
                self._arrived.clear()
                self._idle.set()

    async def flush(self, deadline_s: float) -> bool:
        """Wait until all that was submitted is stored, at most so long. False: something still waits."""
        self._hurry = True
        if self._queue:
            self._arrived.set()
        try:
            async with asyncio.timeout(deadline_s):
                await self._idle.wait()
        except TimeoutError:
            log.warning("events_not_stored", entries=self.waiting, deadline_s=deadline_s)
            return False
        finally:
            self._hurry = False
        return True

    def _enqueue(self, submission: _Submission) -> None:
        if self.waiting + len(submission.entries) > WAITING_ENTRIES:
            self._make_room(submission)
        if not submission.wanted():
            submission.resolve([])
            return
        self._queue.append(submission)
        self.waiting += len(submission.wanted())
        self._idle.clear()
        if self._hurry or any(isinstance(entry, Draft) for entry in submission.entries):
            self._arrived.set()
        elif self._coverage_due is None:
            self._coverage_due = asyncio.get_running_loop().call_later(COVERAGE_GATHER_S, self._arrived.set)

    def _make_room(self, newest: _Submission) -> None:
        for submission in (newest, *self._queue):
            if not submission.coverage_dropped:
                dropped = sum(isinstance(entry, Coverage) for entry in submission.entries)
                submission.coverage_dropped = True
                self.coverage_dropped += dropped
                self.waiting -= 0 if submission is newest else dropped
        if self.waiting + len(newest.wanted()) > WAITING_ENTRIES:
            self.overloaded += len(newest.wanted())
            raise StoreOverloaded(
                f"{self.waiting} events wait for the store, and no more fit into memory.",
                next_step="Look at the disk or the database server; what is said meanwhile becomes a gap.",
            )

    def _take_batch(self) -> None:
        entries = 0
        while self._queue and (not self._in_hand or entries + len(self._queue[0].entries) <= BATCH_ENTRIES):
            submission = self._queue.popleft()
            entries += len(submission.entries)
            self._in_hand.append(submission)

    async def _store_in_hand(self) -> None:
        """Returns when everything in hand is stored or refused, however long that takes."""
        pause = RETRY_FIRST_S
        while True:
            try:
                await self._store([submission for submission in self._in_hand if not submission.done])
                break
            except StoreUnavailable as error:
                self.failures += 1
                log.warning("store_unavailable", reason=error.message, waiting=self.waiting, retry_in_s=pause)
                self._say_stuck()
                await asyncio.sleep(pause)
                pause = min(pause * 2, RETRY_MOST_S)
        self._in_hand.clear()
        self._say_unstuck()

    async def _store(self, submissions: Sequence[_Submission]) -> None:
        """Store these, all in one transaction; if the log refuses one of them, each in its own."""
        wanted = [submission.wanted() for submission in submissions]
        try:
            stored = await self._append([entry for entries in wanted for entry in entries])
        except StoreUnavailable:
            raise
        except SidecarError as error:
            if len(submissions) > 1:
                for submission in submissions:
                    await self._store([submission])
                return
            for submission in submissions:
                self._refused(submission, error)
            return
        self.batches += 1
        self.stored += len(stored)
        self.waiting -= len(stored)
        now = self._clock.now()
        for event in stored:
            if event is not None:
                self._bus.publish(event)
                self.tally.stored(event, (now - event.timestamp).total_seconds())
        rest = iter(stored)
        for submission, entries in zip(submissions, wanted, strict=True):
            submission.resolve([next(rest) for _ in entries])

    async def _append(self, entries: Sequence[Entry]) -> list[Event | None]:
        # A locked store may think for seconds before it fails; the pages should know earlier.
        watch = asyncio.get_running_loop().call_later(STUCK_AFTER_S, self._say_stuck)
        try:
            return await self._log.append(entries)
        finally:
            watch.cancel()

    def _refused(self, submission: _Submission, error: SidecarError) -> None:
        entries = len(submission.wanted())
        self.waiting -= entries
        self.refused += entries
        log.error("event_refused", code=error.code, reason=error.message, entries=entries)
        submission.refuse(error)

    def _say_stuck(self) -> None:
        """Tell the pages of every conference that has something waiting; again at each attempt, for late joiners."""
        self.stuck = True
        for conference, unsaved in self._unsaved().items():
            self._ping(conference, unsaved)
            self._pinged.add(conference)

    def _say_unstuck(self) -> None:
        self.stuck = False
        for conference in sorted(self._pinged):
            self._ping(conference, 0)
        self._pinged.clear()

    def _unsaved(self) -> Counter[str]:
        return Counter(
            entry.conference
            for submission in (*self._in_hand, *self._queue)
            if not submission.done
            for entry in submission.entries
            if isinstance(entry, Draft)
        )

    def _ping(self, conference: str, unsaved: int) -> None:
        now = self._clock.now()
        ping = Ping(time=now, unsaved=unsaved)
        self._bus.publish(
            Event(
                id="",
                type=ping.type,
                seq=None,
                timestamp=now,
                conference=conference,
                conference_sid=None,
                tenant="",
                data=ping,
            )
        )
