"""What a service says on a two-way stream, against the golden frames."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.emulator.streams.messages import Clear, Mark, Media, MessageMalformed, read_message

GOLDEN = Path(__file__).parents[3] / "golden" / "twilio" / "to_twilio"
SID = "MZ5e11a0c94fd24b0e8c3a6d7b90f1a2c3"


def golden(name: str) -> str:
    return (GOLDEN / f"{name}.json").read_text()


def test_the_golden_messages_are_read() -> None:
    """All three."""
    assert read_message(golden("media"), SID) == Media(base64.b64decode("/v7+/v7+/v4="))
    assert read_message(golden("mark"), SID) == Mark("g2.m5")
    assert read_message(golden("clear"), SID) == Clear()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "clear",
        "[]",
        "{}",
        '{"event":"clear"}',
        '{"event":"clear","streamSid":7}',
        '{"event":"clear","streamSid":"MZ0"}',
        '{"event":"clear","streamSid":"%s","now":true}',
        '{"event":"stop","streamSid":"%s"}',
        '{"event":"mark","streamSid":"%s"}',
        '{"event":"mark","streamSid":"%s","mark":"g2.m5"}',
        '{"event":"mark","streamSid":"%s","mark":{"name":5}}',
        '{"event":"media","streamSid":"%s","media":{"payload":"not base64"}}',
        '{"event":"media","streamSid":"%s","media":{"payload":"é"}}',
        '{"event":"media","streamSid":"%s","media":{"payload":"/v7+","track":"outbound"}}',
        '{"event":"media","streamSid":"%s","sequenceNumber":"1","media":{"payload":"/v7+"}}',
    ],
)
def test_a_field_more_or_less_or_of_another_kind_is_malformed(text: str) -> None:
    """So are other streams' ids and other events."""
    with pytest.raises(MessageMalformed):
        read_message(text.replace("%s", SID), SID)


@given(st.text() | st.recursive(st.text() | st.integers(), lambda v: st.dictionaries(st.text(), v)).map(json.dumps))
def test_any_text_is_a_message_or_the_one_error(text: str) -> None:
    """Never another exception."""
    try:
        read_message(text, SID)
    except MessageMalformed:
        return


@given(st.binary(), st.text())
def test_any_audio_and_any_name_come_through(audio: bytes, name: str) -> None:
    """Byte by byte."""
    payload = base64.b64encode(audio).decode()
    assert read_message(json.dumps({"event": "media", "streamSid": SID, "media": {"payload": payload}}), SID) == Media(
        audio
    )
    assert read_message(json.dumps({"event": "mark", "streamSid": SID, "mark": {"name": name}}), SID) == Mark(name)
