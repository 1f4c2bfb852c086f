"""One conversation, held by each runtime over real sockets: Twilio's emulated, OpenAI's emulated, the service between.

A tool is used, an answer is interrupted, sockets are lost; what was said and heard before is known afterwards.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.book_call import book_call
from tests.emulated_openai import chat
from tests.emulated_openai.realtime import Event, Talk
from tests.emulated_openai.server import KEY, MODEL, EmulatedOpenai, running

ORDER = "My order number is seven three five two nine."
QUESTION = "Ava, what is the order number?"
RECAP = "Ava, give us a recap."
OBJECTION = "No, that is not what I wanted."
STILL_THERE = "Ava, are you still there?"
LONG = (
    "The customer has told us his order number. The agent has asked me what it is. After that I have said it to both."
)
CALL: Event = {"name": "search_transcript", "arguments": '{"query": "my order number"}'}


def thought(question: str, found: str) -> str | Event:
    """What either model says. ``found``: by the tool, "" before it was used."""
    if "recap" in question:
        return LONG
    if "still there" in question:
        return "Yes, I am here."
    number = re.search(r"My order number is ([a-z ]+)\.", found)
    return f"It is {number[1]}." if number else CALL


def hearing(talk: Talk, _: Event) -> list[str | Event]:
    """The realtime model, by what it was told and the tool's newest answer behind it."""
    question = found = ""
    for item in talk.items.values():
        if item["type"] == "function_call_output":
            found = item["output"]
        elif item["type"] == "message" and item["role"] == "user" and "Ava, " in item["content"][0]["text"]:
            question, found = item["content"][0]["text"].rpartition("Ava, ")[2], ""
    return [thought(question, found)]


def reading(asked: Mapping[str, Any]) -> chat.Reply:
    """The chat model."""
    last = asked["messages"][-1]
    found = last["content"] if last["role"] == "tool" else ""
    questions = [one["content"] for one in asked["messages"] if one["role"] == "user"]
    answer = thought(questions[-1].rpartition("Ava, ")[2], found)
    if isinstance(answer, str):
        return chat.whole(chat.text(*re.findall(r"\S+\s*", answer)))
    return chat.whole(chat.call(0, "call_1", answer["name"], answer["arguments"]), "tool_calls")


@pytest.mark.parametrize("runtime", ["cascade", "openai-realtime"])
async def test_a_conversation_survives_an_interruption_and_lost_sockets(tmp_path: Path, runtime: str) -> None:
    """The panel knows who answers; the transcript has what was heard, and the model knows no more than that."""
    phrases = ORDER, QUESTION, RECAP, OBJECTION, STILL_THERE
    async with running() as (openai, url):
        openai.brain, openai.realtime.brain = reading, hearing
        variables = {
            "SIDECAR_ASSISTANT": runtime, "OPENAI_BASE_URL": url, "OPENAI_API_KEY": KEY, "SIDECAR_LLM_MODEL": MODEL,
        }  # fmt: skip
        async with book_call(tmp_path, *phrases, **variables) as call, call.service():
            await call.begin()
            one = await call.invite(announce="none", audience="agent")
            await call.says("customer", ORDER)
            await call.told("utterance.final")

            await call.says("agent", QUESTION)
            turn = await call.told("assistant.turn")
            assert (turn["heard"], turn["outcome"]) == ("It is seven three five two nine.", "completed")
            assert turn["tools"] == [{"name": "search_transcript", "outcome": "done"}]
            thinks = "openai-compatible" if runtime == "cascade" else runtime
            assert turn["chat_model"] == thinks
            engines = (await call.state(one))["engines"]
            assert engines == {
                "answers": thinks, "exact_words": "openai", "in_words": "openai-compatible", "problem": None,
            }  # fmt: skip

            await call.says("agent", RECAP)
            await call.until_speaking()
            await asyncio.sleep(1.5)
            await call.says("agent", OBJECTION)
            cut = await call.told("assistant.turn", 2)
            assert cut["outcome"] == "interrupted"
            assert cut["heard"]
            assert f"{LONG} ".startswith(f"{cut['heard']} ")
            assert cut["heard"] != LONG

            await call.cut(one)
            if runtime == "openai-realtime":
                await lose_model(openai)
            await call.until_state(one, "joining")
            await call.until_state(one, "listening")
            await call.says("agent", STILL_THERE)
            turn = await call.told("assistant.turn", 3)
            assert (turn["heard"], turn["outcome"], turn["chat_model"]) == ("Yes, I am here.", "completed", thinks)
            lines = (await call.line.service.get(f"{call.conference}/utterances"))["data"]
            assert [line["text"] for line in lines if line["cut"]] == [cut["heard"]]
            knows(openai, cut["heard"], realtime=runtime == "openai-realtime")


async def lose_model(openai: EmulatedOpenai) -> None:
    """Its connection is gone; another comes by itself."""
    [socket] = openai.realtime.sockets
    transport = socket._req.transport if socket._req is not None else None
    assert transport is not None
    transport.abort()
    await openai.until(lambda: len(openai.realtime.talks) == 2 and bool(openai.realtime.talks[1].items))


def knows(openai: EmulatedOpenai, heard: str, *, realtime: bool) -> None:
    """What the model was told for its last answer: who said what, and its own words as far as they were heard."""
    if realtime:
        before, after = openai.realtime.talks
        told = "\n".join(after.texts)
        assert len(before.truncated) == 1
        assert before.problems == after.problems == []
        assert set(before.audio) - {0xFF}, "it heard the call"
        assert f"assistant: {heard}" in after.texts
    else:
        asked = [request.body for request in openai.requests if request.path.endswith("/chat/completions")][-1]
        told = "\n".join(one["content"] for one in asked["messages"] if one["content"])
        assert {"role": "assistant", "content": heard} in asked["messages"]
    assert f"Customer (customer): {ORDER}" in told
    assert "You could neither hear nor be heard" in told
    assert LONG not in told
