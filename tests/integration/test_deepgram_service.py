"""The service with Deepgram behind it, fed by media frames: no word goes missing without a gap."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

from sidecar.adapters.recognisers.deepgram import deepgram_recogniser
from sidecar.adapters.recognisers.deepgram_connection import DeepgramAccount
from tests.emulated_deepgram.ears import NumberedEar, numbered_speech, places
from tests.emulated_deepgram.server import KEY, Fault, running
from tests.service import Service, media_frame, running_service, start_frame

CALL = "CA" + "7" * 32
FRAME = 160
WORDS = 60


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


async def test_every_word_is_in_the_transcript_once_or_inside_a_gap(tmp_path: Path) -> None:
    """Dropped, closed, refused twice, then well: what was not heard is covered by a gap, to the word."""
    faults = [Fault(drop_at=5_000), Fault(close_at=(4_000, 1011, "NET-0000")), Fault(refuse=429), Fault(refuse=503)]
    async with running(ear=NumberedEar) as (emulator, url):
        emulator.faults.extend(faults)
        async with (
            deepgram_recogniser(DeepgramAccount(KEY, url)) as recogniser,
            running_service(tmp_path, recogniser) as service,
        ):
            events = [(event["type"], event["data"]) for event in await hear(service)]
    spoken = [word for type_, data in events if type_ == "utterance.final" for word in data["words"]]
    gaps = [data for type_, data in events if type_ == "transcript.gap"]
    numbers = [int(word["text"][1:]) for word in spoken]
    assert numbers == sorted(set(numbers))
    place = [word.start_ms for word in places(0, WORDS)]
    base_ms = spoken[0]["start_ms"] - place[numbers[0]]
    assert [word["start_ms"] - base_ms for word in spoken] == [place[number] for number in numbers]
    missing = sorted(set(range(WORDS)) - set(numbers))
    assert missing
    for number in missing:
        start_ms = base_ms + place[number]
        # One that was under way when somebody listened again lies in the gap with its beginning only.
        assert any(gap["from_ms"] <= start_ms < gap["to_ms"] for gap in gaps), f"word {number} is nowhere"
    assert {gap["reason"] for gap in gaps} == {"recogniser_failed", "recogniser_overloaded"}
    assert max(numbers) == WORDS - 1
