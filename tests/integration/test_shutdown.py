"""Stopping in order: what was said is final, viewers are sent away politely, and the next process goes on."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sidecar.app import shut_down
from sidecar.ports.recogniser import FinalResult, SpeechStarted
from tests.callers import BEARER
from tests.fakes import Script, ScriptedRecogniser
from tests.service import TOKEN, media_frame, running_service, start_frame

pytestmark = pytest.mark.traced(False)  # its parts are shown one by one elsewhere

AGENT = "CA" + "a" * 32
# Speech that is not over when the service stops: the engine has only begun to hear it.
UNFINISHED: Script = [
    (100, SpeechStarted(segment=0, start_ms=0)),
    (60_000, FinalResult(segment=0, start_ms=0, end_ms=500, text="last words")),
]


def callback(kind: str, room: str) -> dict[str, str]:
    """What Twilio tells of the conference in a room."""
    return {"StatusCallbackEvent": kind, "ConferenceSid": "CF" + "1" * 32, "FriendlyName": room, "SequenceNumber": "1"}


async def follow(base: str, topic: str, started: asyncio.Event) -> list[str]:
    """The event names of a viewer's stream, to its end."""
    names: list[str] = []
    url = f"{base}/v1/stream?topic={topic}"
    async with aiohttp.ClientSession(headers=BEARER) as http, http.get(url) as answer:
        async for raw in answer.content:
            if raw.startswith(b"event: "):
                names.append(raw.decode()[7:].strip())
                if "fork.started" in names:
                    started.set()
    return names


async def test_a_stop_finishes_what_was_said_and_sends_viewers_away(tmp_path: Path) -> None:
    """The utterance is stored and told, then comes stream.closing; the fork is left to the next start."""
    async with asyncio.TaskGroup() as tasks:
        async with running_service(tmp_path, ScriptedRecogniser(UNFINISHED)) as service:
            token = await service.call(AGENT)
            ws = await service.socket()
            await ws.send_str(start_frame(AGENT, token))
            [conference] = (await service.get("/v1/conferences"))["data"]
            started = asyncio.Event()
            viewer = tasks.create_task(follow(service.base, f"conference:{conference['id']}", started))
            for n in range(25):
                await ws.send_str(media_frame(n, "/" * 212 + "/w=="))
            await started.wait()
            await asyncio.sleep(0.2)
            begun = time.monotonic()
        assert time.monotonic() - begun < 10
        names = await viewer
    assert names[-1] == "stream.closing"
    assert "utterance.final" in names
    async with running_service(tmp_path, ScriptedRecogniser(), twilio_auth_token=TOKEN) as service:
        events = await service.until("transcript.completed")
    assert [event["data"]["text"] for event in events if event["type"] == "utterance.final"] == ["last words"]
    assert [event["type"] for event in events].count("fork.stopped") == 1


async def test_a_service_that_stops_is_not_ready_and_lets_calls_through_without_a_fork(tmp_path: Path) -> None:
    """Nobody's call fails because we stop, and the next process transcribes it."""
    async with running_service(tmp_path, ScriptedRecogniser()) as service:
        waiting = await service.call("CA" + "e" * 32, room="before")
        await shut_down(service.app)
        async with service.http.get(service.base + "/readyz") as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
            checks = (await answer.json())["checks"]
        assert checks.pop("draining") == {"ok": False, "reason": "draining"}
        assert [name for name, check in checks.items() if not check["ok"]] == []
        status, twiml = await service.post(
            "/twilio/voice?room=late&label=agent", {"CallSid": AGENT, "From": "+15550100"}
        )
        assert (status, "<Stream" in twiml, ">late</Conference>" in twiml) == (200, False, True)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await service.socket()
        assert waiting
        assert refused.value.status == 503
        assert service.refusals == {"draining": 2}
        status, _ = await service.post(
            "/twilio/conference-events",
            callback("conference-start", "late"),
        )
        assert status == 204
    telephony: dict[str, Any] = {"twilio_account_sid": "AC" + "0" * 32, "twilio_api_base_url": "http://127.0.0.1:9"}
    async with running_service(tmp_path, ScriptedRecogniser(), **telephony) as service:
        assert {one["room"] for one in (await service.get("/v1/conferences"))["data"]} == {"before", "late"}
