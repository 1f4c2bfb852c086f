"""One stay of the assistant: its line may come and go at any moment, and so may the process. In virtual time."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from sidecar.adapters.sql import Database
from sidecar.domain.assistant.events import AssistantJoined, AssistantLeft, AssistantTurn
from sidecar.domain.assistant.stay import Announce, Audience, Doing, LineRefused, Spoken
from sidecar.domain.events import ConferenceEnded, UtteranceFinal
from sidecar.runtime.assistant.session import REJOIN_TIMEOUT_S
from tests.assistant_rig import LEG, PlayingLine, Rig, assistant_rig
from tests.facts import draft
from tests.fake_engines import FakeChatModel

pytestmark = pytest.mark.virtual_time

LONG = "It takes five days until the money is back on your card, and you need not do anything about it meanwhile."


@pytest.fixture
async def rig(database: Database) -> Rig:
    return await assistant_rig(database)


async def test_a_line_that_is_gone_as_soon_as_it_comes_is_no_line(rig: Rig) -> None:
    """Start and stop may arrive in one breath: whoever waits for the next line waits no longer than ever."""
    async with rig.running():
        one = await rig.invite(announce=Announce.NONE, audience=Audience.AGENT)
        await asyncio.sleep(0.1)
        token = await rig.desk.rendering(one.id, LEG)
        assert token is not None
        session = await rig.desk.bind(token=token, call_sid=LEG)
        gone = PlayingLine(session)
        assert session.line_came(gone)
        session.line_went(gone)
        await asyncio.sleep(1)
        line = await rig.join(one)
        session.line_went(line)
        left = await rig.until(AssistantLeft, within_s=REJOIN_TIMEOUT_S + 1)
        assert left.reason == "line_lost"


async def test_a_line_that_takes_nothing_is_closed_in_time(rig: Rig) -> None:
    async with rig.running(FakeChatModel([LONG])):
        one = await rig.invite(announce=Announce.NONE, audience=Audience.AGENT)
        line = await rig.join(one, stalls=True)
        await rig.says(rig.agent, "Ava, how long does it take?")
        async with asyncio.timeout(10):
            while not line.closed:
                await asyncio.sleep(0.1)
        turn = await rig.until(AssistantTurn)
        assert (turn.heard, turn.outcome) == ("", "line_lost")
        assert turn.utterance is None


async def test_a_token_opens_one_line_and_the_newer_line_goes_on(rig: Rig) -> None:
    """Of a line that breaks, what was heard is recorded; without another within some time it has left."""
    async with rig.running(FakeChatModel([LONG])):
        one = await rig.invite(announce=Announce.NONE, audience=Audience.AGENT)
        first = await rig.join(one)
        token = await rig.desk.rendering(one.id, LEG)
        assert token is not None
        await rig.desk.bind(token=token, call_sid=LEG)
        with pytest.raises(LineRefused):
            await rig.desk.bind(token=token, call_sid=LEG)
        await rig.says(rig.agent, "Ava, how long does it take?")
        await asyncio.sleep(3)
        second = await rig.join(one)
        turn = await rig.until(AssistantTurn)
        assert (turn.outcome, first.closed, second.closed) == ("line_lost", True, False)
        assert LONG.startswith(turn.heard)
        assert turn.heard
        [line] = rig.of(UtteranceFinal)[1:]
        assert f"{line.text} {line.cut}" == LONG
        session = await rig.desk.present(rig.conference.id, one.id)
        assert session.doing is Doing.LISTENING
        session.line_went(second)
        await asyncio.sleep(0.5)
        assert str(session.doing) == "joining"
        left = await rig.until(AssistantLeft, within_s=REJOIN_TIMEOUT_S + 1)
        assert left.reason == "line_lost"
        assert rig.network.removed == [LEG]


async def test_what_it_says_while_the_service_stops_is_recorded_and_the_next_process_goes_on(rig: Rig) -> None:
    """The leg waits; nothing is recorded twice; the stay is the same."""
    async with rig.running(FakeChatModel([LONG])):
        one = await rig.invite(announce=Announce.NONE, audience=Audience.AGENT)
        await rig.join(one)
        await rig.says(rig.agent, "Ava, how long does it take?")
        await asyncio.sleep(3)
    turn = await rig.until(AssistantTurn)
    assert turn.outcome == "left"
    assert turn.heard
    assert rig.network.removed == []
    model = FakeChatModel(["Five days."])
    async with rig.running(model):
        await asyncio.sleep(1)
        await rig.join(one)
        await rig.says(rig.agent, "Ava, say it again.")
        turn = await rig.until(AssistantTurn, 2)
        assert (turn.heard, turn.outcome) == ("Five days.", "completed")
        told = "\n".join(message.text for message in model.asked[0])
        assert "how long does it take?" in told
        assert "It takes five days" in told
    assert len(rig.of(AssistantJoined)) == 1


async def killed_while_it_speaks(rig: Rig) -> Spoken:
    """What is in the store then; the process is gone."""
    async with rig.running(FakeChatModel([LONG])):
        one = await rig.invite(announce=Announce.NONE, audience=Audience.AGENT)
        await rig.join(one)
        await rig.says(rig.agent, "Ava, how long does it take?")
        await asyncio.sleep(3)
        row = await rig.rows.assistant(one.id)
        assert row is not None
        assert row.speaking is not None
    await rig.rows.note_speaking(one.id, msgspec.structs.replace(row.speaking, utterance="utt_of_the_dead"))
    return row.speaking


async def test_what_a_process_that_died_was_saying_is_recorded_by_the_next(rig: Rig) -> None:
    speaking = await killed_while_it_speaks(rig)
    async with rig.running():
        turn = await rig.until(AssistantTurn, 2)
        assert (turn.outcome, turn.heard) == ("service_restarted", speaking.heard)
        await asyncio.sleep(0.5)
        [again] = await rig.rows.live()
        assert again.speaking is None


async def test_what_a_dead_process_was_saying_comes_before_that_it_left_though_the_call_is_over(rig: Rig) -> None:
    speaking = await killed_while_it_speaks(rig)
    await rig.log.append([draft(rig.conference.id, ConferenceEnded(reason="over", at_ms=4_000))])
    rig.told.clear()
    async with rig.running():
        await rig.until(AssistantLeft)
    told = [event.data for event in rig.told]
    [turn] = rig.of(AssistantTurn)
    assert (turn.outcome, turn.heard) == ("service_restarted", speaking.heard)
    assert told.index(turn) < told.index(rig.of(AssistantLeft)[0])
