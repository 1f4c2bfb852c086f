"""An assistant's desk on a real store in virtual time: a network that is written down, and a line that plays."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sidecar.adapters.sql import Database, SqlAssistants, SqlDirectory, SqlEventLog
from sidecar.domain.assistant.stay import Assistant, Wish
from sidecar.domain.conference.values import Conference, Role
from sidecar.domain.event_data import EventData
from sidecar.domain.events import Event, ParticipantJoined, ParticipantLeft, UtteranceFinal
from sidecar.ports.chat_model import ChatModel
from sidecar.ports.directory import BoundFork
from sidecar.ports.realtime import RealtimeModel
from sidecar.ports.voice import Voice
from sidecar.runtime.assistant.desk import AssistantDesk, AssistantPolicy, Engines
from sidecar.runtime.assistant.session import AssistantSession
from sidecar.runtime.event_bus import EVERYTHING, EventBus
from sidecar.runtime.event_writer import EventWriter
from sidecar.runtime.recorder import Recorder
from tests.facts import NOON, fork_request
from tests.fake_engines import FakeChatModel, FakeVoice
from tests.fakes import FakeClock, FakeTelephony
from tests.virtual_time import timeless

SID = "CF" + "0" * 32
LEG = "CA" + "a" * 32
Data = TypeVar("Data", bound=EventData)
_results = itertools.count()


class LoopClock(FakeClock):
    """The time of the test's loop."""

    def now(self) -> datetime:
        return NOON + timedelta(seconds=asyncio.get_running_loop().time())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class PlayingLine:
    """Plays what it gets in real time, and gives marks back when they are reached, or cleared.

    ``stalls``: it takes nothing. ``played_ms``: audio that sounded; ``closed``: by our side.
    """

    def __init__(self, session: AssistantSession, *, stalls: bool = False) -> None:
        self._session = session
        self._stalls = stalls
        self._free_at = 0.0
        self._pending: dict[str, asyncio.TimerHandle] = {}
        self.played_ms = 0.0
        self.clears = 0
        self.closed = False

    async def play(self, audio: bytes) -> None:
        if self._stalls:
            await asyncio.Event().wait()
        seconds = len(audio) / 8_000
        self._free_at = max(self._free_at, self._now()) + seconds
        self.played_ms += seconds * 1000

    async def mark(self, name: str) -> None:
        due = max(self._free_at, self._now())
        self._pending[name] = asyncio.get_running_loop().call_at(due, self._back, name)

    async def clear(self) -> None:
        self.clears += 1
        self.played_ms -= max(0.0, self._free_at - self._now()) * 1000
        self._free_at = 0.0
        for name in list(self._pending):
            self._pending[name].cancel()
            self._back(name)

    async def close(self) -> None:
        self.closed = True
        for pending in self._pending.values():
            pending.cancel()

    def _back(self, name: str) -> None:
        del self._pending[name]
        self._session.conversation.mouth.marked(self, name)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


class Rig:
    """A conference of an agent and a customer."""

    def __init__(self, database: Database, agent: BoundFork, customer: BoundFork) -> None:
        self.database = database
        self.agent, self.customer = agent, customer
        self.conference: Conference = agent.conference
        self.clock = LoopClock()
        self.bus = EventBus()
        self.log = timeless(SqlEventLog(database))
        self.rows = timeless(SqlAssistants(database))
        self.writer = EventWriter(self.log, self.bus, self.clock)
        self.network = FakeTelephony(sid=SID)
        self.told: list[Event] = []
        self.desk: AssistantDesk

    @asynccontextmanager
    async def running(
        self,
        chat_model: ChatModel | None = None,
        voice: Voice | None = None,
        realtime: RealtimeModel | None = None,
        **policy: Any,
    ) -> AsyncIterator[AssistantDesk]:
        """A desk, as one process has it; stopped in order."""
        self.desk = desk = AssistantDesk(
            AssistantPolicy(application_sid="AP" + "1" * 32, from_number="+15550100", **policy),
            rows=self.rows,
            directory=timeless(SqlDirectory(self.database)),
            event_log=self.log,
            writer=self.writer,
            bus=self.bus,
            clock=self.clock,
            telephony=self.network,
            engines=Engines(chat_model or FakeChatModel(), voice or FakeVoice(), realtime),
        )
        self.recorder = Recorder(self.conference, writer=self.writer, bus=self.bus, clock=self.clock, ears=desk.ears)
        async with asyncio.TaskGroup() as tasks:
            working = [tasks.create_task(self.writer.run()), tasks.create_task(self._listen())]
            running = tasks.create_task(desk.run())
            await asyncio.sleep(0)
            try:
                yield desk
            finally:
                await desk.shut_down()
                await running
                await self.writer.flush(1.0)
                for task in working:
                    task.cancel()

    async def invite(self, **wish: Any) -> Assistant:
        """An assistant that is on its way."""
        return await self.desk.invite(self.conference, Wish(by="Ana", **wish))

    async def join(self, assistant: Assistant, **line: Any) -> PlayingLine:
        """Its leg asks for TwiML and opens a line."""
        await asyncio.sleep(0.1)
        token = await self.desk.rendering(assistant.id, LEG)
        assert token is not None
        session = await self.desk.bind(token=token, call_sid=LEG)
        there = PlayingLine(session, **line)
        assert session.line_came(there)
        await asyncio.sleep(0.1)
        return there

    async def says(self, who: BoundFork, text: str, *, coaching: bool = False) -> UtteranceFinal:
        """An utterance that has just ended."""
        end = self.recorder.now_ms()
        said = UtteranceFinal(
            id=self.clock.new_id("utt"), participant=who.participant.id, fork=who.fork.id, session="ses",
            result_index=next(_results), revision=1, start_ms=max(0, end - 300 * len(text.split())), end_ms=end,
            text=text, engine="test", lag_ms=0, coaching=coaching,
        )  # fmt: skip
        self.recorder.record_soon(said)
        await asyncio.sleep(0.1)
        return said

    async def leaves(self, who: BoundFork) -> None:
        """Somebody hangs up."""
        left = ParticipantLeft(participant=who.participant.id, reason="left", at_ms=self.recorder.now_ms())
        await self.recorder.record(left)

    def of(self, kind: type[Data]) -> list[Data]:
        """What was told of that kind."""
        return [event.data for event in self.told if isinstance(event.data, kind)]

    async def until(self, kind: type[Data], count: int = 1, within_s: float = 120.0) -> Data:
        """The newest of that kind, as soon as there are so many."""
        async with asyncio.timeout(within_s):
            while len(self.of(kind)) < count:
                await asyncio.sleep(0.1)
        return self.of(kind)[-1]

    async def _listen(self) -> None:
        with self.bus.subscribe([EVERYTHING], at_once=True) as news:
            while True:
                self.told += [told.event for told in await news.next_batch()]


async def assistant_rig(database: Database) -> Rig:
    """Agent and customer are in the room, and forked."""
    directory, log = SqlDirectory(database), SqlEventLog(database)
    forks = []
    for call_sid, name, role in (("CA_agent", "Maya", Role.AGENT), ("CA_customer", "Daniel", Role.CUSTOMER)):
        request = fork_request(call_sid, label=role.value, name=name, role=role)
        forks.append(await directory.open_fork(request))
    await directory.bind_conference(forks[0].conference.id, SID)
    conference = await directory.conference(SID)
    assert conference is not None
    clock = FakeClock(NOON)
    recorder = Recorder(conference, writer=EventWriter(log, EventBus(), clock), bus=EventBus(), clock=clock)
    joined = [
        ParticipantJoined(
            participant=one.participant.id, call_sid=one.participant.call_sid, label=one.participant.label,
            name=one.participant.name, role=one.participant.role, at_ms=0,
        )
        for one in forks
    ]  # fmt: skip
    await log.append([recorder._draft(fact) for fact in joined])
    agent, customer = forks
    rig = Rig(database, agent, customer)
    rig.conference = conference
    return rig
