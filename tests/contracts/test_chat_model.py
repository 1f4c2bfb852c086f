"""The port's promises, kept by the OpenAI-compatible model (the real SDK against an emulator over a socket), by the
scripted one, and by the fake of the unit tests.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from sidecar.adapters.chat_models.openai_compatible import OpenaiCompatibleChatModel
from sidecar.adapters.chat_models.scripted import ScriptedChatModel
from sidecar.adapters.openai_account import OpenaiAccount
from sidecar.domain.assistant.said import Said, line_of
from sidecar.ports.chat_model import ChatMessage, ChatModel, Piece, TextPiece, Tool, ToolCall, Usage
from tests.emulated_openai.server import KEY, MODEL, running
from tests.fake_engines import FakeChatModel

PATIENT = 30.0
TOOL = Tool("leave", "Leave the call.", {"type": "object", "properties": {}})


@dataclass
class Engine:
    """``questions``: each with a word of its answer; ``asks_for_tool``: what makes it ask for TOOL."""

    model: ChatModel
    questions: dict[str, str]
    asks_for_tool: str


@asynccontextmanager
async def scripted() -> AsyncIterator[Engine]:
    said = Said("Tom", "It is 12345.", 0)
    number = f"{line_of(said)}\nread back the last number"
    yield Engine(ScriptedChatModel(), {number: "1 2 3 4 5", f"{line_of(said)}\nrecap": "Tom said"}, "leave")


@asynccontextmanager
async def openai_compatible() -> AsyncIterator[Engine]:
    async with running() as (_, url):
        model = OpenaiCompatibleChatModel(OpenaiAccount(url, KEY), MODEL)
        yield Engine(model, {"one two": "one two", "three": "three"}, "use the tool")
        await model.close()


@asynccontextmanager
async def fake() -> AsyncIterator[Engine]:
    class Obedient(FakeChatModel):
        def answer(self, messages: Sequence[ChatMessage], *, tools: Sequence[Tool] = ()):  # type: ignore[no-untyped-def]
            if messages[-1].text == "tool":
                self._answers.append(["Yes.", ToolCall("a", tools[0].name, "{}"), Usage(1, 2)])
            return super().answer(messages, tools=tools)

    yield Engine(Obedient(), {"one two": "one two", "three": "three"}, "tool")


@pytest.fixture(params=[scripted, openai_compatible, fake], ids=lambda engine: engine.__name__)
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    async with request.param() as engine:
        yield engine


async def answered(model: ChatModel, question: str, tools: Sequence[Tool] = ()) -> list[Piece]:
    async with asyncio.timeout(PATIENT):
        return [piece async for piece in model.answer([ChatMessage("user", question)], tools=tools)]


def said(pieces: Sequence[Piece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, TextPiece))


async def test_an_answer_is_pieces_of_text_none_of_them_empty(engine: Engine) -> None:
    for question, word in engine.questions.items():
        pieces = await answered(engine.model, question)
        assert word in said(pieces)
        assert all(piece.text for piece in pieces if isinstance(piece, TextPiece))


async def test_a_tool_call_is_whole_and_usage_comes_last_and_once(engine: Engine) -> None:
    pieces = await answered(engine.model, engine.asks_for_tool, [TOOL])
    [call] = [piece for piece in pieces if isinstance(piece, ToolCall)]
    assert (call.name, call.id != "", call.arguments[:1]) == (TOOL.name, True, "{")
    assert all(not isinstance(piece, Usage) for piece in pieces[:-1])


async def test_who_stops_listening_does_no_harm_to_others(engine: Engine) -> None:
    (first, _), (second, word) = engine.questions.items()
    never_begun = engine.model.answer([ChatMessage("user", first)])
    await never_begun.aclose()
    begun = engine.model.answer([ChatMessage("user", first)])
    assert isinstance(await anext(begun), TextPiece)
    await begun.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(begun)
    assert word in said(await answered(engine.model, second))


async def test_answers_under_way_at_once_do_not_mix(engine: Engine) -> None:
    alone = {question: said(await answered(engine.model, question)) for question in engine.questions}
    async with asyncio.TaskGroup() as tasks:
        both = {
            question: tasks.create_task(answered(engine.model, question), name="answer")
            for question in engine.questions
            for _ in range(3)
        }
    assert {question: said(task.result()) for question, task in both.items()} == alone


async def test_the_engine_has_a_short_stable_name_and_closes_twice(engine: Engine) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9-]{1,30}", engine.model.engine)
    await engine.model.close()
    await engine.model.close()
