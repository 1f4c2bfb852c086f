"""An assistant with a realtime model, in virtual time: who answers, who says exact words, who does for whom."""

from __future__ import annotations

import asyncio

import pytest

from sidecar.adapters.sql import Database
from sidecar.domain.assistant.events import AssistantDoing, AssistantLeft, AssistantTurn
from sidecar.domain.assistant.stay import Announce, Audience
from sidecar.domain.errors import RealtimeFailed
from sidecar.domain.events import UtteranceFinal
from sidecar.domain.spans import NEVER
from sidecar.ports.chat_model import ChatMessage
from sidecar.runtime.assistant.conversation import Conversation
from sidecar.runtime.assistant.mind import MIXED_WITHIN_MS, SILENCE
from tests.assistant_rig import PlayingLine, Rig, assistant_rig
from tests.fake_engines import TONE, FakeChatModel, FakeRealtimeModel, FakeRealtimeSession, FakeVoice

pytestmark = pytest.mark.virtual_time

LONG = "It takes five days until the money is back on your card, and you need not do anything about it meanwhile."
LOST = RealtimeFailed("It is gone.", code="realtime_unreachable")
FRAME = TONE * 160


@pytest.fixture
async def rig(database: Database) -> Rig:
    return await assistant_rig(database)


async def there(rig: Rig, announce: Announce = Announce.NONE) -> tuple[PlayingLine, Conversation]:
    """An assistant that takes part."""
    one = await rig.invite(announce=announce, audience=Audience.AGENT)
    line = await rig.join(one)
    return line, (await rig.desk.present(rig.conference.id, one.id)).conversation


def notes(rig: Rig) -> list[tuple[str, str]]:
    return [(told.note, told.detail) for told in rig.of(AssistantDoing) if told.note]


def texts(session: FakeRealtimeSession) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in session.told]


async def test_the_model_answers_by_its_own_voice_when_it_is_meant_and_not_before(rig: Rig) -> None:
    """Its sound goes straight through; each line is told once, with who said it, and its own words never."""
    model, chat, voice = FakeRealtimeModel([LONG]), FakeChatModel(), FakeVoice()
    async with rig.running(chat, voice, model):
        line, conversation = await there(rig)
        conversation.hear_line(line, FRAME)
        await rig.says(rig.customer, "How long does it take?")
        await asyncio.sleep(5)
        assert model.asked == []
        await rig.says(rig.agent, "Ava, how long does it take?")
        turn = await rig.until(AssistantTurn)
        assert (turn.heard, turn.outcome, turn.why) == (LONG, "completed", "addressed")
        assert (turn.chat_model, turn.voice) == ("fake-realtime", "fake-realtime")
        assert line.played_ms == 60 * (len(LONG) + 1)
        assert turn.latency.total is not None
        assert rig.of(UtteranceFinal)[-1].engine == "fake-realtime"
        [session] = model.sessions
        await asyncio.sleep(1)
        assert session.audio == FRAME
        assert [role for role, _ in texts(session)] == ["user", "user"]
        assert "Daniel (customer): How long does it take?" in texts(session)[0][1]
        assert session.forgotten_behind_ms == [60 * (len(LONG) + 1) + 1], "all of it was heard"
    assert chat.asked == []
    assert voice.spoken == []


async def test_what_nobody_heard_of_an_answer_the_model_forgets(rig: Rig) -> None:
    """By what marks prove, and once for each turn, also for one that never came to sound."""
    model = FakeRealtimeModel([LONG], [60.0, "Too late."])
    async with rig.running(realtime=model):
        line, conversation = await there(rig)
        await rig.says(rig.agent, "Ava, how long does it take?")
        await asyncio.sleep(3)
        conversation.stop()
        turn = await rig.until(AssistantTurn)
        [session] = model.sessions
        [behind_ms] = session.forgotten_behind_ms
        assert turn.outcome == "stopped"
        assert line.clears == 1
        assert 0 < behind_ms <= line.played_ms
        assert 0 < len(turn.heard) * 60 <= behind_ms
        await rig.says(rig.agent, "Ava, say it again.")
        await asyncio.sleep(1)
        conversation.stop()
        await asyncio.sleep(1)
        assert session.forgotten_behind_ms == [behind_ms, 0]
        assert session.stopped == 1


async def test_exact_words_are_the_voice_s_and_answers_in_words_the_chat_model_s(rig: Rig) -> None:
    """The model is told what was said in its name; it is asked for neither."""
    model, chat, voice = FakeRealtimeModel(), FakeChatModel(["In words."]), FakeVoice()
    async with rig.running(chat, voice, model):
        _, conversation = await there(rig)
        engines = conversation.mind.engines
        assert (engines.realtime, engines.voice, engines.chat_model) == ("fake-realtime", "fake", "fake")
        conversation.ask("Good morning.", by="Ana", exact=True)
        turn = await rig.until(AssistantTurn)
        assert (turn.heard, turn.voice) == ("Good morning.", "fake")
        assert await conversation.answer_in_words("Well?", by="Ana") == "In words."
        conversation.know("Be brief.", by="Ana")
        await asyncio.sleep(1)
        assert texts(model.sessions[0]) == [
            ("assistant", "Good morning."), ("user", "-- Ana tells you privately: Be brief."),
        ]  # fmt: skip
        assert voice.spoken == ["Good morning."]
        assert model.asked == []


async def test_while_the_model_is_away_the_cascade_answers_and_the_panel_says_so(rig: Rig) -> None:
    model, chat = FakeRealtimeModel(["I am back."]), FakeChatModel(["I do for it."])
    async with rig.running(chat, realtime=model):
        _, conversation = await there(rig)
        [session] = model.sessions
        session.lose(LOST)
        await asyncio.sleep(1)
        assert conversation.mind.engines.problem == "realtime_unreachable"
        await rig.says(rig.agent, "Ava, are you there?")
        turn = await rig.until(AssistantTurn)
        assert (turn.heard, turn.chat_model, turn.voice) == ("I do for it.", "fake", "fake")
        assert "are you there?" in chat.asked[0][-1].text
        session.find(20_000)
        await rig.says(rig.agent, "Ava, and now?")
        turn = await rig.until(AssistantTurn, 2)
        assert (turn.heard, turn.chat_model) == ("I am back.", "fake-realtime")
        assert ChatMessage("assistant", "I do for it.") in session.briefs[-1].history
        assert notes(rig) == [
            ("model_lost", "realtime_unreachable"), ("fallback", "realtime_unreachable"), ("model_back", ""),
        ]  # fmt: skip


async def test_an_answer_that_breaks_off_ends_at_what_was_heard_of_it(rig: Rig) -> None:
    """Before it sounds, it is the cascade's turn; afterwards nobody says half of it twice."""
    model = FakeRealtimeModel([LONG, 3.0, LOST])
    async with rig.running(realtime=model):
        await there(rig)
        await rig.says(rig.agent, "Ava, how long does it take?")
        turn = await rig.until(AssistantTurn)
        assert turn.outcome == "realtime_unreachable"
        assert LONG.startswith(turn.heard)
        assert turn.heard
        assert turn.chat_model == "fake-realtime"


async def test_a_pause_is_silence_for_the_model_too(rig: Rig) -> None:
    """At once, and a moment longer than it lasts, for what comes then was said before."""
    model = FakeRealtimeModel()
    async with rig.running(realtime=model):
        line, conversation = await there(rig)
        paused = NEVER.switched(True, conversation.now_ms())
        rig.desk.ears.paused(rig.conference.id, paused)
        conversation.hear_line(line, FRAME)
        await asyncio.sleep(5)
        conversation.hear_line(line, FRAME)
        rig.desk.ears.paused(rig.conference.id, paused.switched(False, conversation.now_ms()))
        conversation.hear_line(line, FRAME)
        await asyncio.sleep(MIXED_WITHIN_MS / 1000 + 0.01)
        conversation.hear_line(line, FRAME)
        assert model.sessions[0].audio == SILENCE * 160 * 3 + FRAME


async def test_the_model_hears_nothing_before_the_call_has_said_yes(rig: Rig) -> None:
    model = FakeRealtimeModel()
    async with rig.running(realtime=model):
        line, conversation = await there(rig, Announce.ASK)
        await asyncio.sleep(5)
        conversation.hear_line(line, FRAME)
        assert model.sessions == []
        await rig.says(rig.customer, "Yes, sure.")
        await asyncio.sleep(1)
        conversation.hear_line(line, FRAME)
        assert model.sessions[0].audio == FRAME


async def test_a_goodbye_is_said_by_the_voice_and_the_session_ends_with_the_stay(rig: Rig) -> None:
    model, voice = FakeRealtimeModel(), FakeVoice()
    async with rig.running(voice=voice, realtime=model):
        await there(rig)
        await rig.says(rig.customer, "No AI please.")
        assert (await rig.until(AssistantLeft)).reason == "not_wanted"
        await asyncio.sleep(1)
        assert voice.spoken == ["All right. Goodbye."]
        assert [session.over for session in model.sessions] == [True]
