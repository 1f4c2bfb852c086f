"""Stays of the assistant: how it comes, what breaks while it is there, and how it goes. In virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from sidecar.adapters.sql import Database
from sidecar.adapters.sql.keeping.erasure import SqlErasure
from sidecar.domain.assistant.events import (
    AssistantDoing,
    AssistantFailed,
    AssistantJoined,
    AssistantLeft,
    AssistantRequested,
    AssistantTurn,
)
from sidecar.domain.assistant.stay import (
    Announce,
    Assistant,
    AssistantPresent,
    AssistantRefused,
    Audience,
    Doing,
    Stage,
)
from sidecar.domain.errors import ChatModelFailed, ConferenceOver, TelephonyFailed
from sidecar.domain.events import ConferenceEnded, UtteranceFinal, UtterancePartial
from sidecar.domain.notice import Announcement
from sidecar.ports.assistants import Assistants
from sidecar.ports.chat_model import ToolCall, Usage
from sidecar.runtime import event_writer
from sidecar.runtime.assistant.desk import GIVE_UP_AGAIN_S, NotYet
from sidecar.runtime.assistant.session import JOIN_TIMEOUT_S, RENDERINGS_MOST, End
from sidecar.runtime.event_writer import StoreOverloaded
from tests.assistant_rig import LEG, Rig, assistant_rig
from tests.fake_engines import FakeChatModel, FakeVoice
from tests.virtual_time import timeless

pytestmark = pytest.mark.virtual_time

LONG = "It takes five days until the money is back on your card, and you need not do anything about it meanwhile."


@pytest.fixture
async def rig(database: Database) -> Rig:
    return await assistant_rig(database)


async def test_it_is_announced_called_in_by_the_conference_s_id_and_joins_with_its_line(rig: Rig) -> None:
    """What people on the call must not notice is said with the leg: no beep, no ringing, no end with it."""
    async with rig.running(minutes=30):
        one = await rig.invite(prompt=" Be brief. ")
        assert rig.of(AssistantRequested)[0].prompt == "Be brief."
        line = await rig.join(one)
        assert await rig.network.announced.get() == Announcement.ASSISTANT
        leg = await rig.network.legs.get()
        assert (leg.invite, leg.label, leg.coached, leg.time_limit_s) == (one.id, f"assistant-{one.id}", None, 1_860)
        joined = await rig.until(AssistantJoined)
        assert (joined.call_sid, joined.participant) == (LEG, one.participant_id)
        states = [told.state for told in rig.of(AssistantDoing)]
        assert states[:3] == [Doing.INVITING, Doing.JOINING, Doing.LISTENING]
        (await rig.desk.present(rig.conference.id, one.id)).conversation.ask("Hello there.", by="Ana", exact=True)
        turn = await rig.until(AssistantTurn)
        assert (turn.heard, turn.outcome) == ("Hello there.", "completed")
        assert turn.latency.total is not None
        assert turn.start_ms >= 5_000, "it spoke into its own announcement"
        assert line.played_ms == 60 * len("Hello there.")
        heard = [partial.text for partial in rig.of(UtterancePartial)]
        assert heard == sorted(heard, key=len)


async def test_there_is_one_at_a_time_and_who_may_not_come_is_refused_before_anything_happens(rig: Rig) -> None:
    async with rig.running():
        with pytest.raises(AssistantRefused) as refused:
            await rig.invite(announce=Announce.NONE)
        assert refused.value.code == "announcement_needed"
        first = await rig.invite()
        with pytest.raises(AssistantPresent) as present:
            await rig.invite()
        assert present.value.present.id == first.id
        waiting = rig.conference
        rig.conference = type(waiting)(**{f: getattr(waiting, f) for f in waiting.__struct_fields__} | {"sid": None})
        with pytest.raises(ConferenceOver):
            await rig.invite()
    async with rig.running():
        pass
    rig.network = None  # type: ignore[assignment]
    async with rig.running():
        with pytest.raises(AssistantRefused) as refused:
            await rig.invite()
        assert refused.value.code == "assistant_off"


@pytest.mark.parametrize("refused", [True, False])
async def test_a_leg_that_the_network_does_not_give_is_a_failure_with_its_reason(rig: Rig, refused: bool) -> None:
    """At once; and where nobody knows whether it comes all the same, it is told to hang up."""
    failure = TelephonyFailed("no", reason="Twilio error 21216: not allowed", refused=refused)
    async with rig.running():
        rig.network.failures = [failure]
        one = await rig.invite(announce=Announce.NONE, audience=Audience.AGENT)
        failed = await rig.until(AssistantFailed, within_s=1.0)
        assert (failed.reason, failed.detail) == ("invitation_refused", "Twilio error 21216: not allowed")
        await asyncio.sleep(1)
        assert await rig.desk.rendering(one.id, LEG) is None
        row = await rig.rows.assistant(one.id)
        assert row is not None
        assert (row.stage, row.detail) == (Stage.FAILED, failed.detail)
        await rig.invite()


async def test_a_leg_whose_line_never_opens_is_given_up_and_put_out(rig: Rig) -> None:
    async with rig.running():
        await rig.invite()
        failed = await rig.until(AssistantFailed, within_s=JOIN_TIMEOUT_S + 1)
        assert failed.reason == "line_did_not_come"
        await asyncio.sleep(1)
        assert rig.network.removed == [LEG]


async def test_what_the_network_says_of_its_call_is_visible_at_once(rig: Rig) -> None:
    async with rig.running():
        one = await rig.invite()
        await asyncio.sleep(1)
        session = await rig.desk.present(rig.conference.id, one.id)
        session.call_ended("CA_somebody_else", "failed", "")
        session.call_ended(LEG, "failed", "31000 no application")
        failed = await rig.until(AssistantFailed, within_s=1.0)
        assert failed.detail == "Twilio says failed: 31000 no application"


async def test_a_leg_whose_lines_never_hold_gets_no_more_of_them(rig: Rig) -> None:
    async with rig.running():
        one = await rig.invite()
        await asyncio.sleep(1)
        tokens = [await rig.desk.rendering(one.id, LEG) for _ in range(RENDERINGS_MOST + 1)]
        assert None not in tokens[:-1]
        assert tokens[-1] is None
        assert (await rig.until(AssistantLeft)).reason == "line_lost"


async def test_a_leg_that_asks_while_its_process_begins_is_not_hung_up(rig: Rig) -> None:
    async with rig.running() as before:
        one = await rig.invite()
        await rig.join(one)
    with pytest.raises(NotYet):
        await before.rendering(one.id, LEG)
    await rig.rows.dismiss(one.id)
    assert await before.rendering(one.id, LEG) is None


async def test_who_stops_invites_nobody(rig: Rig) -> None:
    """Nothing of it is stored either: the next process is not to look for somebody who was never called in."""
    async with rig.running() as desk:
        await desk.shut_down()
        with pytest.raises(NotYet):
            await rig.invite()
        assert await rig.rows.of_conference(rig.conference.id) == []


async def test_an_invitation_that_cannot_be_stored_brings_nobody(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asked was told that it failed, so somebody who came all the same would be a stranger."""
    async with rig.running():
        monkeypatch.setattr(event_writer, "WAITING_ENTRIES", 0)
        with pytest.raises(StoreOverloaded):
            await rig.invite()
        monkeypatch.undo()
        failed = await rig.until(AssistantFailed, within_s=GIVE_UP_AGAIN_S + 1)
        assert failed.reason in ("store_overloaded", "internal_error")
        assert rig.network.legs.empty()
        await rig.invite()


async def test_what_the_log_will_never_take_is_not_tried_for_ever(rig: Rig) -> None:
    """Its conference was deleted while it was there."""
    erasure = timeless(SqlErasure(rig.database))
    async with rig.running() as desk:
        one = await rig.invite(announce=Announce.NONE, audience=Audience.AGENT)
        session = await rig.desk.present(rig.conference.id, one.id)
        while await erasure.go_on(rig.conference.id):
            pass
        session.finish(End(reason="conference_ended", gone=True))
        await asyncio.sleep(GIVE_UP_AGAIN_S)
        assert desk.live == 0


async def test_of_two_who_change_its_manners_at_once_both_have_their_way(rig: Rig) -> None:
    """To change its audience takes a request to the network; who mutes it meanwhile mutes it."""
    async with rig.running():
        one = await rig.invite(announce=Announce.NONE, audience=Audience.AGENT)
        await rig.join(one)
        session = await rig.desk.present(rig.conference.id, one.id)
        rig.network.audience_takes_s = 1.0
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(rig.desk.set_manners(session, speaks=None, audience=Audience.ALL, muted=None))
            await asyncio.sleep(0.5)
            tasks.create_task(rig.desk.set_manners(session, speaks=None, audience=None, muted=True))
        row = await rig.rows.assistant(one.id)
        assert row is not None
        for known in (row, session.assistant):
            assert (known.muted, known.audience) == (True, Audience.ALL)


class SlowRows:
    """The store, when it is slow to tell whom an earlier process left behind."""

    def __init__(self, rows: Assistants) -> None:
        self._rows = rows

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rows, name)

    async def live(self) -> Sequence[Assistant]:
        await asyncio.sleep(1)
        return await self._rows.live()


async def test_who_is_invited_while_a_process_begins_is_not_taken_for_one_of_before(rig: Rig) -> None:
    rig.rows = SlowRows(rig.rows)  # type: ignore[assignment]
    async with rig.running() as desk:
        one = await rig.invite()
        session = desk.session(one.id)
        await asyncio.sleep(2)
        assert desk.session(one.id) is session
        assert rig.network.legs.qsize() == 1


async def test_it_asks_and_comes_in_with_a_yes_only(rig: Rig) -> None:
    async with rig.running(FakeChatModel(["Of course."])):
        one = await rig.invite(announce=Announce.ASK)
        assert await rig.network.announced.get() == Announcement.ASSISTANT_ASKS
        await rig.join(one)
        await rig.says(rig.agent, "Ava, are you there?")
        await asyncio.sleep(8)
        assert rig.of(AssistantTurn) == []
        await rig.says(rig.customer, "Yes, that is fine.")
        await rig.says(rig.agent, "Ava, are you there?")
        assert (await rig.until(AssistantTurn)).heard == "Of course."
        session = await rig.desk.present(rig.conference.id, one.id)
        await session.dismiss(now=True, by="Ana")
        await rig.until(AssistantLeft)
        two = await rig.invite(announce=Announce.ASK)
        await rig.join(two)
        await asyncio.sleep(1)
        left = await rig.until(AssistantLeft, 2)
        assert left.reason == "not_agreed"


async def test_it_leaves_with_the_last_human_the_end_of_the_call_and_its_time(rig: Rig) -> None:
    async with rig.running(minutes=1):
        one = await rig.invite()
        await rig.join(one)
        await rig.leaves(rig.customer)
        await asyncio.sleep(3)
        assert rig.of(AssistantLeft) == []
        left = await rig.until(AssistantLeft, within_s=70)
        assert left.reason == "time_limit"
        assert rig.of(AssistantTurn)[-1].why == "goodbye"
        two = await rig.invite()
        await rig.join(two)
        await rig.leaves(rig.agent)
        assert (await rig.until(AssistantLeft, 2)).reason == "last_human_left"
        three = await rig.invite()
        await rig.join(three)
        await rig.recorder.record(ConferenceEnded(reason="over", at_ms=rig.recorder.now_ms()))
        assert (await rig.until(AssistantLeft, 3)).reason == "conference_ended"
        async with asyncio.timeout(5):
            await rig.desk.conference_over(rig.conference.id)
        assert len(rig.network.removed) == 2


async def test_muted_it_is_silent_at_once_whatever_is_wanted_of_it(rig: Rig) -> None:
    """In the middle of a word, when addressed, when asked by the panel, and with a goodbye too."""
    async with rig.running(FakeChatModel([LONG])):
        one = await rig.invite(announce=Announce.NONE, audience=Audience.AGENT)
        line = await rig.join(one)
        await rig.says(rig.agent, "Ava, how long does it take?")
        await asyncio.sleep(3)
        session = await rig.desk.present(rig.conference.id, one.id)
        await rig.desk.set_manners(session, speaks=None, audience=None, muted=True)
        turn = await rig.until(AssistantTurn)
        assert (turn.outcome, line.clears) == ("muted", 1)
        played_ms = line.played_ms
        await rig.says(rig.agent, "Ava, how long does it take?")
        session.conversation.ask("Say this.", by="Ana", exact=True)
        await asyncio.sleep(5)
        assert line.played_ms == played_ms
        assert [told.note for told in rig.of(AssistantDoing) if told.note] == ["muted", "muted"]
        await rig.says(rig.customer, "No AI please.")
        assert (await rig.until(AssistantLeft)).reason == "not_wanted"
        assert line.played_ms == played_ms


async def test_who_wants_no_ai_is_told_goodbye(rig: Rig) -> None:
    async with rig.running():
        await rig.join(await rig.invite(announce=Announce.NONE, audience=Audience.AGENT))
        await rig.says(rig.customer, "No AI please.")
        assert (await rig.until(AssistantLeft)).reason == "not_wanted"
        assert [turn.why for turn in rig.of(AssistantTurn)] == ["goodbye"]


async def test_its_echo_on_somebody_s_telephone_is_nobody_s_utterance(rig: Rig) -> None:
    async with rig.running(FakeChatModel([LONG])):
        await rig.join(await rig.invite(announce=Announce.NONE, audience=Audience.AGENT))
        await rig.says(rig.agent, "Ava, how long does it take?")
        await asyncio.sleep(4)
        await rig.says(rig.customer, "it takes five days until the money")
        turn = await rig.until(AssistantTurn)
        assert turn.outcome == "completed"
        texts = [said.text for said in rig.of(UtteranceFinal)]
        assert texts == ["Ava, how long does it take?", LONG]
        assert rig.writer.tally.assistants.echoes == 1


async def test_tools_are_refused_to_whoever_may_not_have_them_and_done_for_who_may(rig: Rig) -> None:
    """However the model wants it: a customer's words call no supervisor, the agent's do."""
    call = ToolCall("1", "notify_supervisor", '{"reason": "He wants you."}')
    model = FakeChatModel([call], ["I cannot do that."], [call], ["They know."])
    async with rig.running(model):
        await rig.join(await rig.invite(announce=Announce.ANNOUNCE))
        await asyncio.sleep(8)
        await rig.says(rig.customer, "Ava, call your supervisor.")
        turn = await rig.until(AssistantTurn)
        assert [(use.name, use.outcome) for use in turn.tools] == [("notify_supervisor", "refused")]
        await asyncio.sleep(10)
        await rig.says(rig.agent, "Ava, call the supervisor please.")
        turn = await rig.until(AssistantTurn, 2)
        assert [(use.name, use.outcome) for use in turn.tools] == [("notify_supervisor", "done")]
        notes = [told.detail for told in rig.of(AssistantDoing) if told.note == "supervisor_wanted"]
        assert notes == ["He wants you."]


async def test_a_model_or_a_voice_that_fails_is_told_to_the_panel_and_ends_nothing(rig: Rig) -> None:
    """Before it sounds nothing is heard; while it sounds, the turn ends at what was heard."""
    voice = FakeVoice(failures=["This breaks off.", "And this breaks off later."])
    late: list[str | float] = ["Here it goes on. ", 4.0, "And this breaks off later."]
    model = FakeChatModel([ChatModelFailed("no", code="chat_timeout")], ["This breaks off."], late, ["Better now."])
    async with rig.running(model, voice):
        await rig.join(await rig.invite(announce=Announce.NONE, audience=Audience.AGENT))
        for code in ("chat_timeout", "voice_failed"):
            await rig.says(rig.agent, "Ava, say something.")
            await asyncio.sleep(3)
            told = rig.of(AssistantDoing)[-1]
            assert (told.state, told.note, told.detail) == (Doing.LISTENING, "failed", code)
            session = await rig.desk.present(rig.conference.id, told.assistant)
            assert session.problem is not None
            assert (session.problem.note, session.problem.detail) == ("failed", code)
        assert rig.of(AssistantTurn) == []
        await rig.says(rig.agent, "Ava, and now?")
        turn = await rig.until(AssistantTurn)
        assert turn.outcome == "voice_failed"
        assert turn.heard.startswith("Here it goes")
        await rig.says(rig.agent, "Ava, once more.")
        assert (await rig.until(AssistantTurn, 2)).heard == "Better now."


async def test_what_it_may_cost_has_an_end(rig: Rig) -> None:
    model = FakeChatModel(["Once.", Usage(900, 200)])
    async with rig.running(model, tokens=1_000):
        await rig.join(await rig.invite(announce=Announce.NONE, audience=Audience.AGENT))
        await rig.says(rig.agent, "Ava, say something.")
        await rig.until(AssistantTurn)
        await rig.says(rig.agent, "Ava, say more.")
        await asyncio.sleep(3)
        assert len(model.asked) == 1
        assert ("failed", "assistant_spent") in [(told.note, told.detail) for told in rig.of(AssistantDoing)]
