"""``/v1/realtime``: a model that hears and speaks, strict about the GA protocol, and every way in which it goes wrong.

It speaks mu-law faster than real time, says that it heard audio, and never answers by itself.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from tests.emulated_speech import MS_PER_CHARACTER

Event = dict[str, Any]
TOLD_AT_ONCE_MS = 200  # audio in one delta
SPEED = 8.0  # times real time
BYTE = b"\x90"  # a steady level, no silence
BETA = {
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
}


@dataclass(frozen=True)
class RealtimeFault:
    """What goes wrong on one connection. Times are ms of an answer's audio."""

    refuse: int = 0  # HTTP status instead of the upgrade
    stall_handshake: bool = False
    mute: bool = False  # upgrades, and says nothing at all
    ignore_settings: bool = False  # never says session.updated
    refuse_settings: str = ""  # an error's code instead
    other_format: bool = False  # takes pcm for granted
    beta_names: bool = False
    strange_events: bool = False  # unknown types, no JSON, and events without their fields, between all others
    stall_at: int | None = None  # in an answer: nothing more comes
    drop_at: int | None = None  # in an answer: the TCP connection is gone
    close_at: int | None = None  # in an answer: closes, as at the end of an hour
    fail_at: int | None = None  # in an answer: response.done with status failed
    limited: tuple[str, ...] = ()  # the next answers are over a limit, which is told as an "error" or when "done"
    incomplete: str = ""  # the reason why each answer is not whole
    cancel_is_slow_s: float = 0.0
    stuck: bool = False  # reads nothing more once it is set up
    answers_by_itself: bool = False


@dataclass
class Talk:
    """What one client did. ``items``: of the conversation, as it is now."""

    query: dict[str, str]
    headers: dict[str, str] = field(repr=False)
    settings: list[Event] = field(default_factory=list)
    items: dict[str, Event] = field(default_factory=dict)
    audio: bytearray = field(default_factory=bytearray)
    appends: int = 0
    responses: list[Event] = field(default_factory=list)  # what was asked for
    cancelled: list[str] = field(default_factory=list)
    truncated: dict[str, int] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)  # codes that the client was told
    open: bool = False
    close_code: int | None = None

    @property
    def texts(self) -> list[str]:
        """All messages in text, with their roles."""
        return [
            f"{item['role']}: {item['content'][0].get('text', '')}"
            for item in self.items.values()
            if item["type"] == "message" and item["content"]
        ]


Brain = Callable[[Talk, Event], list[str | Event]]
"""What is said to a response.create: texts, each an item of its own, and function calls {"name", "arguments"}."""


def echo(talk: Talk, _: Event) -> list[str | Event]:
    """Says what it was told last; uses the first tool when it is told to."""
    told = [text for text in talk.texts if not text.startswith("assistant")]
    last = told[-1].partition(": ")[2] if told else "nothing"
    if "use the tool" in last:
        return [{"name": talk.settings[-1]["tools"][0]["name"], "arguments": '{"query": "refund"}'}]
    return [f"You said: {last}"]


class RealtimeServer:
    """``faults``: for the next connections, one each. ``talks``: all so far."""

    def __init__(self, key: str, tell: Callable[[], Any]) -> None:
        self.brain: Brain = echo
        self.faults: list[RealtimeFault] = []
        self.talks: list[Talk] = []
        self.sockets: list[web.WebSocketResponse] = []
        self._key = key
        self._tell = tell

    async def end(self, code: str, close_code: int) -> None:
        """All sessions are over: an error, and a close frame behind it."""
        for socket in self.sockets:
            if not socket.closed:
                error = {"type": "server_error", "code": code, "message": "Secret words.", "event_id": None}
                await socket.send_json({"type": "error", "error": error})
                await socket.close(code=close_code)

    def drop(self) -> None:
        """All connections are gone, without a word."""
        for socket in self.sockets:
            transport = socket._req.transport if socket._req is not None else None
            if transport is not None:
                transport.abort()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The route."""
        fault = self.faults.pop(0) if self.faults else RealtimeFault()
        talk = Talk(dict(request.query), dict(request.headers))
        self.talks.append(talk)
        await self._tell()
        if fault.stall_handshake:
            await asyncio.Event().wait()
        if fault.refuse:
            return web.json_response({"error": {"code": "x"}}, status=fault.refuse, headers={"x-request-id": "req_1"})
        if request.headers.get("Authorization") != f"Bearer {self._key}":
            return web.json_response({"error": {"code": "invalid_api_key"}}, status=401)
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        self.sockets.append(socket)
        talk.open = True
        try:
            async with asyncio.TaskGroup() as tasks:
                await _Session(self, request, socket, talk, tasks).run(fault)
        finally:
            talk.open, talk.close_code = False, socket.close_code
            await self._tell()
        return socket


class _Session:
    def __init__(
        self,
        server: RealtimeServer,
        request: web.Request,
        socket: web.WebSocketResponse,
        talk: Talk,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._server, self._request, self._socket = server, request, socket
        self._talk, self._tasks = talk, tasks
        self._fault = RealtimeFault()
        self._answering: asyncio.Task[None] | None = None
        self._response = ""
        self._audio_ms: dict[str, int] = {}  # by item
        self._limited: list[str] = []
        self._ids = 0

    async def run(self, fault: RealtimeFault) -> None:
        """Until the client leaves."""
        self._fault, self._limited = fault, list(fault.limited)
        if fault.mute:
            await asyncio.Event().wait()
        await self._say({"type": "session.created", "session": {"type": "realtime", "model": "m"}})
        async for message in self._socket:
            if message.type is WSMsgType.TEXT:
                await self._obey(json.loads(message.data))
                await self._server._tell()
            if fault.stuck and self._talk.settings:
                await asyncio.Event().wait()
        if self._answering is not None:
            self._answering.cancel()

    async def _obey(self, event: Event) -> None:
        talk = self._talk
        match event["type"]:
            case "session.update":
                await self._set(event)
            case "input_audio_buffer.append":
                talk.audio += base64.b64decode(event["audio"], validate=True)
                talk.appends += 1
            case "conversation.item.create":
                await self._create(event)
            case "conversation.item.truncate":
                await self._truncate(event)
            case "conversation.item.delete" if event["item_id"] in talk.items:
                del talk.items[event["item_id"]]
                talk.deleted.append(event["item_id"])
                await self._say({"type": "conversation.item.deleted", "item_id": event["item_id"]})
            case "response.create":
                await self._respond(event)
            case "response.cancel":
                await self._cancel(event)
            case _:
                await self._object("invalid_value", event)

    async def _set(self, event: Event) -> None:
        session = event["session"]
        audio = session.get("audio", {})
        turns = audio.get("input", {}).get("turn_detection") or {}
        formats = [audio.get(side, {}).get("format", {}).get("type") for side in ("input", "output")]
        known = {"type", "output_modalities", "instructions", "audio", "tools", "tool_choice"}
        if session.get("type") != "realtime" or set(session) - known or set(formats) - {"audio/pcmu", "audio/pcm"}:
            await self._object("invalid_value", event)
            return
        if turns.get("create_response") is not False or turns.get("interrupt_response") is not False:
            await self._object("it_would_answer_by_itself", event)
            return
        if self._fault.refuse_settings:
            await self._object(self._fault.refuse_settings, event)
            return
        self._talk.settings.append(session)
        told = dict(session)
        if self._fault.other_format:
            told["audio"] = {"input": {"format": {"type": "audio/pcm"}}, "output": {"format": {"type": "audio/pcm"}}}
        if not self._fault.ignore_settings:
            await self._say({"type": "session.updated", "session": told})
        if self._fault.answers_by_itself:
            await self._respond({"type": "response.create"})

    async def _create(self, event: Event) -> None:
        item = dict(event["item"])
        calls = {item["call_id"] for item in self._talk.items.values() if item["type"] == "function_call"}
        kind = {"assistant": "output_text", "user": "input_text", "system": "input_text"}.get(item.get("role", ""))
        if item["type"] == "message" and [part["type"] for part in item["content"]] != [kind]:
            await self._object("invalid_value", event)
        elif item["type"] == "function_call_output" and item["call_id"] not in calls:
            await self._object("item_create_invalid_call_id", event)
        else:
            await self._add(item)

    async def _add(self, item: Event) -> str:
        item_id = self._new("item")
        self._talk.items[item_id] = item
        await self._say({"type": "conversation.item.added", "item": item | {"id": item_id}})
        return item_id

    async def _truncate(self, event: Event) -> None:
        item, until = event["item_id"], event["audio_end_ms"]
        if item not in self._audio_ms or until > self._audio_ms[item]:
            await self._object("invalid_value", event)
            return
        self._talk.truncated[item] = until
        self._talk.items[item]["content"] = []
        await self._say({"type": "conversation.item.truncated", "item_id": item, "audio_end_ms": until})

    async def _cancel(self, event: Event) -> None:
        wanted = event.get("response_id")
        if not self._response or wanted not in (None, self._response):
            await self._object("response_cancel_not_active", event)
            return
        assert self._answering is not None
        await asyncio.sleep(self._fault.cancel_is_slow_s)
        self._answering.cancel()
        self._talk.cancelled.append(self._response)
        await self._done("cancelled", reason="client_cancelled")

    async def _respond(self, event: Event) -> None:
        if self._response:
            await self._object("conversation_already_has_active_response", event)
            return
        asked = event.get("response", {})
        self._talk.responses.append(asked)
        limit = self._limited.pop(0) if self._limited else ""
        if limit == "error":
            await self._object("rate_limit_exceeded", event)
            return
        self._response = self._new("resp")
        created = {"id": self._response, "status": "in_progress", "metadata": asked.get("metadata")}
        await self._say({"type": "response.created", "response": created})
        left = {"name": "tokens", "limit": 40_000, "remaining": 0 if limit else 30_000, "reset_seconds": 1.5}
        await self._say({"type": "rate_limits.updated", "rate_limits": [left]})
        if limit == "done":
            await self._done("failed", error="rate_limit_exceeded")
            return
        said = self._server.brain(self._talk, asked)
        self._answering = self._tasks.create_task(self._answer(said), name="emulated-answer")

    async def _answer(self, said: list[str | Event]) -> None:
        told_ms = 0
        for part in said:
            if isinstance(part, str):
                told_ms = await self._speak(part, told_ms)
            else:
                call = {"type": "function_call", "call_id": self._new("call"), **part}
                self._talk.items[self._new("item")] = call
                await self._say({"type": "response.output_item.done", "response_id": self._response, "item": call})
        if self._fault.incomplete:
            await self._done("incomplete", reason=self._fault.incomplete)
        else:
            await self._done("completed")

    async def _speak(self, text: str, told_ms: int) -> int:
        item = await self._add(
            {"type": "message", "role": "assistant", "content": [{"type": "output_audio", "text": text}]}
        )
        self._audio_ms[item] = 0
        about = {"response_id": self._response, "item_id": item, "output_index": 0, "content_index": 0}
        length_ms, told = len(text) * MS_PER_CHARACTER, 0
        for at in range(0, length_ms, TOLD_AT_ONCE_MS):
            await self._stumble(told_ms + at)
            piece_ms = min(TOLD_AT_ONCE_MS, length_ms - at)
            until = len(text) * (at + piece_ms) // length_ms
            await self._say({"type": "response.output_audio_transcript.delta", "delta": text[told:until], **about})
            self._audio_ms[item] += piece_ms
            audio = base64.b64encode(BYTE * (piece_ms * 8)).decode()
            await self._say({"type": "response.output_audio.delta", "delta": audio, **about})
            told = until
            await asyncio.sleep(piece_ms / 1000 / SPEED)
        done = {"type": "message", "role": "assistant", "content": []}
        await self._say({"type": "response.output_item.done", "response_id": self._response, "item": done})
        return told_ms + length_ms

    async def _stumble(self, at_ms: int) -> None:
        fault = self._fault
        if fault.stall_at is not None and at_ms >= fault.stall_at:
            await asyncio.Event().wait()
        if fault.drop_at is not None and at_ms >= fault.drop_at:
            assert self._request.transport is not None
            self._request.transport.abort()
        if fault.close_at is not None and at_ms >= fault.close_at:
            await self._say({"type": "error", "error": {"type": "invalid_request_error", "code": "session_expired"}})
            await self._socket.close(code=1001)
        if fault.fail_at is not None and at_ms >= fault.fail_at:
            await self._done("failed", error="server_error")
            await asyncio.Event().wait()

    async def _done(self, status: str, *, reason: str = "", error: str = "") -> None:
        response, self._response = self._response, ""
        details = {"type": status, "reason": reason or None, "error": {"code": error} if error else None}
        usage = {"input_tokens": 30, "output_tokens": 20, "total_tokens": 50}
        done = {"id": response, "status": status, "status_details": details, "usage": usage}
        await self._say({"type": "response.done", "response": done})
        await self._server._tell()

    async def _object(self, code: str, event: Event) -> None:
        self._talk.problems.append(code)
        about = event.get("event_id")
        error = {"type": "invalid_request_error", "code": code, "message": "Secret words.", "event_id": about}
        await self._say({"type": "error", "error": error})

    def _new(self, kind: str) -> str:
        self._ids += 1
        return f"{kind}_{self._ids}"

    async def _say(self, event: Event) -> None:
        if self._fault.beta_names:
            event = event | {"type": BETA.get(event["type"], event["type"])}
        if self._fault.strange_events:
            for strange in (
                '{"type": "rate_limits.new", "delta": {"a": 1}}',
                "{half",
                "[]",
                '{"type": "response.done"}',
            ):
                await self._send(strange)
        await self._send(json.dumps(event))

    async def _send(self, text: str) -> None:
        with contextlib.suppress(ConnectionResetError):  # the client is gone; reading ends too
            await self._socket.send_str(text)
