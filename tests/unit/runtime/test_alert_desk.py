"""The desk raises what the rules find, once, over restarts and changes of rules; time is virtual."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec
import pytest

from sidecar.adapters.sql import Database, SqlAlerts, SqlDirectory, SqlEventLog
from sidecar.domain import events as ev
from sidecar.domain.alerts.events import AlertAcknowledged, AlertRaised
from sidecar.domain.alerts.rules import AlertRule, Only, PatternOf, Phrases, RecogniserFailure, Silence
from sidecar.domain.conference.values import Role
from sidecar.domain.errors import NotFound
from sidecar.domain.events import EventData
from sidecar.ports.alerts import Alerts
from sidecar.ports.directory import BoundFork, Directory
from sidecar.ports.event_log import EventLog
from sidecar.runtime import alert_desk
from sidecar.runtime.alert_desk import AlertDesk
from sidecar.runtime.event_bus import QUEUE_EVENTS, EventBus
from sidecar.runtime.event_writer import EventWriter
from tests.alert_rules import alert_rule
from tests.assistant_rig import LoopClock
from tests.facts import draft, fork_request, utterance
from tests.virtual_time import timeless

pytestmark = pytest.mark.virtual_time
COMPLETED = ev.TranscriptCompleted(utterances=1, gaps=0, gap_ms=0, last_seq=4, sha256="", revision=1)


class Rig:
    """A store, a writer and a bus, as one process has them; desks come and go."""

    def __init__(self, database: Database) -> None:
        self.log: EventLog = timeless(SqlEventLog(database))
        self.directory: Directory = timeless(SqlDirectory(database))
        self.rows: Alerts = timeless(SqlAlerts(database))
        self.clock, self.bus = LoopClock(), EventBus()
        self.writer = EventWriter(self.log, self.bus, self.clock)
        self.desk = self.new_desk()

    def new_desk(self) -> AlertDesk:
        return AlertDesk(
            rows=self.rows,
            directory=self.directory,
            event_log=self.log,
            writer=self.writer,
            bus=self.bus,
            clock=self.clock,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The desk, until it is killed."""
        self.desk = self.new_desk()
        async with asyncio.TaskGroup() as tasks:
            both = [tasks.create_task(one.run(), name="part") for one in (self.writer, self.desk)]
            await asyncio.sleep(0.1)
            yield
            await asyncio.sleep(0.1)
            for task in both:
                task.cancel()

    async def rule(self, rule: AlertRule) -> AlertRule:
        """A rule that somebody makes now."""
        made = msgspec.structs.replace(rule, created_at=self.clock.now(), updated_at=self.clock.now())
        await self.rows.add_rule(made)
        self.desk.rules_changed()
        return made

    async def call(self, call_sid: str = "CA1", *, room: str = "support", tenant: str = "") -> BoundFork:
        """A call that goes on, of one customer who is heard."""
        now = self.clock.now()
        bound = await self.directory.open_fork(
            fork_request(call_sid, room=room, tenant=tenant, role=Role.CUSTOMER, label="customer", now=now)
        )
        who, fork, at_ms = bound.participant, bound.fork.id, 0
        await self.tell(
            bound,
            ev.ConferenceStarted(room=room, conference_sid=None),
            ev.ParticipantJoined(
                participant=who.id, call_sid=call_sid, label=who.label, name="", role=who.role, at_ms=at_ms
            ),
            ev.ForkStarted(fork=fork, participant=who.id, stream_sid="MZ1", at_ms=at_ms),
        )
        return bound

    async def tell(self, call: BoundFork, *facts: EventData) -> None:
        await self.writer.submit([draft(call.conference.id, fact, at=self.clock.now()) for fact in facts])

    async def say(self, call: BoundFork, index: int, text: str) -> str:
        said = utterance(call, index, text=text)
        await self.tell(call, said)
        return said.id

    async def raised(self, call: BoundFork) -> list[AlertRaised]:
        """Those of a call; whatever is on its way has arrived."""
        await asyncio.sleep(0.1)
        return [alert.raised for alert in await self.rows.of_conference(call.conference.id)]


@pytest.fixture
def rig(database: Database) -> Rig:
    return Rig(database)


async def test_what_a_rule_finds_is_stored_told_and_open(rig: Rig) -> None:
    async with rig.running():
        rule = await rig.rule(alert_rule(only=Only(roles=[Role.CUSTOMER])))
        call = await rig.call()
        utterance_id = await rig.say(call, 0, "please cancel my order")
        [alert] = await rig.raised(call)
        assert (alert.rule, alert.utterance, alert.quote) == (rule.id, utterance_id, "cancel")
        assert rig.desk.raised == 1
        stored = await rig.log.read(call.conference.id)
        assert [event.type for event in stored][-2:] == ["utterance.final", "alert.raised"]


async def test_without_rules_nothing_is_watched(rig: Rig) -> None:
    async with rig.running():
        call = await rig.call()
        await rig.say(call, 0, "cancel")
        assert await rig.raised(call) == []
        assert rig.desk._watched == {}


async def test_a_rule_of_one_tenant_hears_nothing_of_another(rig: Rig) -> None:
    async with rig.running():
        await rig.rule(alert_rule(tenant="acme"))
        ours, theirs = await rig.call("CA1", room="a", tenant="acme"), await rig.call("CA2", room="b", tenant="other")
        for call in (ours, theirs):
            await rig.say(call, 0, "cancel")
        assert [len(await rig.raised(call)) for call in (ours, theirs)] == [1, 0]


async def test_silence_rings_by_the_clock_alone(rig: Rig) -> None:
    async with rig.running():
        await rig.rule(alert_rule(Silence(seconds=20)))
        call = await rig.call()
        await rig.say(call, 0, "One moment.")
        await asyncio.sleep(15)
        assert await rig.raised(call) == []
        await asyncio.sleep(10)
        [alert] = await rig.raised(call)
        assert (alert.measured_ms, alert.at_ms) == (20_000, 20_900)
        await asyncio.sleep(300)
        assert len(await rig.raised(call)) == 1


async def test_a_recogniser_that_is_gone_rings_although_nothing_is_stored_of_it(rig: Rig) -> None:
    async with rig.running():
        await rig.rule(alert_rule(RecogniserFailure(seconds=5)))
        call = await rig.call()
        deaf = ev.ForkHealth(
            fork=call.fork.id, participant=call.participant.id, engine=None, fallback=False, behind_ms=2500
        )
        rig.bus.publish(
            ev.Event(
                id="", type=deaf.type, seq=None, timestamp=rig.clock.now(), conference=call.conference.id,
                conference_sid=None, tenant="", data=deaf,
            )
        )  # fmt: skip
        await asyncio.sleep(8)
        [alert] = await rig.raised(call)
        assert (alert.participant, alert.detail) == (call.participant.id, "nobody_listens")


async def test_a_killed_desk_forgets_no_alert_and_raises_none_twice(rig: Rig) -> None:
    async with rig.running():
        await rig.rule(alert_rule(cooldown_s=0))
        await rig.rule(alert_rule(Silence(seconds=30), cooldown_s=0))
        call = await rig.call()
        await rig.say(call, 0, "cancel")
        await asyncio.sleep(40)
        assert len(await rig.raised(call)) == 2
    # It was stored, and before anybody asked the rules the process died.
    await rig.log.append([draft(call.conference.id, utterance(call, 41, text="cancel, I said"), at=rig.clock.now())])
    for _ in range(2):
        async with rig.running():
            alerts = await rig.raised(call)
            assert [alert.kind.value for alert in alerts] == ["phrase", "silence", "phrase"]
            assert len({alert.utterance for alert in alerts}) == 3


async def test_the_time_without_a_service_is_no_silence(rig: Rig) -> None:
    """The one that begins finds out first whom nobody hears."""
    async with rig.running():
        await rig.rule(alert_rule(Silence(seconds=30)))
        call = await rig.call()
        await rig.say(call, 0, "One moment.")
    await asyncio.sleep(60)
    async with rig.running():
        lost = ev.ForkInterrupted(
            fork=call.fork.id, participant=call.participant.id, reason="service_restarted", at_ms=900
        )
        await rig.tell(call, lost)
        await asyncio.sleep(30)
        assert await rig.raised(call) == []


async def test_a_changed_rule_looks_at_what_comes_and_not_at_what_was(rig: Rig) -> None:
    async with rig.running():
        call = await rig.call()
        await rig.say(call, 0, "refund and cancel")
        await asyncio.sleep(1)
        rule = await rig.rule(alert_rule(cooldown_s=0))
        assert await rig.raised(call) == []
        await asyncio.sleep(1)
        changed = msgspec.structs.replace(rule, when=Phrases(phrases=["refund"]), updated_at=rig.clock.now())
        await rig.rows.change_rule(changed)
        rig.desk.rules_changed()
        await rig.say(call, 5, "refund")
        await rig.say(call, 6, "cancel")
        assert [alert.quote for alert in await rig.raised(call)] == ["refund"]
        await rig.rows.remove_rule("", rule.id)
        rig.desk.rules_changed()
        await rig.say(call, 7, "refund")
        assert len(await rig.raised(call)) == 1


async def test_falling_behind_the_bus_loses_nothing(rig: Rig) -> None:
    async with rig.running():
        await rig.rule(alert_rule(cooldown_s=0))
        call = await rig.call()
        await asyncio.sleep(0.1)
        many = [utterance(call, n, text="so" if n % 100 else "cancel") for n in range(QUEUE_EVENTS + 50)]
        await rig.tell(call, *many)
        assert len(await rig.raised(call)) == 11
        await rig.say(call, 5000, "cancel")
        assert len(await rig.raised(call)) == 12


async def test_an_alert_about_the_last_words_comes_before_the_transcript_is_complete(rig: Rig) -> None:
    async with rig.running():
        await rig.rule(alert_rule())
        call = await rig.call()
        await asyncio.sleep(0.1)
        await rig.say(call, 0, "cancel")
        await rig.desk.settle(call.conference.id)
        await rig.tell(call, COMPLETED)
        await asyncio.sleep(0.1)
        types = [event.type for event in await rig.log.read(call.conference.id)]
        assert types[-2:] == ["alert.raised", "transcript.completed"]
        assert rig.desk._watched == {}


async def test_of_many_who_acknowledge_at_once_the_first_one_stands_and_is_told_once(rig: Rig) -> None:
    async with rig.running():
        await rig.rule(alert_rule())
        call = await rig.call()
        await rig.say(call, 0, "cancel")
        [alert] = await rig.raised(call)
        async with asyncio.TaskGroup() as tasks:
            noted = [
                tasks.create_task(
                    rig.desk.acknowledge(call.conference, alert.alert, by=by, note="on it"), name=f"by {by}"
                )
                for by in ("Ana", "Bo", "Cy")
            ]
        assert {task.result().acknowledged_by for task in noted} == {"Ana"}
        told = [event.data for event in await rig.log.read(call.conference.id)]
        assert [one.by for one in told if isinstance(one, AlertAcknowledged)] == ["Ana"]
        with pytest.raises(NotFound):
            await rig.desk.acknowledge(call.conference, "alr_nowhere", by="Ana", note="")


async def test_more_conferences_than_can_be_watched_are_counted(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_desk, "WATCHES_MOST", 1)
    async with rig.running():
        await rig.rule(alert_rule())
        calls = [await rig.call(f"CA{n}", room=f"room {n}") for n in range(2)]
        for call in calls:
            await rig.say(call, 0, "cancel")
        assert [len(await rig.raised(call)) for call in calls] == [1, 0]
        assert rig.desk.unwatched == 1
        await rig.tell(calls[0], COMPLETED)
        await rig.say(calls[1], 1, "well")
        assert len(await rig.raised(calls[1])) == 1  # looked at from its beginning
        assert rig.desk.unwatched == 0


async def test_a_trial_stores_nothing_and_looks_at_what_was_before_the_rule(rig: Rig) -> None:
    async with rig.running():
        call = await rig.call()
        await rig.say(call, 0, "cancel")
        rule = alert_rule(enabled=False, updated_at=rig.clock.now() + timedelta(days=1))
        [occasion] = await rig.desk.try_rule(rule, call.conference)
        assert occasion.quote == "cancel"
        assert await rig.raised(call) == []


async def test_patterns_that_are_given_up_are_counted_over_changes_of_rules(rig: Rig) -> None:
    async with rig.running():
        await rig.rule(alert_rule(PatternOf(pattern="(.*a){20}")))
        call = await rig.call()
        await rig.say(call, 0, "a" * 2_000)
        assert await rig.raised(call) == []
        assert rig.desk.patterns_given_up == 1
        await rig.rule(alert_rule())
        await asyncio.sleep(2)
        assert rig.desk.patterns_given_up == 1  # what was looked at is not looked at again
