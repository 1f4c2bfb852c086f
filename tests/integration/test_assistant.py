"""The assistant over an emulated network: invited, addressed, interrupted, cut off and back, dismissed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sidecar.adapters.chat_models.scripted import ScriptedChatModel
from sidecar.domain import notice
from sidecar.runtime.assistant_desk import Engines
from tests.assisted_call import AssistedCall
from tests.fake_engines import FakeVoice
from tests.line import running_line
from tests.phrase_book import BookRecogniser, PhraseBook

ORDER = "My order number is seven three five two nine."
RECAP = "Ava, give us a recap."
OBJECTION = "No, that is not what I wanted."
STOP = "Hold on please."
LISTENING = "Mm-hm, okay."


@pytest.fixture
async def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AssistedCall]:
    """Announcements take no time."""
    monkeypatch.setattr(notice, "BEFORE_IT_STARTS_S", 0.0)
    monkeypatch.setattr(notice, "SPOKEN_CHARS_PER_S", 1_000)
    book = PhraseBook(tmp_path, ORDER, RECAP, OBJECTION, STOP, LISTENING)
    async with running_line(tmp_path, BookRecogniser(book), Engines(ScriptedChatModel(), FakeVoice())) as line:
        call = AssistedCall(line, book)
        await call.begin()
        yield call


async def test_it_is_invited_answers_by_name_is_interrupted_and_leaves(call: AssistedCall) -> None:
    """It says what it is told; a sign of listening does not stop it, other words and a stop word do."""
    await call.says("customer", ORDER)
    one = await call.invite(prompt="Be brief.")
    assert (await call.ask("POST", f"/{one}/say", {"text": "Good morning."}))[0] == 202
    turn = await call.told("assistant.turn")
    assert (turn["heard"], turn["outcome"], turn["why"]) == ("Good morning.", "completed", "say")
    await call.says("agent", RECAP)
    await call.until_speaking()
    await call.says("customer", LISTENING)
    await asyncio.sleep(2)
    await call.says("customer", OBJECTION)
    turn = await call.told("assistant.turn", 2)
    assert (turn["outcome"], turn["why"], turn["to"]) == ("interrupted", "addressed", call.participant("agent"))
    assert turn["text"].startswith(turn["heard"])
    assert 2 < len(turn["heard"].split()) < len(turn["text"].split())
    await call.says("agent", RECAP)
    await call.until_speaking()
    await call.says("agent", STOP)
    turn = await call.told("assistant.turn", 3)
    assert turn["outcome"] == "stop_word"
    assert (await call.ask("POST", f"/{one}/say", {"text": "I am saying my last words."}))[0] == 202
    assert (await call.ask("DELETE", f"/{one}"))[0] == 202
    left = await call.told("assistant.left")
    assert (left["reason"], left["by"]) == ("dismissed", "tests")
    turn = await call.told("assistant.turn", 4)
    assert (turn["heard"], turn["outcome"]) == ("I am saying my last words.", "completed")
    lines = await call.line.service.get(f"{call.conference}/utterances")
    mine = [line for line in lines["data"] if line["participant"] == turn["participant"]]
    assert mine[0]["text"] == "Good morning."
    assert [bool(line["cut"]) for line in mine] == [False, True, True, False]


async def test_a_line_that_breaks_comes_back_and_so_does_the_service(call: AssistedCall) -> None:
    """What it was saying is recorded as far as it was heard; it goes on with all that was said."""
    await call.says("customer", ORDER)
    one = await call.invite()
    await call.says("agent", RECAP)
    await call.until_speaking()
    await asyncio.sleep(1.5)
    await call.cut(one)
    turn = await call.told("assistant.turn")
    assert turn["outcome"] == "line_lost"
    assert 0 < len(turn["heard"]) < len(turn["text"])
    await call.until_state(one, "listening")
    await call.says("agent", RECAP)
    turn = await call.told("assistant.turn", 2)
    assert turn["outcome"] == "completed"
