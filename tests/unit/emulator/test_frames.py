"""Frames of a media stream, against the golden ones."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sidecar.emulator.frames import FrameWriter

GOLDEN = Path(__file__).parents[2] / "golden" / "twilio" / "media"


def golden(name: str) -> dict[str, Any]:
    frame: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text())
    return frame


def writer() -> FrameWriter:
    start = golden("start")["start"]
    return FrameWriter(account_sid=start["accountSid"], call_sid=start["callSid"], stream_sid=start["streamSid"])


def test_a_stream_spells_the_golden_frames() -> None:
    """connected, start, three times media, stop: the last ones equal the files, and only connected has no number."""
    frames, start, media = writer(), golden("start")["start"], golden("media")["media"]
    payload = media["payload"].encode()
    assert json.loads(frames.connected()) == golden("connected")
    assert json.loads(frames.start(tracks=start["tracks"], parameters=start["customParameters"])) == golden("start")
    for timestamp_ms in (0, 20):
        frames.media("inbound", timestamp_ms, payload)
    assert json.loads(frames.media("inbound", 40, payload)) == golden("media")
    assert json.loads(frames.stop()) == golden("stop")


def test_a_two_way_stream_spells_marks_and_keys() -> None:
    """The golden frames, numbered with the rest."""
    frames = writer()
    for _ in range(60):
        frames.media("inbound", 0, b"")
    assert json.loads(frames.dtmf("7")) == golden("dtmf")
    assert json.loads(frames.mark("g2.m5")) == golden("mark")


def test_both_tracks_share_one_chunk_counter() -> None:
    """As in Twilio's own sample of a stream with two tracks."""
    frames = writer()
    pair = [json.loads(frames.media(track, 0, b"")) for track in ("outbound", "inbound")]
    assert [(frame["media"]["track"], frame["media"]["chunk"]) for frame in pair] == [
        ("outbound", "1"),
        ("inbound", "2"),
    ]


@given(st.dictionaries(st.text(), st.text()), st.binary(max_size=320), st.integers(0, 10**9))
def test_any_parameters_and_any_audio_survive(parameters: dict[str, str], audio: bytes, timestamp_ms: int) -> None:
    """Quotes, line ends and foreign letters in parameters are JSON; the payload comes back byte by byte."""
    frames = writer()
    start = json.loads(frames.start(tracks=["inbound"], parameters=parameters))
    media = json.loads(frames.media("inbound", timestamp_ms, base64.b64encode(audio)))
    assert start["start"]["customParameters"] == parameters
    assert base64.b64decode(media["media"]["payload"]) == audio
    assert media["media"]["timestamp"] == str(timestamp_ms)
