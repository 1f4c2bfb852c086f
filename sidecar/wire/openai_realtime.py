"""OpenAI's Realtime protocol (GA): what the server says as typed values, and what we say as text. No I/O.

https://platform.openai.com/docs/api-reference/realtime-server-events. Events that say nothing to us, unknown ones
among them, are Other. The names of the beta, which servers that imitate the protocol may still use, are understood.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

Event = dict[str, Any]


class EventUnreadable(ValueError):
    """No JSON, no type, or an event that we need without what it must have. Holds no content."""


class SessionCreated(msgspec.Struct, frozen=True):
    """The first event of a connection."""


class SessionUpdated(msgspec.Struct, frozen=True):
    """Our settings hold. ``formats``: of audio in and out, as far as the server tells them."""

    formats: tuple[str, ...]


class ResponseCreated(msgspec.Struct, frozen=True):
    """An answer begins. ``turn``: what we called it, if the server tells."""

    response: str
    turn: str


class AudioDelta(msgspec.Struct, frozen=True):
    """More audio of an answer's item, in the format of the session."""

    response: str
    item: str
    audio: bytes


class TextDelta(msgspec.Struct, frozen=True):
    """More of what the audio says, or of an answer in text."""

    response: str
    item: str
    text: str


class CallDone(msgspec.Struct, frozen=True):
    """The model asks for a tool. ``arguments``: JSON text as the model wrote it."""

    response: str
    id: str
    name: str
    arguments: str


class ResponseDone(msgspec.Struct, frozen=True):
    """An answer is over: completed, cancelled, incomplete or failed. ``why``: the reason, or the error's code."""

    response: str
    status: str
    why: str
    input_tokens: int | None
    output_tokens: int | None


class Problem(msgspec.Struct, frozen=True):
    """Something that we said was wrong. ``about``: the event_id of it, if the server tells."""

    code: str
    about: str


class Other(msgspec.Struct, frozen=True):
    """Nothing that we need to know."""

    type: str


ServerEvent = (
    SessionCreated
    | SessionUpdated
    | ResponseCreated
    | AudioDelta
    | TextDelta
    | CallDone
    | ResponseDone
    | Problem
    | Other
)


class _Typed(msgspec.Struct):
    type: str


class _Format(msgspec.Struct):
    type: str = ""


class _Direction(msgspec.Struct):
    format: _Format | None = None


class _Audio(msgspec.Struct):
    input: _Direction | None = None
    output: _Direction | None = None


class _Session(msgspec.Struct):
    audio: _Audio | None = None


class _SessionEvent(msgspec.Struct):
    session: _Session


class _Detail(msgspec.Struct):
    code: str | None = None
    type: str | None = None
    event_id: str | None = None


class _StatusDetails(msgspec.Struct):
    reason: str | None = None
    error: _Detail | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None


class _Metadata(msgspec.Struct):
    turn: str | None = None


class _Response(msgspec.Struct):
    id: str
    metadata: _Metadata | None = None
    status: str | None = None
    status_details: _StatusDetails | None = None
    usage: _Usage | None = None


class _ResponseEvent(msgspec.Struct):
    response: _Response


class _AudioDelta(msgspec.Struct):
    response_id: str
    item_id: str
    delta: bytes  # base64


class _TextDelta(msgspec.Struct):
    response_id: str
    item_id: str
    delta: str


class _Item(msgspec.Struct):
    type: str = ""
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None


class _ItemEvent(msgspec.Struct):
    response_id: str
    item: _Item


class _ErrorEvent(msgspec.Struct):
    error: _Detail


def read_event(message: bytes) -> ServerEvent:
    """One message of the server. Raises EventUnreadable."""
    try:
        kind = _TYPED.decode(message).type
        reader = _READERS.get(kind)
        return Other(kind) if reader is None else reader(message)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise EventUnreadable(type(error).__name__) from None


def _updated(message: bytes) -> ServerEvent:
    audio = msgspec.json.decode(message, type=_SessionEvent).session.audio or _Audio()
    formats = [side.format.type for side in (audio.input, audio.output) if side and side.format]
    return SessionUpdated(tuple(filter(None, formats)))


def _created(message: bytes) -> ServerEvent:
    response = msgspec.json.decode(message, type=_ResponseEvent).response
    return ResponseCreated(response.id, (response.metadata or _Metadata()).turn or "")


def _audio(message: bytes) -> ServerEvent:
    delta = _AUDIO.decode(message)
    return AudioDelta(delta.response_id, delta.item_id, delta.delta)


def _text(message: bytes) -> ServerEvent:
    delta = _TEXT.decode(message)
    return TextDelta(delta.response_id, delta.item_id, delta.delta)


def _item(message: bytes) -> ServerEvent:
    event = msgspec.json.decode(message, type=_ItemEvent)
    item = event.item
    if item.type != "function_call" or not item.call_id or not item.name:
        return Other("response.output_item.done")
    return CallDone(event.response_id, item.call_id, item.name, item.arguments or "")


def _done(message: bytes) -> ServerEvent:
    response = msgspec.json.decode(message, type=_ResponseEvent).response
    details, usage = response.status_details or _StatusDetails(), response.usage or _Usage()
    error = details.error or _Detail()
    why = details.reason or error.code or error.type or ""
    return ResponseDone(response.id, response.status or "completed", why, usage.input_tokens, usage.output_tokens)


def _problem(message: bytes) -> ServerEvent:
    error = msgspec.json.decode(message, type=_ErrorEvent).error
    return Problem(error.code or error.type or "", error.event_id or "")


_TYPED = msgspec.json.Decoder(_Typed)
_AUDIO = msgspec.json.Decoder(_AudioDelta)
_TEXT = msgspec.json.Decoder(_TextDelta)
_READERS: dict[str, Callable[[bytes], ServerEvent]] = {
    "session.created": lambda _: SessionCreated(),
    "session.updated": _updated,
    "response.created": _created,
    "response.output_audio.delta": _audio,
    "response.output_audio_transcript.delta": _text,
    "response.output_text.delta": _text,
    "response.output_item.done": _item,
    "response.done": _done,
    "error": _problem,
    # the beta
    "response.audio.delta": _audio,
    "response.audio_transcript.delta": _text,
    "response.text.delta": _text,
}

PCMU = "audio/pcmu"


def session_update(*, instructions: str, voice: str, tools: Sequence[Event], event_id: str) -> str:
    """Our settings. Mu-law straight through, and neither an answer nor an interruption without us.

    No transcription of what is heard: each participant's fork does that better.
    """
    heard: Event = {
        "format": {"type": PCMU},
        "turn_detection": {"type": "server_vad", "create_response": False, "interrupt_response": False},
    }
    session: Event = {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": instructions,
        "audio": {"input": heard, "output": {"format": {"type": PCMU}, "voice": voice}},
        "tools": list(tools),
        "tool_choice": "auto",
    }
    return _told({"type": "session.update", "event_id": event_id, "session": session})


def append(audio: bytes) -> str:
    """More of what is heard."""
    return f'{{"type":"input_audio_buffer.append","audio":"{base64.b64encode(audio).decode()}"}}'


def item_create(item: Mapping[str, Any]) -> str:
    """A message, a call or its answer enters the conversation."""
    return _told({"type": "conversation.item.create", "item": item})


def item_truncate(item_id: str, audio_end_ms: int) -> str:
    """Only so much of a spoken item was heard; the server forgets its text too. Not more than there is of it."""
    return _told(
        {"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": audio_end_ms}
    )


def item_delete(item_id: str) -> str:
    """An item was not heard at all."""
    return _told({"type": "conversation.item.delete", "item_id": item_id})


def response_create(turn: str, instructions: str = "") -> str:
    """Answer now. ``turn``: its event_id, too. ``instructions``: in the place of the session's, for this answer."""
    response: Event = {"metadata": {"turn": turn}}
    if instructions:
        response["instructions"] = instructions
    return _told({"type": "response.create", "event_id": turn, "response": response})


def response_cancel(response_id: str) -> str:
    """Stop the answer."""
    return _told({"type": "response.cancel", "response_id": response_id})


def message_item(role: str, text: str) -> Event:
    """A message in text. What the assistant said is output, all else input."""
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def call_item(call_id: str, name: str, arguments: str) -> Event:
    """That a tool was asked for."""
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}


def call_output_item(call_id: str, output: str) -> Event:
    """What a tool answered."""
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def function_tool(name: str, description: str, parameters: Mapping[str, Any]) -> Event:
    """A tool that may be asked for."""
    return {"type": "function", "name": name, "description": description, "parameters": dict(parameters)}


def _told(event: Event) -> str:
    return msgspec.json.encode(event).decode()
