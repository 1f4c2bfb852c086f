"""OpenAI's Realtime events: what we need is read, the rest is passed over, nothing is ever a stray error."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.wire import openai_realtime as wire
from sidecar.wire.openai_realtime import (
    AudioDelta,
    CallDone,
    EventUnreadable,
    Other,
    Problem,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
    TextDelta,
    read_event,
)

TYPES = [
    "session.created", "session.updated", "response.created", "response.output_audio.delta", "response.audio.delta",
    "response.output_audio_transcript.delta", "response.output_text.delta", "response.output_item.done",
    "response.done", "error",
]  # fmt: skip
FIELDS = [
    "type",
    "response",
    "response_id",
    "item",
    "item_id",
    "delta",
    "session",
    "audio",
    "error",
    "id",
    "code",
    "usage",
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=15,
)


def read(event: dict[str, Any]) -> ServerEvent:
    return read_event(json.dumps(event).encode())


DELTA = {"response_id": "r", "item_id": "i"}
PCMU = {"format": {"type": "audio/pcmu"}}


@pytest.mark.parametrize(
    ("event", "meaning"),
    [
        ({"type": "session.created", "session": 5}, SessionCreated()),
        (
            {"type": "session.updated", "session": {"audio": {"input": PCMU, "output": None}}},
            SessionUpdated(("audio/pcmu",)),
        ),
        ({"type": "session.updated", "session": {}}, SessionUpdated(())),
        ({"type": "response.created", "response": {"id": "r", "metadata": {"turn": "t"}}}, ResponseCreated("r", "t")),
        ({"type": "response.created", "response": {"id": "r", "metadata": None}}, ResponseCreated("r", "")),
        ({"type": "response.output_audio.delta", "delta": "/w==", **DELTA}, AudioDelta("r", "i", b"\xff")),
        ({"type": "response.audio.delta", "delta": "", **DELTA}, AudioDelta("r", "i", b"")),
        ({"type": "response.output_audio_transcript.delta", "delta": "Hé", **DELTA}, TextDelta("r", "i", "Hé")),
        ({"type": "response.text.delta", "delta": "a", **DELTA}, TextDelta("r", "i", "a")),
        (
            {
                "type": "response.output_item.done",
                "response_id": "r",
                "item": {"type": "function_call", "call_id": "c", "name": "leave", "arguments": "{"},
            },
            CallDone("r", "c", "leave", "{"),
        ),
        (
            {"type": "response.output_item.done", "response_id": "r", "item": {"type": "message"}},
            Other("response.output_item.done"),
        ),
        (
            {"type": "response.done", "response": {"id": "r", "status": "completed", "usage": {"input_tokens": 3}}},
            ResponseDone("r", "completed", "", 3, None),
        ),
        (
            {
                "type": "response.done",
                "response": {"id": "r", "status": "failed", "status_details": {"error": {"code": "server_error"}}},
            },
            ResponseDone("r", "failed", "server_error", None, None),
        ),
        ({"type": "error", "error": {"type": "t", "code": None, "event_id": "e"}}, Problem("t", "e")),
        ({"type": "rate_limits.updated", "delta": {}}, Other("rate_limits.updated")),
    ],
)
def test_an_event_means_what_the_vendor_says(event: dict[str, Any], meaning: ServerEvent) -> None:
    assert read(event) == meaning


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"type": 5}',
        b'{"type": "response.done"}',
        b'{"type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "delta": "no base64!"}',
        b'{"type": "error", "error": "secret"}',
        b"[" * 100_000,
    ],
)
def test_what_lacks_what_we_need_is_unreadable_and_its_content_is_not_told(message: bytes) -> None:
    with pytest.raises(EventUnreadable) as unreadable:
        read_event(message)
    assert "secret" not in str(unreadable.value)


@given(st.sampled_from(TYPES) | st.text(max_size=5), st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=6))
def test_any_event_is_read_or_unreadable(kind: str, fields: dict[str, Any]) -> None:
    try:
        event = read(fields | {"type": kind})
    except EventUnreadable:
        return
    assert isinstance(event, ServerEvent)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_unreadable(message: bytes) -> None:
    with contextlib.suppress(EventUnreadable):
        read_event(message)


@given(st.binary(max_size=400))
def test_audio_goes_out_as_it_is(audio: bytes) -> None:
    event = json.loads(wire.append(audio))
    assert event["type"] == "input_audio_buffer.append"
    assert base64.b64decode(event["audio"], validate=True) == audio


def test_what_is_told_has_the_shapes_of_the_protocol() -> None:
    """Quotes, line breaks and other alphabets in texts change nothing."""
    text = 'He said: "no"\n\u2028, über'
    assert json.loads(wire.item_create(wire.message_item("assistant", text))) == {
        "type": "conversation.item.create",
        "item": {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]},
    }
    assert wire.message_item("system", text)["content"][0]["type"] == "input_text"
    assert json.loads(wire.response_create("turn_1")) == {
        "type": "response.create",
        "event_id": "turn_1",
        "response": {"metadata": {"turn": "turn_1"}},
    }
    assert json.loads(wire.item_truncate("i", 5))["audio_end_ms"] == 5
