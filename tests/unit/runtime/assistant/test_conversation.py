"""The assistant's part of the talk at its edges: who speaks into it, and what of that is counted. In virtual time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from sidecar.adapters.sql import Database
from sidecar.domain.assistant.barge_in import CONFIRM_WITHIN_MS
from sidecar.domain.assistant.events import AssistantDoing, AssistantLeft, AssistantTurn
from sidecar.domain.assistant.stay import Announce, Audience
from sidecar.ports.chat_model import ToolCall
from sidecar.ports.directory import BoundFork
from sidecar.runtime.assistant.conversation import Conversation
from sidecar.speech import g711
from tests.assistant_rig import PlayingLine, Rig, assistant_rig
from tests.fake_engines import FakeChatModel, FakeRealtimeModel, FakeVoice
from tests.phrase_book import PhraseBook

pytestmark = pytest.mark.virtual_time

LONG = "It takes five days until the money is back on your card, and you need not do anything about it meanwhile."


@pytest.fixture
async def rig(database: Database) -> Rig:
    return await assistant_rig(database)


async def speaking(rig: Rig) -> tuple[PlayingLine, Conversation]:
    """An assistant in the middle of an answer that everybody hears."""
    one = await rig.invite(announce=Announce.ANNOUNCE, audience=Audience.ALL)
    line = await rig.join(one)
    await asyncio.sleep(10)
    await rig.says(rig.agent, "Ava, how long does it take?")
    await asyncio.sleep(2)
    conversation = (await rig.desk.present(rig.conference.id, one.id)).conversation
    assert conversation.mouth.sounding
    return line, conversation


async def sounds(rig: Rig, who: BoundFork, audio: bytes) -> None:
    """This comes on somebody's line, in real time."""
    for at in range(0, len(audio), 800):
        await asyncio.sleep(0.1)
        rig.desk.ears.sound(who.fork, audio[at : at + 800], rig.recorder.now_ms())


async def test_sound_without_words_is_a_pause_and_counted_as_nothing(rig: Rig, tmp_path: Path) -> None:
    """It goes on where it stopped: not a word is missing, none is said twice."""
    samples = PhraseBook(tmp_path, "one two").sound("one two")
    noise = g711.encode((samples * 32_767).astype(np.int16))
    voice = FakeVoice()
    async with rig.running(FakeChatModel([LONG]), voice):
        line, _ = await speaking(rig)
        await sounds(rig, rig.customer, noise + bytes([g711.SILENCE]) * 8_000)
        await asyncio.sleep(CONFIRM_WITHIN_MS / 1000)
        turn = await rig.until(AssistantTurn)
        assert (turn.outcome, turn.heard) == ("completed", LONG)
        spoken_ms = 60 * sum(map(len, voice.spoken))
        assert turn.end_ms - turn.start_ms > spoken_ms
        assert (line.played_ms, line.clears) == (spoken_ms, 0)
        assert rig.writer.tally.assistants.barge_ins == {"went_on": 1}


@pytest.mark.parametrize(
    ("words", "outcome"), [("But that is wrong.", "interrupted"), ("Hold on please.", "stop_word")]
)
async def test_words_end_its_turn_and_are_counted_by_what_they_were(rig: Rig, words: str, outcome: str) -> None:
    """What is in the transcript is no more than what sounded."""
    async with rig.running(FakeChatModel([LONG])):
        line, _ = await speaking(rig)
        await rig.says(rig.customer, words)
        turn = await rig.until(AssistantTurn)
        assert turn.outcome == outcome
        assert LONG.startswith(turn.heard)
        assert 0 < len(turn.heard) * 60 <= line.played_ms
        tally = rig.writer.tally.assistants
        assert tally.barge_ins == {outcome: 1}
        assert tally.turns == {outcome: 1}
        assert sum(tally.turn_s["total", "fake"].counts) == 1


async def test_who_stops_it_at_the_panel_interrupts_nobody(rig: Rig) -> None:
    async with rig.running(FakeChatModel([LONG])):
        _, conversation = await speaking(rig)
        conversation.stop()
        turn = await rig.until(AssistantTurn)
        assert turn.outcome == "stopped"
        assert rig.writer.tally.assistants.barge_ins == {}


async def test_how_long_it_took_to_come_is_counted_once_however_often_its_line_comes_back(rig: Rig) -> None:
    async with rig.running():
        one = await rig.invite(announce=Announce.NONE, audience=Audience.AGENT)
        await asyncio.sleep(3)
        line = await rig.join(one)
        session = await rig.desk.present(rig.conference.id, one.id)
        session.line_went(line)
        await asyncio.sleep(1)
        await rig.join(one)
        came = rig.writer.tally.assistants.join_s
        assert sum(came.counts) == 1
        assert came.total == pytest.approx(3.1, abs=0.1)


async def test_what_long_thinking_is_covered_with_stands_before_the_answer(rig: Rig) -> None:
    """And an answer that never comes is given up, which the panel is told."""
    async with rig.running(FakeChatModel([5.0, "Five days."], [60.0])):
        one = await rig.invite(announce=Announce.NONE, audience=Audience.AGENT)
        line = await rig.join(one)
        await rig.says(rig.agent, "Ava, how long does it take?")
        turn = await rig.until(AssistantTurn)
        assert (turn.heard, turn.outcome) == ("Let me see. Five days.", "completed")
        played_ms = line.played_ms
        await rig.says(rig.agent, "Ava, and the other one?")
        turn = await rig.until(AssistantTurn, 2)
        assert (turn.heard, turn.outcome) == ("Let me see.", "gave_up")
        assert line.played_ms == played_ms + 60 * len("Let me see.")
        assert "gave_up" in [told.note for told in rig.of(AssistantDoing)]


async def test_a_voice_that_has_no_word_for_long_thinking_costs_the_word_and_not_the_answer(rig: Rig) -> None:
    async with rig.running(FakeChatModel([5.0, "Five days."]), FakeVoice(failures=["Let me see."])):
        await rig.join(await rig.invite(announce=Announce.NONE, audience=Audience.AGENT))
        await rig.says(rig.agent, "Ava, how long does it take?")
        turn = await rig.until(AssistantTurn)
        assert (turn.heard, turn.outcome) == ("Five days.", "completed")


async def test_what_a_model_has_supervisors_told_is_redacted(rig: Rig) -> None:
    """One that hears the call knows numbers that no transcript has."""
    call = ToolCall("1", "notify_supervisor", '{"reason": "Card 4111 1111 1111 1111 is refused."}')
    async with rig.running(FakeChatModel([call], ["They know."])):
        await rig.join(await rig.invite(announce=Announce.NONE, audience=Audience.AGENT))
        await rig.says(rig.agent, "Ava, call the supervisor please.")
        await rig.until(AssistantTurn)
        notes = [told.detail for told in rig.of(AssistantDoing) if told.note == "supervisor_wanted"]
        assert notes == ["Card [card number] is refused."]


async def test_only_an_answer_to_its_question_lets_it_in_or_keeps_it_out(rig: Rig) -> None:
    """What somebody was saying as it began to ask is none; what is said before its line is open is one."""
    async with rig.running(FakeChatModel(["Of course."])):
        for words in ("Yes that is my address since a long time", "No that is not what I meant at all"):
            await asyncio.sleep(5)
            await rig.join(await rig.invite(announce=Announce.ASK))
            await rig.says(rig.customer, words)
            left = await rig.until(AssistantLeft, len(rig.of(AssistantLeft)) + 1)
            assert left.reason == "not_agreed"
        await rig.invite(announce=Announce.ASK)
        await asyncio.sleep(5)
        await rig.says(rig.customer, "No, thank you.")
        left = await rig.until(AssistantLeft, 3, within_s=1.0)
        assert left.reason == "declined"


@pytest.mark.parametrize("agreed", [True, False])
async def test_a_yes_outlives_the_process_and_so_does_the_question(rig: Rig, agreed: bool) -> None:
    """Who was not yet answered when the service stopped still waits for a yes, and hears nothing before."""
    model = FakeRealtimeModel(["Of course."])
    async with rig.running():
        one = await rig.invite(announce=Announce.ASK)
        await rig.join(one)
        if agreed:
            await asyncio.sleep(8)
            await rig.says(rig.customer, "Yes, that is fine.")
    async with rig.running(realtime=model):
        await asyncio.sleep(1)
        await rig.join(one)
        assert len(model.sessions) == agreed
        await rig.says(rig.agent, "Ava, are you there?")
        await asyncio.sleep(5)
        assert len(rig.of(AssistantTurn)) == agreed
        if not agreed:
            await rig.says(rig.agent, "Yes, please.")
            await asyncio.sleep(1)
            assert len(model.sessions) == 1
            await rig.says(rig.agent, "Ava, are you there?")
        assert (await rig.until(AssistantTurn)).heard == "Of course."


async def test_what_a_coach_whispers_is_not_even_remembered(rig: Rig) -> None:
    """Not what was said before it came, which it reads from the log, and not what it hears; so it can tell nobody."""
    model = FakeChatModel(["It is five days."])
    async with rig.running(model):
        await rig.says(rig.agent, "Offer him twenty percent.", coaching=True)
        await rig.says(rig.agent, "Let me look that up.")
        await rig.join(await rig.invite(announce=Announce.ANNOUNCE, audience=Audience.ALL))
        await asyncio.sleep(10)
        await rig.says(rig.agent, "Ava, offer him thirty percent.", coaching=True)
        await asyncio.sleep(5)
        assert model.asked == []
        await rig.says(rig.customer, "Ava, what does it cost?")
        await rig.until(AssistantTurn)
    told = str(model.asked)
    assert "look that up" in told
    assert "percent" not in told
