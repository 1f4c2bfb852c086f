"""The chat model's adapter through the real SDK and a real socket: what it sends and reads, and all that goes wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog

from sidecar.adapters.chat_models import openai_compatible
from sidecar.adapters.chat_models.openai_compatible import Limits, OpenaiCompatibleChatModel
from sidecar.adapters.openai_account import OpenaiAccount
from sidecar.cli.children import free_ports
from sidecar.domain.errors import ChatModelFailed
from sidecar.ports.chat_model import ChatMessage, Piece, TextPiece, Tool, ToolCall, Usage
from tests.emulated_openai.chat import DONE, Drop, Pause, Reply, Stall, call, chunk, refusal, text, usage, whole
from tests.emulated_openai.server import KEY, MODEL, EmulatedOpenai, running

QUESTION = [ChatMessage("system", "You are Ava."), ChatMessage("user", "Where is my order?")]
SEARCH = Tool("search_transcript", "Search it.", {"type": "object", "properties": {"query": {"type": "string"}}})
# Everything in a fraction of its time, so that no test waits for seconds.
FAST = Limits(first_s=0.4, stall_s=0.4, whole_s=10.0, tail_s=0.2)
PATIENT = 30.0


@asynccontextmanager
async def model(
    *replies: Reply, limits: Limits | None = None, key: str = KEY, name: str = MODEL, **emulator: Any
) -> AsyncIterator[tuple[EmulatedOpenai, OpenaiCompatibleChatModel]]:
    """The adapter and the emulator that it talks to."""
    async with running(**emulator) as (server, url):
        server.replies.extend(replies)
        adapter = OpenaiCompatibleChatModel(OpenaiAccount(url, key), name, limits=limits)
        try:
            yield server, adapter
        finally:
            await adapter.close()


async def outcome(
    adapter: OpenaiCompatibleChatModel, messages: Sequence[ChatMessage] = QUESTION, tools: Sequence[Tool] = ()
) -> tuple[list[Piece], ChatModelFailed | None]:
    """All pieces, and how they ended."""
    pieces: list[Piece] = []
    try:
        async with asyncio.timeout(PATIENT):
            async for piece in adapter.answer(messages, tools=tools):
                pieces.append(piece)  # noqa: PERF401 - what came before an error is wanted too
    except ChatModelFailed as error:
        return pieces, error
    return pieces, None


async def failure(*replies: Reply, **options: Any) -> ChatModelFailed:
    async with model(*replies, **options) as (_, adapter):
        _, error = await outcome(adapter)
    assert error is not None
    return error


def said(pieces: Sequence[Piece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, TextPiece))


async def test_text_comes_as_it_is_thought_of() -> None:
    """The first words are here while the server still thinks; null and empty contents are nothing."""
    steps = [*text("Your "), chunk({"content": None}), chunk(None), chunk({"content": "order"}), Stall()]
    async with model(Reply(steps)) as (server, adapter), asyncio.timeout(PATIENT):
        answer = adapter.answer(QUESTION)
        assert [await anext(answer), await anext(answer)] == [TextPiece("Your "), TextPiece("order")]
        await answer.aclose()
        await server.until(lambda: server.requests[0].ended == "left")


async def test_whoever_is_cancelled_while_waiting_closes_the_connection() -> None:
    """At the socket, not only here: before the first byte, and in the middle of an answer."""
    async with model(Reply(stall=True), Reply([*text("Your "), Stall()])) as (server, adapter):
        for number in range(2):
            async with asyncio.timeout(PATIENT), asyncio.TaskGroup() as tasks:
                waiting = tasks.create_task(outcome(adapter), name="answer")
                await server.until(lambda number=number: len(server.requests) > number)  # type: ignore[misc]
                await asyncio.sleep(0.05)
                waiting.cancel()
                await server.until(lambda number=number: server.requests[number].ended == "left")  # type: ignore[misc]


async def test_it_asks_for_a_stream_with_usage_and_gets_words_calls_and_usage_in_this_order() -> None:
    replies = whole(
        [*call(0, "call_a", "search_transcript", '{"que', None, 'ry": "refund"}'), *text("Wait.")], "tool_calls"
    )
    *steps, done = replies.steps
    async with model(Reply([*steps, usage(40, 7), done])) as (server, adapter):
        pieces, error = await outcome(adapter, tools=[SEARCH])
    assert error is None
    assert pieces == [
        TextPiece("Wait."),
        ToolCall("call_a", "search_transcript", '{"query": "refund"}'),
        Usage(40, 7),
    ]
    [request] = server.requests
    assert request.body == {
        "model": MODEL,
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [
            {"role": "system", "content": "You are Ava."},
            {"role": "user", "content": "Where is my order?"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {"name": SEARCH.name, "description": SEARCH.description, "parameters": SEARCH.parameters},
            }
        ],
    }


async def test_a_tool_s_answer_goes_back_behind_the_call_that_asked_for_it() -> None:
    asked = ToolCall("call_a", "search_transcript", '{"query": "refund"}')
    messages = [*QUESTION, ChatMessage("assistant", "", (asked,)), ChatMessage("tool", "Nothing.", (), "call_a")]
    async with model() as (server, adapter):
        pieces, error = await outcome(adapter, messages)
    assert (said(pieces), error) == ("You said: Nothing.", None)
    assert server.requests[0].body["messages"][2:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "call_a", "type": "function", "function": {"name": asked.name, "arguments": asked.arguments}}
            ],
        },
        {"role": "tool", "content": "Nothing.", "tool_call_id": "call_a"},
    ]


@pytest.mark.parametrize(
    "fragments",
    [
        pytest.param([*call(0, "a", "one", "{", "}"), *call(1, "b", "two", "[]")], id="an index each"),
        pytest.param([*call(0, "a", "one", "{", "}"), *call(0, "b", "two", "[]")], id="the same index"),
        pytest.param([*call(None, "a", "one", "{", "}"), *call(None, "b", "two", "[]")], id="no index"),
    ],
)
async def test_tool_calls_are_told_apart_however_the_server_counts_them(fragments: list[Any]) -> None:
    async with model(whole(fragments, "tool_calls")) as (_, adapter):
        pieces, _ = await outcome(adapter)
    assert pieces == [ToolCall("a", "one", "{}"), ToolCall("b", "two", "[]")]


async def test_a_tool_call_without_an_id_gets_one() -> None:
    async with model(whole(call(0, None, "one", "{}"), "stop")) as (_, adapter):
        assert (await outcome(adapter))[0] == [ToolCall("call_0", "one", "{}")]


async def test_a_server_that_knows_no_stream_options_is_asked_again_without_and_then_never_with() -> None:
    async with model(old=True) as (server, adapter):
        for _ in range(2):
            pieces, error = await outcome(adapter)
            assert (said(pieces), error) == ("You said: Where is my order?", None)
    assert ["stream_options" in request.body for request in server.requests] == [True, False, False]


async def test_comments_thoughts_and_usage_in_every_chunk_do_no_harm() -> None:
    """As vLLM and Ollama send with some models; the last usage counts, and a server that never says [DONE] is left."""
    counted = {"prompt_tokens": 3, "completion_tokens": 1}
    steps = [
        ": comment\n\n",
        *text("<thi", "nk>They want", " five.</th", "ink>\n"),
        chunk({"content": "Five.", "reasoning_content": "secret"}, usage=counted | {"completion_tokens": None}),
        chunk({"content": " Days."}, usage=counted),
        chunk({}, "stop", usage=counted | {"completion_tokens": 9}),
        Stall(),
    ]
    async with model(Reply(steps), limits=FAST) as (_, adapter):
        assert await outcome(adapter) == ([TextPiece("Five."), TextPiece(" Days."), Usage(3, 9)], None)


@pytest.mark.parametrize(
    ("reply", "code", "permanent", "told"),
    [
        (refusal(401, "invalid_api_key", "Incorrect API key: sk-secret"), "chat_unauthorized", True, "OPENAI_API_KEY"),
        (refusal(403, "forbidden"), "chat_unauthorized", True, "OPENAI_API_KEY"),
        (refusal(404, "model_not_found"), "chat_unknown_model", True, "SIDECAR_LLM_MODEL"),
        (refusal(402, "payment"), "chat_out_of_credit", True, "credit"),
        (refusal(429, "insufficient_quota"), "chat_out_of_credit", True, "credit"),
        (refusal(429, "rate_limit_exceeded"), "chat_too_many_requests", False, "request req_emulated"),
        (refusal(400, "context_length_exceeded"), "chat_too_long", False, "less"),
        (refusal(422, "nonsense"), "chat_bad_request", False, "SIDECAR_LLM_MODEL"),
        (refusal(500, "server_error"), "chat_vendor_failed", False, "HTTP 500, server_error"),
        (Reply(status=502, body="<html>Where is my order?"), "chat_vendor_failed", False, "HTTP 502"),
    ],
)
async def test_a_refusal_says_why_and_what_to_do_and_is_not_tried_again(
    reply: Reply, code: str, permanent: bool, told: str
) -> None:
    async with model(reply) as (server, adapter):
        pieces, error = await outcome(adapter)
    assert error is not None
    assert (pieces, error.code, error.permanent) == ([], code, permanent)
    assert told in str(error)
    assert "secret" not in str(error)
    assert "order" not in str(error)
    assert len(server.requests) == 1


async def test_a_refusal_for_some_time_says_for_how_long() -> None:
    error = await failure(refusal(429, "rate_limit_exceeded", **{"Retry-After": "7"}))
    assert error.retry_after_s == 7.0


HALF = text("Your order")
TOLD_LATE = 'data: {"error": {"message": "secret", "type": "server_error", "code": "overloaded"}}\n\n'


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        pytest.param(Reply([*HALF, TOLD_LATE, DONE]), "chat_vendor_failed", id="an error in the stream"),
        pytest.param(Reply([*HALF, Drop()]), "chat_unreachable", id="dropped"),
        pytest.param(Reply(HALF), "chat_broken_off", id="ended without an end"),
        pytest.param(Reply([*HALF, DONE]), "chat_broken_off", id="done without a reason"),
        pytest.param(Reply([*HALF, "data: {half\n\n"]), "chat_unreadable", id="no JSON"),
        pytest.param(Reply([*HALF, Stall()]), "chat_timeout", id="stalled"),
        pytest.param(Reply([*HALF, Pause(PATIENT, 0.05)]), "chat_timeout", id="comments only"),
        pytest.param(whole(HALF, "length"), "chat_cut_off", id="cut off"),
        pytest.param(whole(HALF, "content_filter"), "chat_filtered", id="filtered"),
    ],
)
async def test_an_answer_that_breaks_off_fails_behind_its_words(reply: Reply, code: str) -> None:
    async with model(reply, limits=FAST) as (server, adapter):
        pieces, error = await outcome(adapter)
        assert (said(pieces), error and error.code) == ("Your order", code)
        assert "secret" not in str(error)
        await server.until(lambda: server.requests[0].ended != "")
        assert said((await outcome(adapter))[0]) == "You said: Where is my order?"


@pytest.mark.parametrize("reply", [Reply(stall=True), Reply([*text(""), Pause(PATIENT, 0.05)])])
async def test_a_server_that_does_not_begin_is_left_in_time(reply: Reply) -> None:
    """Without a status, and with a status and nothing but comments."""
    async with model(reply, limits=FAST) as (server, adapter):
        pieces, error = await outcome(adapter)
        assert (pieces, error and error.code) == ([], "chat_timeout")
        await server.until(lambda: server.requests[0].ended == "left")


async def test_slow_words_are_waited_for_but_not_for_ever() -> None:
    slow = [step for word in "abcdefgh" for step in (Pause(0.1), chunk({"content": word}))]
    async with model(whole(slow), Reply([*slow, *slow]), limits=FAST) as (_, adapter):
        assert said((await outcome(adapter))[0]) == "abcdefgh"
    async with model(Reply(slow), limits=Limits(first_s=5, stall_s=5, whole_s=0.35)) as (_, adapter):
        pieces, error = await outcome(adapter)
        assert "abcdefgh".startswith(said(pieces))
        assert error is not None
        assert "whole answer" in str(error)


async def test_a_model_that_does_not_stop_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_compatible, "MAX_CHARACTERS", 50)
    for steps in (text(*["blah "] * 100), call(0, "a", "one", *["blah "] * 100), text("<think>", *["blah "] * 100)):
        error = await failure(Reply([*steps, Stall()]), limits=FAST)
        assert error.code == "chat_endless"


async def test_no_server_and_a_wrong_key_are_told_apart() -> None:
    nobody = OpenaiCompatibleChatModel(OpenaiAccount(f"http://127.0.0.1:{free_ports(1)}/v1", KEY), MODEL)
    _, error = await outcome(nobody)
    await nobody.close()
    assert error is not None
    assert (error.code, error.permanent) == ("chat_unreachable", False)
    assert "OPENAI_BASE_URL" in str(error)
    wrong = await failure(key="sk-wrong")
    assert wrong.code == "chat_unauthorized"
    assert "sk-wrong" not in str(wrong)


async def test_several_answers_may_be_under_way_at_once() -> None:
    async with model() as (_, adapter), asyncio.timeout(PATIENT), asyncio.TaskGroup() as tasks:
        asked = [[ChatMessage("user", f"number {n}")] for n in range(5)]
        answers = [tasks.create_task(outcome(adapter, messages), name="answer") for messages in asked]
        assert [said((await answer)[0]) for answer in answers] == [f"You said: number {n}" for n in range(5)]


async def test_nothing_of_prompts_answers_and_keys_is_logged_or_shown(caplog: pytest.LogCaptureFixture) -> None:
    """Not even at the level debug, with every library's logger open, in good and in bad times."""
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as ours:
        async with model(limits=FAST) as (server, adapter):
            await outcome(adapter)
            server.replies.extend([refusal(500, "server_error", "order"), Reply([*HALF, Drop()]), Reply(stall=True)])
            errors = [(await outcome(adapter))[1] for _ in range(3)]
        async with model(key="sk-wrong-key") as (_, adapter):
            errors.append((await outcome(adapter))[1])
    logged = [record for record in caplog.records if record.name.startswith(("openai", "httpx", "httpcore", "sidecar"))]
    told = "\n".join(
        [*map(logging.LogRecord.getMessage, logged), *map(str, ours), *map(str, errors), repr(OpenaiAccount("", KEY))]
    )
    assert "Sending HTTP Request" in told
    assert "api.openai.com" not in told
    for secret in ("order", "Ava", KEY, "sk-wrong"):
        assert secret not in told
