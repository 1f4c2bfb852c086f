"""``/v1/chat/completions``: answers as server-sent events, step by step, with every way in which they go wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Chunk = dict[str, Any]
ID = "chatcmpl-emulated"


@dataclass(frozen=True)
class Pause:
    """Nothing happens for so many seconds; a comment each ``comments_s``, as servers send to keep lines open."""

    seconds: float
    comments_s: float = 0.0


@dataclass(frozen=True)
class Stall:
    """Nothing happens any more, until the client goes."""


@dataclass(frozen=True)
class Drop:
    """The connection is gone in the middle of the answer."""


Step = Chunk | str | Pause | Stall | Drop
DONE = "data: [DONE]\n\n"


@dataclass(frozen=True)
class Reply:
    """What one request gets. ``steps``: chunks, and text that is sent as it is. ``stall``: not even a status."""

    steps: Iterable[Step] = ()
    status: int = 200
    body: Any = None  # instead of steps, for other statuses
    headers: Mapping[str, str] = field(default_factory=dict)
    stall: bool = False


Brain = Callable[[Mapping[str, Any]], Reply]


def chunk(delta: Mapping[str, Any] | None = None, finish: str | None = None, **more: Any) -> Chunk:
    """One chunk with one choice."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": ID, "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}


def text(*pieces: str) -> list[Step]:
    """An answer in pieces, as OpenAI sends it: the role first, with empty text."""
    return [chunk({"role": "assistant", "content": ""}), *(chunk({"content": piece}) for piece in pieces)]


def call(index: int | None, id_: str | None, name: str | None, *arguments: str | None) -> list[Step]:
    """A tool call whose arguments come in fragments; only the first has id and name."""
    steps: list[Step] = []
    for at, fragment in enumerate(arguments or ("",)):
        one: dict[str, Any] = {"function": {"arguments": fragment}}
        if index is not None:
            one["index"] = index
        if at == 0:
            one |= {"id": id_, "type": "function"}
            one["function"]["name"] = name
        steps.append(chunk({"tool_calls": [one]}))
    return steps


def usage(input_tokens: int, output_tokens: int) -> Chunk:
    """The chunk without a choice that ``stream_options`` asks for."""
    counted = {"prompt_tokens": input_tokens, "completion_tokens": output_tokens, "total_tokens": 1}
    return chunk() | {"choices": [], "usage": counted}


def whole(steps: Sequence[Step], finish: str = "stop") -> Reply:
    """The steps, and an end in order."""
    return Reply([*steps, chunk({}, finish), DONE])


def refusal(status: int, code: str, message: str = "No.", **headers: str) -> Reply:
    """An error as OpenAI tells it."""
    return Reply(status=status, body={"error": {"message": message, "type": code, "code": code}}, headers=headers)


def echo(asked: Mapping[str, Any]) -> Reply:
    """Says back what was said last, word by word; uses the first tool when it is told to."""
    last = asked["messages"][-1]
    if last["role"] == "user" and "use the tool" in last["content"] and asked.get("tools"):
        name = asked["tools"][0]["function"]["name"]
        reply = whole([*text("Yes."), *call(0, "call_a", name, '{"query": ', '"refund"}')], "tool_calls")
    else:
        words = str(last["content"]).split(" ")
        reply = whole(text("You said: ", *(f"{word} " for word in words[:-1]), words[-1]))
    if asked.get("stream_options", {}).get("include_usage"):
        *steps, done = reply.steps
        reply = Reply([*steps, usage(10, 5), done])
    return reply


def problem_of(asked: Any) -> str | None:
    """What OpenAI would say about a request's body; None: it is well."""
    if not isinstance(asked, dict) or not asked.get("model") or not asked.get("stream"):
        return "model and stream are needed"
    if asked.get("tools") == []:
        return "tools must not be empty"
    if unknown := set(asked) - {"model", "messages", "stream", "stream_options", "tools"}:
        return f"Unrecognized request argument: {', '.join(sorted(unknown))}"
    return _problem_of_messages(asked.get("messages") or [{"role": "none"}])


def _problem_of_messages(messages: Sequence[Mapping[str, Any]]) -> str | None:
    unanswered: set[str] = set()
    for message in messages:
        role, calls = message.get("role"), message.get("tool_calls")
        if role == "tool" and message.get("tool_call_id") in unanswered:
            unanswered.discard(message["tool_call_id"])
        elif unanswered or role == "tool":
            return "messages with 'tool_calls' and messages of role 'tool' must answer each other"
        elif role not in {"system", "user", "assistant"} or calls == []:
            return f"invalid message of role {role}"
        elif not isinstance(message.get("content"), str) and not calls:
            return "content must be a string"
        unanswered |= {call["id"] for call in calls or ()}
    return "tool calls are not answered" if unanswered else None


async def send(request: web.Request, reply: Reply) -> web.StreamResponse:
    """Play the steps of a reply."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8", **reply.headers})
    await response.prepare(request)
    for step in reply.steps:
        match step:
            case Pause(seconds, comments_s):
                for _ in range(round(seconds / comments_s) if comments_s else 1):
                    await asyncio.sleep(comments_s or seconds)
                    if comments_s:
                        await response.write(b": keep-alive\n\n")
            case Stall():
                await asyncio.Event().wait()
            case Drop():
                assert request.transport is not None
                request.transport.abort()
                return response
            case str():
                await response.write(step.encode())
            case _:
                await response.write(f"data: {json.dumps(step)}\n\n".encode())
    await response.write_eof()
    return response
