"""The service with Deepgram behind it, fed by media frames: whatever becomes of its connections, no word is lost."""

from __future__ import annotations

import asyncio
import base64
import re
from pathlib import Path
from typing import Any

import pytest

from sidecar.adapters.deepgram_account import DeepgramAccount
from sidecar.adapters.recognisers.deepgram import deepgram_recogniser
from sidecar.adapters.recognisers.deepgram_stream import Limits
from sidecar.ports.recogniser import Traits
from tests.emulated_deepgram.ears import NumberedEar, numbered_speech, places
from tests.emulated_deepgram.server import KEY, Fault, running
from tests.numbered_recogniser import NumberedRecogniser
from tests.service import Service, media_frame, running_service, start_frame

pytestmark = pytest.mark.traced(False)  # its parts are shown one by one elsewhere

CALL = "CA" + "7" * 32
FRAME = 160
WORDS = 60
# A peer that tells nothing is left as soon as that; the call is said in three seconds.
NOT_LONG = Limits(answer_s=0.5, watch_s=0.05)


async def hear(service: Service) -> list[dict[str, Any]]:
    """A call in which all the words are said, ten times as fast as anybody speaks; its events."""
    token = await service.call(CALL)
    audio = numbered_speech(0, WORDS)
    async with await service.socket() as socket:
        await socket.send_str(start_frame(CALL, token))
        for n in range(len(audio) // FRAME):
            payload = base64.b64encode(audio[n * FRAME : (n + 1) * FRAME]).decode()
            await socket.send_str(media_frame(n, payload))
            await asyncio.sleep(0.002)
        await socket.send_str('{"event": "stop", "sequenceNumber": "9999"}')
        return await service.until("fork.stopped")


async def test_whatever_becomes_of_its_connections_every_word_is_in_the_transcript_once(tmp_path: Path) -> None:
    """Dropped, closed with 1011, refused with 429, then well: what one connection did not tell the next one hears."""
    faults = [Fault(drop_at=5_000), Fault(close_at=(4_000, 1011, "NET-0000")), Fault(refuse=429)]
    async with running(ear=NumberedEar) as (emulator, url):
        emulator.faults.extend(faults)
        async with (
            deepgram_recogniser(DeepgramAccount(KEY, url)) as recogniser,
            running_service(tmp_path, recogniser) as service,
        ):
            events = [(event["type"], event["data"]) for event in await hear(service)]
    finals = sorted((data for type_, data in events if type_ == "utterance.final"), key=lambda data: data["start_ms"])
    spoken = [word for data in finals for word in data["words"]]
    assert [word["text"] for word in spoken] == [f"w{number}" for number in range(WORDS)]
    said = [word.start_ms for word in places(0, WORDS)]
    base_ms = spoken[0]["start_ms"] - said[0]
    assert [word["start_ms"] - base_ms for word in spoken] == said
    assert not [data for type_, data in events if type_ == "transcript.gap"]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(refuse=401),
        Fault(refuse=429),
        Fault(close_at=(100, 1011, "NET-0000")),
        Fault(drop_at=100),
        Fault(silent=True),
    ],
    ids=["401", "429", "1011", "dropped", "silent"],
)
async def test_while_deepgram_fails_the_fallback_hears_every_word(tmp_path: Path, fault: Fault) -> None:
    """Refused, broken or silent before it said a word, each time it is asked: from the ring, nothing is missing."""
    fallback = NumberedRecogniser("second", traits=Traits(), jitter_ms=0)
    async with running(ear=NumberedEar) as (emulator, url):
        emulator.faults.extend([fault] * 50)
        async with (
            deepgram_recogniser(DeepgramAccount(KEY, url), limits=NOT_LONG) as recogniser,
            running_service(tmp_path, recogniser, fallback) as service,
        ):
            events = [(event["type"], event["data"]) for event in await hear(service)]
    finals = [data for type_, data in events if type_ == "utterance.final"]
    assert {data["engine"] for data in finals} == {"second"}
    finals.sort(key=lambda data: data["start_ms"])  # what is heard again may be told behind what is said now
    assert [int(number) for data in finals for number in re.findall(r"\d+", data["text"])] == list(range(WORDS))
    assert not [data for type_, data in events if type_ == "transcript.gap"]
