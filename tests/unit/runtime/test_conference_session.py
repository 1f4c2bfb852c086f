"""A conference follows what the network says, whatever is repeated, late or missing, and closes its transcript."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from sidecar.adapters.sql import Database
from sidecar.adapters.sql.directory import SqlDirectory
from sidecar.adapters.sql.event_log import SqlEventLog
from sidecar.domain.access.callers import token_hash
from sidecar.domain.conference.facts import EndReason, News, NewsKind, Pause, Resume, Signs
from sidecar.domain.conference.machine import QUIET_BEFORE_INQUIRY_MS
from sidecar.domain.conference.values import Fork, ForkState
from sidecar.domain.errors import ForkRefused, StoreUnavailable, TelephonyFailed
from sidecar.domain.events import (
    Event,
    ForkStarted,
    TranscriptCompleted,
    TranscriptGap,
    TranscriptResumed,
    UtteranceFinal,
    UtterancePartial,
)
from sidecar.domain.spans import Spans
from sidecar.ports.directory import BoundFork
from sidecar.ports.recogniser import FinalResult, SpeechStarted
from sidecar.runtime import conference_session, recovery, switchboard
from sidecar.runtime.conference_session import ConferenceSession
from sidecar.runtime.ears import Ears
from sidecar.runtime.event_bus import EventBus
from sidecar.runtime.event_writer import EventWriter
from sidecar.runtime.fork_session import ForkSession
from sidecar.runtime.switchboard import Caller, Switchboard
from tests.fakes import FakeClock, FakeTelephony, Script, ScriptedRecogniser

CF = "CF" + "0" * 32
AGENT, CUSTOMER = "CA" + "a" * 32, "CA" + "c" * 32
STREAM = "MZ" + "1" * 32
HELLO: Script = [
    (300, SpeechStarted(segment=0, start_ms=200)),
    (900, FinalResult(segment=0, start_ms=200, end_ms=800, text="hello")),
]


class House:
    """A switchboard on a real store, with a fake network and a scripted engine."""

    def __init__(self, database: Database, telephony: FakeTelephony, recogniser: ScriptedRecogniser) -> None:
        self.clock = FakeClock()
        self.telephony = telephony
        self.ears = Ears()
        self.told = 0
        self.directory = SqlDirectory(database)
        self.log = SqlEventLog(database)
        bus = EventBus()
        self.writer = EventWriter(self.log, bus, self.clock)
        self.board = Switchboard(
            max_forks=100,
            directory=self.directory,
            event_log=self.log,
            writer=self.writer,
            bus=bus,
            clock=self.clock,
            recogniser=recogniser,
            telephony=telephony,
            ears=self.ears,
        )

    async def call(self, call_sid: str, label: str, room: str = "support") -> str:
        """A call fetches its TwiML; the token it gets."""
        _, token = await self.board.admit(Caller(call_sid=call_sid, address="+15550100", room=room, label=label))
        assert token is not None
        return token

    async def stream(self, call_sid: str, token: str) -> tuple[ConferenceSession, ForkSession]:
        """Its media stream opens."""
        return await self.board.bind(token=token, call_sid=call_sid, stream_sid=STREAM)

    async def session(self) -> ConferenceSession:
        """As a network callback finds it."""
        session = await self.board.session(conference_sid=CF, room="support")
        assert session is not None
        return session

    async def tell(self, kind: str, call_sid: str | None = None, *, seq: int = 0, **signs: bool) -> None:
        """A callback of the network: the next in order, or of that number."""
        self.told = max(self.told + (seq == 0), seq)
        news = News(kind=NewsKind(kind), call_sid=call_sid, provider_seq=seq or self.told, signs=Signs(**signs))
        await (await self.session()).tell(news)

    async def events(self) -> list[Event]:
        """All events of the one conference."""
        assert await self.writer.flush(5)
        [conference] = await self.directory.conferences()
        return await self.log.read(conference.id)

    async def types(self) -> list[str]:
        """Their types, in order."""
        return [event.type for event in await self.events()]

    async def until(self, type_: str) -> Event:
        """The first event of a type, as soon as it is there."""
        async with asyncio.timeout(10):
            while True:
                for event in await self.events():
                    if event.type == type_:
                        return event
                await asyncio.sleep(0.02)


async def hear(fork: ForkSession, clock: FakeClock, ms: int) -> None:
    """Steady frames of sound."""
    first = fork.frames
    for n in range(first, first + ms // 20):
        clock.pass_ms(20)
        fork.receive(n + 2, n * 20, b"\x10\x90" * 80)
        if n % 5 == 4:
            await asyncio.sleep(0.001)  # the recogniser hears it, too


Open = Callable[..., AbstractAsyncContextManager[House]]


@pytest.fixture
def house(database: Database, monkeypatch: pytest.MonkeyPatch) -> Open:
    """A running house; leaving it is the death of the process: nothing is told to anybody."""
    monkeypatch.setattr(conference_session, "STREAM_STOP_TIMEOUT_S", 0.1)
    monkeypatch.setattr(recovery, "REOPEN_BACKOFF_S", (0.0, 0.01))
    monkeypatch.setattr(conference_session, "TICK_S", 0.02)
    monkeypatch.setattr(recovery, "BIND_TIMEOUT_S", 2.0)

    @asynccontextmanager
    async def running(
        telephony: FakeTelephony | None = None, recogniser: ScriptedRecogniser | None = None
    ) -> AsyncIterator[House]:
        house = House(database, telephony or FakeTelephony(CF), recogniser or ScriptedRecogniser(HELLO, HELLO, HELLO))
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(house.writer.run()), tasks.create_task(house.board.run())]
            await asyncio.sleep(0)
            yield house
            for task in running:
                task.cancel()

    return running


async def test_a_call_from_first_ring_to_manifest(house: Open) -> None:
    """Two people join, one says hello, all hang up: each fact once, the manifest last."""
    async with house() as h:
        tokens = [await h.call(AGENT, "agent"), await h.call(CUSTOMER, "customer")]
        conference, fork = await h.stream(AGENT, tokens[0])
        await h.tell("joined", AGENT)
        await h.tell("joined", CUSTOMER)
        await h.tell("started")
        await hear(fork, h.clock, 1_500)
        await conference.detach(fork, EndReason.STOPPED)
        await h.tell("left", AGENT)
        await h.tell("left", CUSTOMER)
        await h.tell("ended")
        manifest = (await h.until("transcript.completed")).data
        types = await h.types()
    assert types[-1] == "transcript.completed"
    assert sorted(types[:4]) == ["conference.started", "fork.started", "participant.joined", "participant.joined"]
    for once in ("conference.started", "conference.ended", "utterance.final", "fork.started"):
        assert types.count(once) == 1
    assert isinstance(manifest, TranscriptCompleted)
    assert (manifest.utterances, manifest.last_seq) == (1, len(types) - 1)


async def test_repeated_and_shuffled_callbacks_change_nothing(house: Open) -> None:
    """Leave before join, everything twice, an end in between."""
    async with house() as h:
        await h.call(AGENT, "agent")
        for _ in range(2):
            await h.tell("left", AGENT, seq=3)
            await h.tell("joined", AGENT, seq=1)
            await h.tell("started", seq=2)
        session, end = await h.session(), News(kind=NewsKind.ENDED, provider_seq=4)
        await asyncio.wait([asyncio.ensure_future(session.tell(end)) for _ in range(3)])  # noqa: TID251 - a storm
        await h.until("transcript.completed")
        types = await h.types()
    assert types.count("participant.left") == 1
    assert types.count("participant.joined") == 0  # it has left: joining late is no news
    assert types.count("conference.ended") == 1
    assert types.count("transcript.completed") == 1


async def test_words_lie_where_they_were_said_however_long_the_store_takes_to_bind_a_stream(
    house: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When many streams come at once, as after a restart, each waits for the store; its audio waits in the socket."""
    claim = SqlDirectory.claim_fork

    async def slow(self: SqlDirectory, **asked: Any) -> BoundFork:
        bound = await claim(self, **asked)
        h.clock.pass_ms(700)
        return bound

    monkeypatch.setattr(SqlDirectory, "claim_fork", slow)
    async with house() as h:
        token = await h.call(AGENT, "agent")
        h.clock.pass_ms(1_000)
        conference, fork = await h.stream(AGENT, token)
        await hear(fork, h.clock, 1_500)
        await conference.detach(fork, EndReason.STOPPED)
        started, said = await h.until("fork.started"), await h.until("utterance.final")
    assert isinstance(started.data, ForkStarted)
    assert isinstance(said.data, UtteranceFinal)
    assert (started.data.at_ms, said.data.start_ms) == (1_000, 1_200)


async def test_a_lost_socket_is_opened_again_and_the_pause_is_a_gap(house: Open) -> None:
    """No stop came: ask the network for another stream of the same fork."""
    async with house() as h:
        token = await h.call(AGENT, "agent")
        conference, fork = await h.stream(AGENT, token)
        await h.tell("joined", AGENT)
        await hear(fork, h.clock, 1_500)
        await conference.detach(fork, EndReason.LOST)
        call_sid, name, new_token = await h.telephony.asked.get()
        assert (call_sid, name) == (AGENT, f"{fork.fork.id}-{fork.fork.epoch + 1}")
        h.clock.pass_ms(2_000)
        _, again = await h.stream(AGENT, new_token)
        await hear(again, h.clock, 1_500)
        await conference.detach(again, EndReason.STOPPED)
        await h.tell("left", AGENT)
        await h.until("fork.stopped")
        events = await h.events()
        await h.tell("ended")
        await h.until("transcript.completed")
    facts = [event.data for event in events]
    gaps = [fact for fact in facts if isinstance(fact, TranscriptGap)]
    assert [(gap.from_ms, gap.to_ms, gap.reason) for gap in gaps] == [(1_500, 3_500, "stream_reconnected")]
    assert [event.type for event in events if event.type.startswith("fork")] == [
        "fork.started",
        "fork.interrupted",
        "fork.resumed",
        "fork.stopped",
    ]
    assert sum(event.type == "utterance.final" for event in events) == 2


async def test_a_newer_socket_of_the_same_fork_takes_over(house: Open) -> None:
    """The older one says no more, and its end is no news."""
    async with house() as h:
        conference, old = await h.stream(AGENT, await h.call(AGENT, "agent"))
        await hear(old, h.clock, 1_000)
        _, new = await h.stream(AGENT, await h.call(AGENT, "agent"))
        await conference.detach(old, EndReason.LOST)
        await hear(new, h.clock, 1_000)
        await conference.detach(new, EndReason.STOPPED)
        types = await h.types()
    assert types.count("fork.interrupted") == 0
    assert types.count("fork.stopped") == 1
    assert types.count("utterance.final") == 2  # one of each stream


async def test_of_two_sockets_of_one_call_no_moment_is_heard_twice_and_the_older_one_is_refused(house: Open) -> None:
    """The newer one waited 400 ms for the store, so both carry what was said meanwhile."""
    said = [b"\x10", b"\x22", b"\x34"]  # before, while both are there, afterwards
    recogniser = ScriptedRecogniser()
    async with house(recogniser=recogniser) as h:
        conference, old = await h.stream(AGENT, await h.call(AGENT, "agent"))
        waiting = await h.directory.claim_fork(
            token_hash=token_hash(await h.call(AGENT, "agent")), call_sid=AGENT, stream_sid=STREAM, now=h.clock.now()
        )
        for n in range(60):
            if n == 40:
                came_at = h.clock.now()
            h.clock.pass_ms(20)
            old.receive(n + 2, n * 20, said[n >= 40] * 160)
        new = await conference.attach(waiting, came_at=came_at)
        for n in range(40):
            h.clock.pass_ms(20 if n >= 20 else 0)
            new.receive(n + 2, n * 20, said[1 + (n >= 20)] * 160)
        for n in range(60, 64):
            old.receive(n + 2, n * 20, said[2] * 160)
        with pytest.raises(ForkRefused, match="took over") as refused:
            old.receive(66, 64 * 20, said[2] * 160)
        assert refused.value.code == "fork_superseded"
        late = msgspec.structs.replace(waiting, fork=msgspec.structs.replace(waiting.fork, epoch=1))
        with pytest.raises(ForkRefused, match="newer stream") as refused:
            await conference.attach(late, came_at=came_at)
        assert refused.value.code == "fork_superseded"
        await conference.detach(new, EndReason.STOPPED)
        types = await h.types()
    heard = [bytes(stream.audio) for stream in recogniser.streams]
    assert [sum(audio.count(one) for audio in heard) for one in said] == [40 * 160, 20 * 160, 20 * 160]
    assert [kind for kind in types if kind.startswith("fork")] == ["fork.started", "fork.resumed", "fork.stopped"]
    assert "transcript.gap" not in types


async def test_a_fork_whose_call_is_gone_is_given_up(house: Open) -> None:
    """The network says 404: nothing to reopen, the fork is stopped."""
    async with house() as h:
        conference, fork = await h.stream(AGENT, await h.call(AGENT, "agent"))
        await hear(fork, h.clock, 1_000)
        h.telephony.failures = [TelephonyFailed("gone", gone=True, provider_code=20404)]
        await conference.detach(fork, EndReason.LOST)
        await h.until("fork.stopped")
    assert h.telephony.asked.empty()


async def test_a_provider_that_fails_is_asked_again(house: Open) -> None:
    """503 and no answer are no reason to give a fork up."""
    async with house() as h:
        conference, fork = await h.stream(AGENT, await h.call(AGENT, "agent"))
        h.telephony.failures = [TelephonyFailed("busy"), TelephonyFailed("busy")]
        await conference.detach(fork, EndReason.LOST)
        call_sid, _, token = await h.telephony.asked.get()
        await h.stream(call_sid, token)
        await h.until("fork.resumed")


async def test_a_token_opens_one_socket_once(house: Open) -> None:
    """Replayed, late, of another call or made up: refused, with the reason."""
    async with house() as h:
        token = await h.call(AGENT, "agent")
        other = await h.call(CUSTOMER, "customer")
        await h.stream(AGENT, token)
        h.clock.pass_ms(61_000)
        for call_sid, used, code in (
            (AGENT, token, "fork_token_used"),
            (AGENT, other, "fork_token_other_call"),
            (CUSTOMER, other, "fork_token_expired"),
            (CUSTOMER, "made up", "fork_token_unknown"),
        ):
            with pytest.raises(ForkRefused) as caught:
                await h.stream(call_sid, used)
            assert caught.value.code == code


async def test_no_stream_binds_to_a_conference_that_is_over(house: Open) -> None:
    """A late socket gets a clear refusal."""
    async with house() as h:
        token = await h.call(AGENT, "agent")
        await h.tell("ended")
        await h.until("transcript.completed")
        with pytest.raises(ForkRefused):
            await h.stream(AGENT, token)


async def test_a_killed_process_leaves_a_gap_and_its_forks_are_opened_again(house: Open) -> None:
    """Everything needed for that is in the rows."""
    async with house() as h:
        for call_sid, label in ((AGENT, "agent"), (CUSTOMER, "customer")):
            _, fork = await h.stream(call_sid, await h.call(call_sid, label))
            await h.tell("joined", call_sid)
        await hear(fork, h.clock, 4_000)
        await h.writer.flush(5)
    async with house(FakeTelephony(CF, present=[CUSTOMER])) as h:
        h.clock.pass_ms(9_000)
        call_sid, _, token = await h.telephony.asked.get()
        assert call_sid == CUSTOMER
        await h.stream(call_sid, token)
        await h.until("fork.resumed")
        events = await h.events()
        forks = await h.directory.forks(events[0].conference)
    gaps = [event.data for event in events if isinstance(event.data, TranscriptGap)]
    customer_gap = next(gap for gap in gaps if gap.fork == fork.fork.id)
    assert customer_gap.reason == "service_restarted"
    assert 2_000 <= customer_gap.from_ms <= 4_000
    assert customer_gap.to_ms == 9_000
    assert {fork.call_sid: fork.state for fork in forks} == {AGENT: ForkState.STOPPED, CUSTOMER: ForkState.LIVE}
    assert sum(event.type == "participant.left" for event in events) == 1
    assert sum(event.type == "utterance.final" for event in events) == 1


async def test_a_conference_that_ended_while_nobody_listened_is_completed(house: Open) -> None:
    """After a restart the network knows of no such conference."""
    async with house() as h:
        await h.stream(AGENT, await h.call(AGENT, "agent"))
        await h.writer.flush(5)
    network = FakeTelephony(CF)
    network.over, network.ended_at = True, FakeClock().now() + timedelta(seconds=20)
    async with house(network) as h:
        h.clock.pass_ms(8 * 3_600_000)
        await h.until("transcript.completed")
        events = await h.events()
    assert [event.type for event in events[-4:]] == [
        "conference.ended",
        "transcript.gap",
        "fork.stopped",
        "transcript.completed",
    ]
    gap = events[-3].data
    assert isinstance(gap, TranscriptGap)
    assert (gap.from_ms, gap.to_ms) == (0, 20_000)  # to its end, not to the moment of looking


async def test_an_end_that_was_never_told_is_noticed(house: Open) -> None:
    """Without streams for a while, the network is asked."""
    network = FakeTelephony(CF)
    async with house(network) as h:
        conference, fork = await h.stream(AGENT, await h.call(AGENT, "agent"))
        await conference.detach(fork, EndReason.STOPPED)
        h.clock.pass_ms(QUIET_BEFORE_INQUIRY_MS)
        await asyncio.sleep(0.2)
        assert "conference.ended" not in await h.types()
        network.over = True
        h.clock.pass_ms(QUIET_BEFORE_INQUIRY_MS)
        await h.until("transcript.completed")


class ForgetfulLog(SqlEventLog):
    """A store that cannot be read while ``away`` is set."""

    away = False

    async def read(self, conference_id: str, *, after: int = 0, limit: int = 1000) -> list[Event]:
        """As the real one, if it is there."""
        if self.away:
            raise StoreUnavailable("the store is away")
        return await super().read(conference_id, after=after, limit=limit)


async def test_a_session_that_fails_starts_again_from_its_rows(
    house: Open, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is away just when the conference ends: the transcript is completed as soon as it is back."""
    monkeypatch.setattr(switchboard, "RESTART_AFTER_S", 0.05)
    network = FakeTelephony(CF)
    async with house(network) as h:
        log = ForgetfulLog(database)
        h.board._event_log = log
        _, fork = await h.stream(AGENT, await h.call(AGENT, "agent"))
        await hear(fork, h.clock, 1_500)
        log.away = True
        await h.tell("ended")
        await asyncio.sleep(0.3)
        with pytest.raises(ForkRefused):
            await hear(fork, h.clock, 100)
        assert "transcript.completed" not in await h.types()
        log.away = False
        await h.until("transcript.completed")
        types = await h.types()
    assert types.count("conference.ended") == 1
    assert types.count("fork.stopped") == 1
    assert types.count("utterance.final") == 1


async def test_what_is_said_on_hold_is_not_transcribed_and_is_no_gap(house: Open) -> None:
    """Held, then back: only what was said before and afterwards went to the recogniser."""
    recogniser = ScriptedRecogniser()
    async with house(recogniser=recogniser) as h:
        conference, fork = await h.stream(CUSTOMER, await h.call(CUSTOMER, "customer"))
        await h.tell("joined", CUSTOMER)
        for held in (False, True, False):
            await h.tell("changed", CUSTOMER, hold=held)
            first = fork.frames
            for n in range(first, first + 10):
                fork.receive(n + 2, n * 20, b"\x7f" * 160)
        await conference.detach(fork, EndReason.STOPPED)
        types = await h.types()
    heard = bytes(recogniser.streams[0].audio)
    assert heard == (b"\x7f" * 1_600) + (b"\xff" * 1_600) + (b"\x7f" * 1_600)
    assert types.count("participant.updated") == 3
    assert "transcript.gap" not in types


async def test_a_restart_on_hold_stays_on_hold_and_makes_no_gap_of_it(house: Open) -> None:
    """The rows say so, and the network confirms it."""
    async with house() as h:
        _, fork = await h.stream(CUSTOMER, await h.call(CUSTOMER, "customer"))
        await h.tell("joined", CUSTOMER)
        await h.tell("changed", CUSTOMER, hold=True, seq=4)
        await hear(fork, h.clock, 4_000)
        await h.writer.flush(5)
    network, recogniser = FakeTelephony(CF, present=[CUSTOMER]), ScriptedRecogniser()
    network.on_hold.add(CUSTOMER)
    async with house(network, recogniser) as h:
        h.clock.pass_ms(9_000)
        call_sid, _, token = await h.telephony.asked.get()
        conference, fork = await h.stream(call_sid, token)
        for n in range(10):
            fork.receive(n + 2, n * 20, b"\x7f" * 160)
        await h.tell("changed", CUSTOMER, hold=False, seq=3)  # older than the rows
        await h.tell("changed", CUSTOMER, hold=False, seq=5)
        fork.receive(12, 200, b"\x7f" * 160)
        await conference.detach(fork, EndReason.STOPPED)
        types = await h.types()
    assert bytes(recogniser.streams[0].audio) == b"\xff" * 1_600 + b"\x7f" * 160
    assert "transcript.gap" not in types
    assert types.count("participant.updated") == 2


async def test_a_store_that_stands_still_holds_nobody_back_from_resting(house: Open, database: Database) -> None:
    """Held while nothing can be stored: silence goes on at once, and the event is stored when the store is back."""
    recogniser = ScriptedRecogniser()
    async with house(recogniser=recogniser) as h:
        _, fork = await h.stream(CUSTOMER, await h.call(CUSTOMER, "customer"))
        await h.tell("joined", CUSTOMER)
        async with database.write():
            session = await h.session()
            held = News(kind=NewsKind.CHANGED, provider_seq=9, call_sid=CUSTOMER, signs=Signs(hold=True))
            telling = asyncio.ensure_future(session.tell(held))  # noqa: TID251 - Twilio waits for its answer
            await asyncio.sleep(0.05)
            for n in range(5):
                fork.receive(n + 2, n * 20, b"\x7f" * 160)
            assert not telling.done()
        await telling
        assert (await h.types()).count("participant.updated") == 1
    assert set(recogniser.streams[0].audio) == {0xFF}


class Ear:
    """Knows whether there is a pause, and whether that was stored by then."""

    def __init__(self, writer: EventWriter) -> None:
        self._writer = writer
        self.told: list[tuple[bool, bool]] = []

    def sound(self, fork: Fork, audio: bytes, ends_ms: int) -> None:
        """Not of interest."""

    def words(self, said: UtterancePartial | UtteranceFinal) -> bool:
        """No echo."""
        return False

    def paused(self, pauses: Spans) -> None:
        self.told.append((pauses.since is not None, self._writer.waiting == 0))


async def test_who_else_listens_hears_of_a_pause_before_it_is_stored(house: Open) -> None:
    async with house() as here:
        session, _ = await here.stream("CA1", await here.call("CA1", "agent"))
        ear = Ear(here.writer)
        here.ears.open(session.conference.id, ear)
        await session.set_paused(Pause(by="Ana"))
        await session.set_paused(Resume(by="Ana"))
        assert ear.told == [(True, False), (False, False)]


async def test_a_pause_outlives_the_process_and_whatever_is_asked_twice(house: Open) -> None:
    """Killed while paused: forked again, it rests still; nothing since the pause is a gap, and nothing was heard."""
    said = b"\x7f" * 160
    before, recogniser = ScriptedRecogniser(), ScriptedRecogniser()
    async with house(recogniser=before) as h:
        _, fork = await h.stream(AGENT, await h.call(AGENT, "agent"))
        await h.tell("joined", AGENT)
        session = await h.session()
        assert (await session.set_paused(Pause(by="Ana", reason="card number"))).since is not None
        assert (await session.set_paused(Pause(by="Tom"))).since is not None
        for n in range(10):
            fork.receive(n + 2, n * 20, said)
        await h.writer.flush(5)
    async with house(FakeTelephony(CF, present=[AGENT]), recogniser) as h:
        h.clock.pass_ms(9_000)
        _, _, token = await h.telephony.asked.get()
        _, fork = await h.stream(AGENT, token)
        for n in range(10):
            h.clock.pass_ms(20)
            fork.receive(n + 2, n * 20, said)
        session = await h.session()
        pauses = await session.set_paused(Resume(by="Ana"))
        assert pauses.since is None
        for n in range(10, 60):  # the first of it was under way before
            h.clock.pass_ms(20)
            fork.receive(n + 2, n * 20, said)
        events = await h.events()
    assert set(before.streams[0].audio) == {0xFF}
    heard = bytes(recogniser.streams[0].audio)
    resumed = next(event.data for event in events if isinstance(event.data, TranscriptResumed))
    assert heard == b"\xff" * (len(heard) - len(heard.lstrip(b"\xff"))) + heard.lstrip(b"\xff")
    assert len(heard) - len(heard.lstrip(b"\xff")) >= 8 * (resumed.at_ms - 9_000 - 20)
    assert heard.endswith(said)
    told = [event.type for event in events]
    assert (told.count("transcript.paused"), told.count("transcript.resumed")) == (1, 1)
    assert "transcript.gap" not in told
