"""Pausing transcription, over the real sockets: what was said meanwhile is nowhere."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import aiohttp

from sidecar.ports.recogniser import FinalResult, PartialResult, SpeechStarted
from tests.fakes import Script, ScriptedRecogniser
from tests.service import Service, media_frame, running_service, start_frame

AGENT, CUSTOMER = "CA" + "a" * 32, "CA" + "c" * 32
# What is said, as bytes that can be told apart: before, during and after the pause.
BEFORE, SECRET, AFTERWARDS = b"\x21", b"\x42", b"\x63"
# An utterance that is being spoken when the pause begins is finished by the silence that follows.
ASKING: Script = [
    (100, SpeechStarted(segment=0, start_ms=0)),
    (400, PartialResult(segment=0, start_ms=0, end_ms=380, text="your card")),
    (900, FinalResult(segment=0, start_ms=0, end_ms=480, text="your card number please")),
]


async def say(ws: aiohttp.ClientWebSocketResponse, byte: bytes, frames: range) -> None:
    """Frames that carry this byte."""
    payload = base64.b64encode(byte * 160).decode()
    for n in frames:
        await ws.send_str(media_frame(n, payload))


async def heard(recogniser: ScriptedRecogniser, n: int, ms: int) -> None:
    """Until the n-th stream of the recogniser has got so much audio."""
    async with asyncio.timeout(10):
        while len(recogniser.streams) <= n or len(recogniser.streams[n].audio) < ms * 8:
            await asyncio.sleep(0.01)


async def ask(service: Service, path: str, **more: Any) -> tuple[int, Any]:
    """A POST to the API; status and body."""
    async with service.http.post(service.base + path, **more) as answer:
        return answer.status, await answer.json()


async def test_nothing_said_while_paused_reaches_a_recogniser_the_store_or_an_export(tmp_path: Path) -> None:
    """Two people speak on; after the pause the words are in the transcript again, and nothing of it is a gap."""
    recogniser = ScriptedRecogniser(ASKING)
    async with running_service(tmp_path, recogniser) as service:
        sockets = []
        for call_sid, label in ((AGENT, "agent"), (CUSTOMER, "customer")):
            ws = await service.socket()
            await ws.send_str(start_frame(call_sid, await service.call(call_sid, label=label)))
            sockets.append(ws)
            await say(ws, BEFORE, range(25))
            await heard(recogniser, len(sockets) - 1, 500)
        [conference] = (await service.get("/v1/conferences"))["data"]
        path = f"/v1/conferences/{conference['id']}"
        status, paused = await ask(service, f"{path}/pause", json={"reason": "card number"})
        assert (status, paused["paused"]) == (200, True)
        for n, ws in enumerate(sockets):
            await say(ws, SECRET, range(25, 75))
            await heard(recogniser, n, 1_500)
        status, resumed = await ask(service, f"{path}/resume")
        assert (status, resumed["paused"], resumed["since_ms"]) == (200, False, None)
        # The frames run ahead of the clock here; so the rest is dated where the conference is by now.
        for n, ws in enumerate(sockets):
            await say(ws, AFTERWARDS, range(500, 525))
            await ws.send_str('{"event":"stop","sequenceNumber":"999","stop":{}}')
            await heard(recogniser, n, 2_000)
        await service.until("fork.stopped")
        events = await service.events()
        exported = ""
        for form in ("txt", "vtt", "srt", "json", "csv"):
            async with service.http.get(f"{service.base}{path}/transcript.{form}") as answer:
                text = await answer.text()
                assert "card number" in text, "each format shows the pause"
                exported += text
    for stream in recogniser.streams:
        audio = bytes(stream.audio)
        assert SECRET not in audio
        assert audio.count(BEFORE) == 25 * 160
        assert audio.count(AFTERWARDS) == 25 * 160
    told = [event["type"] for event in events]
    assert told.count("transcript.paused") == told.count("transcript.resumed") == 1
    pause = next(event["data"] for event in events if event["type"] == "transcript.paused")
    assert (pause["reason"], pause["at_ms"]) == ("card number", paused["since_ms"])
    gaps = [event["data"] for event in events if event["type"] == "transcript.gap"]
    assert all(gap["reason"] == "media_missing" and gap["from_ms"] >= 1_500 for gap in gaps), gaps
    [said] = [event["data"] for event in events if event["type"] == "utterance.final"]
    assert (said["text"], said["end_ms"] - said["start_ms"]) == ("your card number please", 480)
    assert exported.count("your card number please") == 5


async def test_a_pause_is_asked_for_once_however_often_it_is_sent(tmp_path: Path) -> None:
    """By key the same answer, with or without a second event; wrong bodies and conferences are problems."""
    async with running_service(tmp_path, ScriptedRecogniser()) as service:
        await service.call(AGENT)
        [conference] = (await service.get("/v1/conferences"))["data"]
        path = f"/v1/conferences/{conference['id']}"
        key = {"Idempotency-Key": "7f0c"}
        status, first = await ask(service, f"{path}/pause", headers=key)
        await ask(service, f"{path}/resume")
        async with service.http.post(f"{service.base}{path}/pause", headers=key) as answer:
            assert (answer.status, await answer.json()) == (status, first)
            assert answer.headers["Idempotency-Replayed"] == "true"
        assert [e["type"] for e in await service.events()] == ["transcript.paused", "transcript.resumed"]
        json = {"Content-Type": "application/json"}
        for body, headers, code in (
            (b'{"reason": 7}', {}, "body_invalid"),
            (b'{"reason": "a\\nb"}', {}, "reason_invalid"),
            (b"{}", {"Idempotency-Key": "a b"}, "idempotency_key_invalid"),
            (b'{"reason": "x"}', key, "idempotency_key_reused"),
        ):
            status, problem = await ask(service, f"{path}/pause", data=body, headers=json | headers)
            assert (status, problem["code"]) == (400 if code == "idempotency_key_invalid" else 422, code)
        status, problem = await ask(service, "/v1/conferences/cnf_nobody/pause")
        assert (status, problem["code"]) == (404, "not_found")
        over = {
            "ConferenceSid": "CF" + "1" * 32, "FriendlyName": "support", "StatusCallbackEvent": "conference-end",
            "SequenceNumber": "9",
        }  # fmt: skip
        assert (await service.post("/twilio/conference-events", over))[0] == 204
        status, problem = await ask(service, f"{path}/pause")
        assert (status, problem["code"]) == (409, "conference_over")
