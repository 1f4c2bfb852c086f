"""Stopping in order: what was said is final, viewers are sent away politely, and the next process goes on."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import aiohttp

from sidecar.ports.recogniser import FinalResult, SpeechStarted
from tests.fakes import Script, ScriptedRecogniser
from tests.service import TOKEN, media_frame, running_service, start_frame

AGENT = "CA" + "a" * 32
# Speech that is not over when the service stops: the engine has only begun to hear it.
UNFINISHED: Script = [
    (100, SpeechStarted(segment=0, start_ms=0)),
    (60_000, FinalResult(segment=0, start_ms=0, end_ms=500, text="last words")),
]


async def follow(base: str, topic: str, started: asyncio.Event) -> list[str]:
    """The event names of a viewer's stream, to its end."""
    names: list[str] = []
    async with aiohttp.ClientSession() as http, http.get(f"{base}/v1/stream", params={"topic": topic}) as answer:
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


async def test_a_service_that_stops_takes_no_new_calls(tmp_path: Path) -> None:
    """503, so that Twilio can go elsewhere."""
    async with running_service(tmp_path, ScriptedRecogniser()) as service:
        from sidecar.server.app_keys import SWITCHBOARD

        await service.app[SWITCHBOARD].shut_down()
        status, body = await service.post("/twilio/voice", {"CallSid": AGENT, "From": "+15550100"})
    assert (status, body) == (503, "draining\n")
