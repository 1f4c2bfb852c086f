"""Twilio's frames become typed messages; anything else becomes a typed error."""

from __future__ import annotations

import base64
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.wire.media_stream import (
    Ignored,
    Marked,
    Media,
    MediaStream,
    MediaStreamError,
    Started,
    Stopped,
    clear_frame,
    mark_frame,
    media_frame,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "twilio" / "media"
START = (GOLDEN / "start.json").read_bytes()
MEDIA = (GOLDEN / "media.json").read_bytes()


def started() -> MediaStream:
    """A stream whose start has come."""
    stream = MediaStream()
    stream.receive(START)
    return stream


def frame(**changes: Any) -> bytes:
    """The golden media frame with other fields in ``media``."""
    message = json.loads(MEDIA)
    message["media"] |= changes
    return json.dumps(message).encode()


def test_the_golden_stream_reads_as_twilio_documents_it() -> None:
    """connected, start, media, stop - as bytes and as text."""
    stream = MediaStream()
    assert stream.receive((GOLDEN / "connected.json").read_text()) == Ignored("connected")
    start = stream.receive(START)
    wanted = json.loads(START)["start"]
    assert start == Started(wanted["streamSid"], wanted["callSid"], wanted["customParameters"])
    media = json.loads(MEDIA)
    assert stream.receive(MEDIA) == Media(
        int(media["sequenceNumber"]), int(media["media"]["timestamp"]), base64.b64decode(media["media"]["payload"])
    )
    assert stream.receive((GOLDEN / "stop.json").read_bytes()) == Stopped()
    assert stream.stopped


@pytest.mark.parametrize("value", [1121, "1121", 1121.0])
def test_counters_come_as_strings_or_numbers(value: object) -> None:
    """Twilio sends strings; numbers mean the same."""
    message = started().receive(frame(timestamp=value))
    assert isinstance(message, Media)
    assert message.timestamp_ms == 1121


def test_a_mark_comes_back_by_its_name() -> None:
    """On two-way streams; before start it is out of order."""
    mark = (GOLDEN / "mark.json").read_bytes()
    assert started().receive(mark) == Marked("g2.m5")
    with pytest.raises(MediaStreamError) as refused:
        MediaStream().receive(mark)
    assert refused.value.code == "media_out_of_order"


@pytest.mark.parametrize(
    ("frame", "golden"),
    [
        (media_frame("MZ1", b"\x80"), "media"),
        (mark_frame("MZ1", "g1.m1"), "mark"),
        (clear_frame("MZ1"), "clear"),
    ],
)
def test_what_goes_to_twilio_has_exactly_its_fields(frame: str, golden: str) -> None:
    """Twilio refuses a field more or less."""
    wanted = json.loads((GOLDEN.parent / "to_twilio" / f"{golden}.json").read_text())
    got = json.loads(frame)
    assert got.keys() == wanted.keys()
    assert {name: got[name].keys() for name in got if isinstance(got[name], dict)} == {
        name: wanted[name].keys() for name in wanted if isinstance(wanted[name], dict)
    }


@given(st.binary(min_size=1, max_size=400), st.text(max_size=20))
def test_audio_and_names_go_out_as_they_are(audio: bytes, name: str) -> None:
    assert base64.b64decode(json.loads(media_frame("MZ1", audio))["media"]["payload"]) == audio
    assert json.loads(mark_frame("MZ1", name))["mark"]["name"] == name


def test_keys_and_new_events_are_ignored() -> None:
    """They do not belong on a fork, but harm nothing."""
    assert started().receive((GOLDEN / "dtmf.json").read_bytes()) == Ignored("dtmf")
    assert started().receive(b'{"event":"brand-new","x":{}}') == Ignored("brand-new")


def test_the_other_track_is_ignored() -> None:
    """What the caller hears must never be taken for what the caller says."""
    assert started().receive(frame(track="outbound")) == Ignored("media")


def test_start_without_parameters_has_none() -> None:
    """customParameters may be absent or empty."""
    message = json.loads(START)
    del message["start"]["customParameters"]
    got = MediaStream().receive(json.dumps(message).encode())
    assert isinstance(got, Started)
    assert got.parameters == {}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", "media_not_json"),
        (b"{", "media_not_json"),
        (b"\xff\xfe", "media_not_json"),
        (b'{"event":"media","x":' + b"[" * 5000, "media_not_json"),
        (b"null", "media_malformed"),
        (b"[]", "media_malformed"),
        (b"{}", "media_malformed"),
        (b'{"event":7}', "media_malformed"),
        (b'{"event":"media"}', "media_malformed"),
        (b'{"event":"media","media":{"payload":"!!","timestamp":"1"}}', "media_malformed"),
        (b'{"event":"media","media":{"payload":"/w==","timestamp":"x"}}', "media_malformed"),
        (b'{"event":"media","media":{"payload":"/w==","timestamp":"-1"}}', "media_malformed"),
        (b'{"event":"media","media":{"payload":"/w==","timestamp":1e400}}', "media_malformed"),
    ],
)
def test_a_wrong_frame_is_a_typed_error_and_the_stream_goes_on(text: bytes, code: str) -> None:
    """The caller may skip it: the next frame reads as if nothing had been."""
    stream = started()
    with pytest.raises(MediaStreamError) as caught:
        stream.receive(text)
    assert caught.value.code == code
    assert not caught.value.fatal
    assert isinstance(stream.receive(MEDIA), Media)


@pytest.mark.parametrize("early", ["media", "stop"])
def test_nothing_comes_before_start(early: str) -> None:
    """Audio of a stream that has not said whose it is is refused for good."""
    with pytest.raises(MediaStreamError) as caught:
        MediaStream().receive((GOLDEN / f"{early}.json").read_bytes())
    assert (caught.value.code, caught.value.fatal) == ("media_out_of_order", True)


def test_a_second_start_is_refused_for_good() -> None:
    """One stream, one call."""
    with pytest.raises(MediaStreamError) as caught:
        started().receive(START)
    assert (caught.value.code, caught.value.fatal) == ("media_out_of_order", True)


@pytest.mark.parametrize(
    "change", [{"encoding": "audio/x-l16"}, {"sampleRate": 16000}, {"channels": 2}, {"sampleRate": "8k"}]
)
def test_a_format_that_we_cannot_decode_is_refused(change: dict[str, object]) -> None:
    """Better no transcript than a wrong one."""
    message = json.loads(START)
    message["start"]["mediaFormat"] |= change
    stream = MediaStream()
    with pytest.raises(MediaStreamError):
        stream.receive(json.dumps(message).encode())
    assert not stream.started


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_any_bytes_or_text_end_in_a_message_or_a_typed_error(data: bytes | str) -> None:
    """Never a stray exception."""
    with contextlib.suppress(MediaStreamError):
        started().receive(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.sampled_from(["connected", "start", "media", "stop", "dtmf"]),
    st.dictionaries(
        st.sampled_from(["start", "media", "stop", "sequenceNumber", "streamSid"]),
        json_values | st.fixed_dictionaries({"payload": st.text(max_size=8), "timestamp": json_values}),
        max_size=4,
    ),
)
def test_any_json_under_a_known_event_ends_in_a_message_or_a_typed_error(event: str, fields: dict[str, object]) -> None:
    """Whatever the fields hold."""
    for stream in (MediaStream(), started()):
        with contextlib.suppress(MediaStreamError):
            stream.receive(json.dumps({"event": event} | fields).encode())


@given(st.binary(max_size=2000), st.integers(0, 2**40), st.integers(0, 2**40))
def test_audio_of_any_size_comes_through_unchanged(audio: bytes, sequence: int, timestamp: int) -> None:
    """20 ms frames are a habit of Twilio's, not a promise."""
    message = {
        "event": "media",
        "sequenceNumber": str(sequence),
        "media": {"track": "inbound", "timestamp": str(timestamp), "payload": base64.b64encode(audio).decode()},
    }
    assert started().receive(json.dumps(message).encode()) == Media(sequence, timestamp, audio)


@pytest.mark.parametrize("event", ["media", "start", "something-new"])
def test_json_that_is_nested_too_deeply_is_a_typed_error(event: str) -> None:
    """Within 64 KiB there is room for 30,000 levels; no decoder follows them."""
    with pytest.raises(MediaStreamError) as caught:
        MediaStream().receive(f'{{"event":"{event}","x":' + "[" * 30_000 + "]" * 30_000 + "}")
    assert caught.value.code in {"media_not_json", "media_malformed"}
