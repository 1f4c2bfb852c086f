"""The wallboard's state: a row per conference that goes on or ended just now, kept in step with the event bus.

State, not history: a reader says which version it has and gets what changed since, or a snapshot. Rows are encoded
once for all readers, and a reader that is slow gets fewer, larger changes; nothing queues up for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

import msgspec
import structlog

from sidecar.domain.conference.values import Conference, ConferenceState
from sidecar.domain.errors import StoreUnavailable
from sidecar.domain.events import ConferenceEnded, Event, Wallboard
from sidecar.domain.wallboard import ConferenceFold, WallboardRow
from sidecar.ports.clock import Clock
from sidecar.ports.directory import Directory
from sidecar.ports.event_log import EventLog
from sidecar.runtime.event_bus import EVERYTHING, WALLBOARD, EventBus, SubscriberTooSlow, Subscription

log = structlog.get_logger()

# Readers are told of changes at most so often.
FRAME_EACH_S = 0.5
# How long the row of an ended conference stays.
LINGER = timedelta(seconds=30)
# Rows at once. Full: a further conference has no row until another one leaves; it is counted in ``crowded_out``.
ROWS_MOST = 1_000
# Removals remembered for readers that are behind; who is further behind gets a snapshot.
REMOVALS_KEPT = 1_000
# Conferences that may have ended just now are looked for among so many of the newest.
LATELY_ENDED = 200
READ_PAGE = 1_000
STORE_RETRY_S = 1.0


class Change(msgspec.Struct, frozen=True):
    """What a reader gets: the version it has then, and the ``Wallboard`` as JSON, the same bytes within a tenant."""

    version: int
    data: bytes


class AgentChange(Change, frozen=True):
    """And what the agent has been shown then: version by conference."""

    shown: Mapping[str, int]


class _Removal(NamedTuple):
    """When a row left the board, by version, and whose it was."""

    version: int
    tenant: str


class _Entry:
    """A conference with its row as told last."""

    def __init__(self, fold: ConferenceFold) -> None:
        self.fold = fold
        self.row: WallboardRow | None = None
        self.encoded = msgspec.Raw(b"")
        self.version = 0


class WallboardState:
    """``run`` is its one task; readers call the other methods."""

    def __init__(self, *, directory: Directory, event_log: EventLog, bus: EventBus, clock: Clock) -> None:
        self._directory = directory
        self._event_log = event_log
        self._bus = bus
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._changed: set[str] = set()
        self._gone: dict[str, str] = {}  # conference to tenant
        self._crowded_out: dict[str, None] = {}
        self._removed: dict[str, _Removal] = {}  # by conference, oldest first
        self._removed_floor = 0
        # For this version, by tenant and the version that a reader has.
        self._answers: dict[tuple[str, int | None], Change] = {}
        self._told_at = 0.0
        self._version = 0
        self.ready = False

    @property
    def crowded_out(self) -> int:
        """Conferences that go on and have no row, because the board is full."""
        return len(self._crowded_out)

    def rows(self, tenant: str, *, agent: str | None = None) -> list[WallboardRow]:
        """A tenant's rows as told last, without those that left since, in order of their conferences' start.

        ``agent``: only that agent's own.
        """
        rows = [entry.row for entry in self._visible(tenant, agent).values() if entry.row is not None]
        return sorted(rows, key=lambda row: (row.clock_zero, row.id))

    def since(self, version: int | None, tenant: str) -> Change | None:
        """What changed for a tenant since ``version``; everything for None or one too old.

        None: nothing has changed on the whole board, or it is not ready yet. No data: nothing of this tenant's has.
        """
        if not self.ready or version == self._version:
            return None
        if version is not None and version < self._removed_floor:
            version = None
        asked = tenant, version
        if asked not in self._answers:
            self._answers[asked] = self._change(tenant, version)
        return self._answers[asked]

    def change_for(
        self, agent: str, tenant: str, *, version: int | None, shown: Mapping[str, int]
    ) -> AgentChange | None:
        """What an agent, who sees own calls only, has not been told; ``shown``: version by conference of what was.

        A conference comes and goes with the name of its participants, so it takes more than a version to tell. None:
        nothing has changed on the whole board, or it is not ready yet.
        """
        if not self.ready or version == self._version:
            return None
        own = {who: entry for who, entry in self._visible(tenant, agent).items() if entry.row}
        rows = [entry.encoded for who, entry in own.items() if shown.get(who) != entry.version]
        removed = [who for who in shown if who not in own]
        told = Wallboard(snapshot=version is None, rows=rows, removed=removed)
        data = msgspec.json.encode(told) if rows or removed or version is None else b""
        return AgentChange(self._version, data, {who: entry.version for who, entry in own.items()})

    def _visible(self, tenant: str, agent: str | None) -> dict[str, _Entry]:
        return {
            who: entry
            for who, entry in self._entries.items()
            if entry.fold.tenant == tenant and (agent is None or entry.fold.is_own(agent))
        }

    def forget(self, conference_id: str) -> None:
        """A conference was deleted: readers are told with the next frame that it is gone."""
        entry = self._entries.pop(conference_id, None)
        if entry is not None:
            self._changed.discard(conference_id)
            self._gone[conference_id] = entry.fold.tenant

    async def run(self) -> None:
        """Follow the bus for ever. Falling behind is healed by reading the log."""
        while True:
            try:
                with self._bus.subscribe([EVERYTHING]) as subscription:
                    await self._seed()
                    await self._follow(subscription)
            except SubscriberTooSlow:
                log.warning("wallboard_fell_behind", rows=len(self._entries))
            except StoreUnavailable as error:
                log.warning("wallboard_not_seeded", reason=error.message, retry_in_s=STORE_RETRY_S)
                await asyncio.sleep(STORE_RETRY_S)

    async def _seed(self) -> None:
        """Take in what goes on or ended just now, and catch up with what was missed of rows that are here already."""
        recent = [one for one in await self._directory.conferences(limit=LATELY_ENDED) if self._lingers(one)]
        for conference in {one.id: one for one in [*await self._directory.unfinished(), *recent]}.values():
            await self._load(conference)
        await self._expire()
        self.ready = True
        self._tell()

    async def _follow(self, subscription: Subscription) -> None:
        loop = asyncio.get_running_loop()
        while True:
            wait_s = self._wait_s()
            try:
                async with asyncio.timeout_at(None if wait_s is None else loop.time() + wait_s):
                    batch = await subscription.next_batch()
            except TimeoutError:
                batch = []
            for told in batch:
                await self._take(told.event)
            await self._expire()
            if (self._changed or self._gone) and loop.time() >= self._told_at + FRAME_EACH_S:
                self._tell()

    def _wait_s(self) -> float | None:
        """Until something is due without any event: a frame, or a row that has lingered."""
        waits: list[float] = []
        if self._changed or self._gone:
            waits.append(self._told_at + FRAME_EACH_S - asyncio.get_running_loop().time())
        now = self._clock.now()
        ends = [entry.fold.ended_at for entry in self._entries.values() if entry.fold.ended_at is not None]
        waits += [(ended_at + LINGER - now).total_seconds() for ended_at in ends]
        return max(0.0, min(waits)) if waits else None

    async def _take(self, event: Event) -> None:
        if event.conference in self._crowded_out:
            if isinstance(event.data, ConferenceEnded):
                del self._crowded_out[event.conference]
            return
        entry = self._entries.get(event.conference)
        try:
            if entry is None:
                conference = await self._directory.conference(event.conference)
                if conference is not None and self._lingers(conference):
                    await self._load(conference)
                entry = self._entries.get(event.conference)
            elif event.seq is not None and event.seq > entry.fold.seq + 1:
                await self._replay(event.conference, entry.fold)  # stored by somebody whose bus is not ours
            if entry is not None and not entry.fold.knows(event):
                entry.fold.meet(await self._directory.participants(event.conference))
        except StoreUnavailable as error:
            # The next event of this conference tries again.
            log.warning("wallboard_row_not_read", conference=event.conference, reason=error.message)
        if entry is not None:
            entry.fold.take(event)
            self._changed.add(event.conference)

    async def _load(self, conference: Conference) -> None:
        entry = self._entries.get(conference.id)
        if entry is None:
            if not self._lingers(conference):
                return
            if len(self._entries) >= ROWS_MOST:
                if conference.state is not ConferenceState.ENDED:
                    self._crowded_out[conference.id] = None
                return
            entry = _Entry(ConferenceFold(conference, await self._directory.participants(conference.id)))
        await self._replay(conference.id, entry.fold)
        self._entries[conference.id] = entry
        self._gone.pop(conference.id, None)
        self._removed.pop(conference.id, None)
        self._changed.add(conference.id)

    async def _replay(self, conference_id: str, fold: ConferenceFold) -> None:
        while events := await self._event_log.read(conference_id, after=fold.seq, limit=READ_PAGE):
            for event in events:
                fold.take(event)

    def _lingers(self, conference: Conference) -> bool:
        """Whether a conference belongs on the board: it goes on, or ended just now."""
        return conference.ended_at is None or conference.ended_at + LINGER > self._clock.now()

    async def _expire(self) -> None:
        now = self._clock.now()
        for conference_id, entry in list(self._entries.items()):
            if entry.fold.ended_at is not None and entry.fold.ended_at + LINGER <= now:
                del self._entries[conference_id]
                self._changed.discard(conference_id)
                self._gone[conference_id] = entry.fold.tenant
        while self._crowded_out and len(self._entries) < ROWS_MOST:
            waiting = next(iter(self._crowded_out))
            try:
                conference = await self._directory.conference(waiting)
                if conference is not None:
                    await self._load(conference)
            except StoreUnavailable as error:
                log.warning("wallboard_row_not_read", conference=waiting, reason=error.message)
                return
            self._crowded_out.pop(waiting, None)

    def _tell(self) -> None:
        """The next version: encode what changed, and stir the readers."""
        version = self._version + 1
        for conference_id in self._changed:
            entry = self._entries[conference_id]
            row = entry.fold.row()
            if row != entry.row:
                entry.row, entry.version = row, version
                entry.encoded = msgspec.Raw(msgspec.json.encode(row))
        for conference_id, tenant in self._gone.items():
            self._removed.pop(conference_id, None)
            self._removed[conference_id] = _Removal(version, tenant)
        while len(self._removed) > REMOVALS_KEPT:
            self._removed_floor = self._removed.pop(next(iter(self._removed))).version
        self._changed.clear()
        self._gone.clear()
        self._version = version
        self._answers.clear()
        self._told_at = asyncio.get_running_loop().time()
        self._bus.stir(WALLBOARD)

    def _change(self, tenant: str, version: int | None) -> Change:
        since = -1 if version is None else version
        visible = self._visible(tenant, None).values()
        entries = sorted((one for one in visible if one.row and one.version > since), key=lambda one: one.version)
        removed = [who for who, gone in self._removed.items() if gone.tenant == tenant and gone.version > since]
        if version is not None and not entries and not removed:
            return Change(self._version, b"")
        told = Wallboard(
            snapshot=version is None,
            rows=[entry.encoded for entry in entries],
            removed=[] if version is None else removed,
        )
        return Change(self._version, msgspec.json.encode(told))


class WallboardReader:
    """What one reader has of the board, and what is new to them. ``agent``: they see that agent's own calls only."""

    def __init__(self, board: WallboardState, tenant: str, *, agent: str | None = None) -> None:
        self._board = board
        self._tenant = tenant
        self._agent = agent
        self._version: int | None = None
        self._shown: Mapping[str, int] = {}

    def change(self) -> bytes:
        """A ``Wallboard`` as JSON, the first time a snapshot. No bytes: there is nothing new."""
        if self._agent is None:
            change = self._board.since(self._version, self._tenant)
        else:
            change = own = self._board.change_for(self._agent, self._tenant, version=self._version, shown=self._shown)
            self._shown = own.shown if own is not None else self._shown
        if change is None:
            return b""
        self._version = change.version
        return change.data
