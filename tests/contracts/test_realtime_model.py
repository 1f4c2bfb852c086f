"""The port's promises, kept by OpenAI's realtime model (the real SDK against an emulator over a socket), and by the
fake of the unit tests.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence

import pytest

from sidecar.adapters.openai_account import OpenaiAccount
from sidecar.adapters.realtime.openai import VENDOR, OpenaiRealtimeModel
from sidecar.ports.chat_model import ChatMessage, TextPiece, Tool, ToolCall, Usage
from sidecar.ports.realtime import AudioPiece, Brief, RealtimeModel, RealtimePiece, RealtimeSession
from tests.emulated_openai.realtime import Event, Talk
from tests.emulated_openai.server import KEY, running
from tests.fake_engines import FakeRealtimeModel

PATIENT = 30.0
TOOL = Tool("leave", "Leave the call.", {"type": "object", "properties": {}})
BRIEF = Brief("You are Ava.", (ChatMessage("user", "Tom: Hello there."),), (TOOL,))
ANSWERS = ("one two three", "four five six", "seven eight nine")


@pytest.fixture(params=["openai", "fake"])
async def model(request: pytest.FixtureRequest) -> AsyncIterator[RealtimeModel]:
    """Gives ANSWERS, then a tool call."""
    if request.param == "fake":
        yield FakeRealtimeModel(*([text] for text in ANSWERS), [ToolCall("call_1", TOOL.name, "{}"), Usage(1, 2)])
        return
    said: list[str | Event] = [*ANSWERS, {"name": TOOL.name, "arguments": "{}"}]

    def brain(_: Talk, __: Event) -> list[str | Event]:
        return [said.pop(0)]

    async with running() as (server, url):
        server.realtime.brain = brain
        openai = OpenaiRealtimeModel(OpenaiAccount(url, KEY, VENDOR))
        yield openai
        await openai.close()


async def answered(session: RealtimeSession) -> list[RealtimePiece]:
    async with asyncio.timeout(PATIENT):
        return [piece async for piece in session.answer()]


def said(pieces: Sequence[RealtimePiece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, TextPiece)).strip()


async def test_an_answer_is_audio_and_what_it_says(model: RealtimeModel) -> None:
    """Neither is ever empty; the text is there about as early as its audio; usage comes last and once."""
    async with model.open(lambda _: BRIEF) as session:
        pieces = await answered(session)
    assert said(pieces) == ANSWERS[0]
    assert all(piece.text for piece in pieces if isinstance(piece, TextPiece))
    assert all(piece.audio for piece in pieces if isinstance(piece, AudioPiece))
    length_ms = sum(len(piece.audio) for piece in pieces if isinstance(piece, AudioPiece)) / 8
    assert 30 < length_ms / len(ANSWERS[0]) < 150
    assert isinstance(pieces[0], TextPiece)
    assert all(not isinstance(piece, Usage) for piece in pieces[:-1])


async def test_a_session_goes_on_after_an_answer_that_was_stopped(model: RealtimeModel) -> None:
    """Whatever was heard of it; hearing and telling never wait."""
    async with model.open(lambda _: BRIEF) as session:
        await session.answer().aclose()
        answer = session.answer()
        await anext(answer)
        session.hear(b"\xff" * 160)
        session.tell(ChatMessage("user", "Ann: stop"))
        await answer.aclose()
        session.heard(40)
        assert said(await answered(session)) == ANSWERS[1]
        session.heard(10_000_000)
        session.heard(0)
        assert said(await answered(session)) == ANSWERS[2]


async def test_a_tool_call_is_whole(model: RealtimeModel) -> None:
    async with model.open(lambda _: BRIEF) as session:
        for _ in ANSWERS:
            await answered(session)
        [call] = [piece for piece in await answered(session) if isinstance(piece, ToolCall)]
        assert (call.name, call.arguments, call.id != "") == (TOOL.name, "{}", True)


async def test_it_is_briefed_once_and_news_end_with_the_session(model: RealtimeModel) -> None:
    aways: list[int] = []

    def brief(away_ms: int) -> Brief:
        aways.append(away_ms)
        return BRIEF

    async with asyncio.timeout(PATIENT), asyncio.TaskGroup() as tasks:
        async with model.open(brief) as session:
            reading = tasks.create_task(read_all(session), name="news")
            await answered(session)
        assert await reading == []
    assert aways == [0]


async def read_all(session: RealtimeSession) -> list[object]:
    return [item async for item in session.news()]


async def test_sessions_do_not_hear_each_other(model: RealtimeModel) -> None:
    async with model.open(lambda _: BRIEF) as one, model.open(lambda _: BRIEF) as other:
        async with asyncio.TaskGroup() as tasks:
            both = [tasks.create_task(answered(session), name="answer") for session in (one, other)]
        assert {said(task.result()) for task in both} == set(ANSWERS[:2])


async def test_the_engine_has_a_short_stable_name_and_closes_twice(model: RealtimeModel) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9-]{1,30}", model.engine)
    await model.close()
    await model.close()
