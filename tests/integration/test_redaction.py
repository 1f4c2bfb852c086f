"""Over HTTP: words are taken out by hand, a conference is deleted; then they are nowhere."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp

from sidecar.domain.access.callers import Scope
from sidecar.domain.manifest import verdict_of
from sidecar.ports.recogniser import FinalResult, SpeechStarted
from sidecar.server.app_keys import ACCOUNTS, AUDIT
from tests.callers import add_key
from tests.fakes import Script, ScriptedRecogniser
from tests.service import Service, media_frame, running_service, start_frame

CALLER = "CA" + "c" * 32
SAID: Script = [
    (100, SpeechStarted(segment=0, start_ms=0)),
    (400, FinalResult(segment=0, start_ms=0, end_ms=380, text="My name is Rosebud, thank you")),
    (500, SpeechStarted(segment=1, start_ms=450)),
    (900, FinalResult(segment=1, start_ms=450, end_ms=800, text="Goodbye")),
]


async def a_call(service: Service) -> str:
    """Somebody says two things and hangs up; the path of the conference, when its transcript is complete."""
    ws = await service.socket()
    await ws.send_str(start_frame(CALLER, await service.call(CALLER, label="customer")))
    for n in range(60):
        await ws.send_str(media_frame(n))
    await ws.send_str('{"event":"stop","sequenceNumber":"999","stop":{}}')
    await service.until("fork.stopped")
    [conference] = (await service.get("/v1/conferences"))["data"]
    ended = {
        "ConferenceSid": "CF" + "0" * 32, "FriendlyName": "support", "StatusCallbackEvent": "conference-end",
        "SequenceNumber": "9", "Timestamp": "Mon, 23 Nov 2026 12:00:00 +0000",
    }  # fmt: skip
    status, _ = await service.post("/twilio/conference-events", ended)
    assert status in (200, 204)
    await service.until("transcript.completed")
    return f"/v1/conferences/{conference['id']}"


async def ask(service: Service, method: str, path: str, **more: Any) -> tuple[int, Any]:
    """Status and body."""
    async with service.http.request(method, service.base + path, **more) as answer:
        return answer.status, await answer.json() if answer.content_type.endswith("json") else None


async def test_words_taken_out_by_hand_are_gone_and_the_transcript_is_complete_again(tmp_path: Path) -> None:
    async with running_service(tmp_path, ScriptedRecogniser(SAID)) as service:
        path = await a_call(service)
        first = await service.events()
        assert verdict_of(first).state == "complete"
        line = (await service.get(f"{path}/utterances"))["data"][0]
        redact = f"{path}/utterances/{line['id']}/redact"
        place = line["text"].index("Rosebud")
        status, left = await ask(service, "POST", redact, json={"start": place, "end": place + 7})
        assert (status, left["text"], left["revision"]) == (200, "My name is [redacted], thank you", 2)
        events = await service.events()
        assert [event["type"] for event in events[len(first) :]] == ["utterance.redacted", "transcript.completed"]
        for whose in (events, [*first, *events[len(first) :]]):  # as it is told now, and to who was told before
            verdict = verdict_of(whose)
            assert (verdict.state, verdict.revision) == ("complete", 2)
        for form in ("txt", "json"):
            async with service.http.get(f"{service.base}{path}/transcript.{form}") as answer:
                assert "[redacted], thank you" in await answer.text()
        assert "Rosebud" not in str(await service.get("/v1/search?q=thank")) + str(events)
        assert (await service.get("/v1/search?q=rosebud"))["data"] == []

        for wrong in ({"start": 3}, {"start": 5, "end": 5}, {"start": 0, "end": 999}):
            status, refused = await ask(service, "POST", redact, json=wrong)
            assert (status, refused["code"]) == (422, "span_invalid")
        assert (await ask(service, "POST", f"{path}/utterances/utt_none/redact"))[0] == 404
        status, left = await ask(service, "POST", redact)
        assert (left["text"], left["revision"]) == ("[redacted]", 3)
        assert verdict_of(await service.events()).revision == 3
        entries = await service.app[AUDIT].entries("", limit=50)
        assert [entry.target for entry in entries if entry.action == "utterance.redacted"] == [line["id"]] * 2


async def test_a_deleted_conference_is_not_found_any_more_by_anybody(tmp_path: Path) -> None:
    """Who may only read may not delete; what goes on is not deleted; the audit log says who did it."""
    async with running_service(tmp_path, ScriptedRecogniser(SAID)) as service:
        path = await a_call(service)
        live = "CA" + "d" * 32
        await service.call(live, room="another")
        [going_on] = (await service.get("/v1/conferences?room=another"))["data"]
        status, refused = await ask(service, "DELETE", f"/v1/conferences/{going_on['id']}")
        assert (status, refused["code"]) == (409, "conference_going_on")
        reader = frozenset({Scope.TRANSCRIPTS_READ, Scope.CONFERENCES_READ})
        await add_key(service.app[ACCOUNTS], secret="sck_reader", name="reader", scopes=reader)
        mine = {"Authorization": "Bearer sck_reader"}
        assert (await ask(service, "DELETE", path, headers=mine))[0] == 403
        assert (await ask(service, "POST", f"{path}/utterances/utt_1/redact", headers=mine))[0] == 403

        conference, other = path.rpartition("/")[2], f"conference:{going_on['id']}"
        topics = [("topic", f"conference:{conference}"), ("topic", other), ("types", "note.added")]
        async with service.http.get(f"{service.base}/v1/stream", params=topics) as stream:
            await _named(stream, "stream.ready")
            assert (await ask(service, "DELETE", path))[0] == 204
            told = await _named(stream, "stream.closing")
            assert (told["reason"], told["topics"]) == ("deleted", [f"conference:{conference}"])
            assert (await asyncio.wait_for(stream.content.read(), 10)).strip() == b""  # and ends
        gone = [
            path, f"{path}/utterances", f"{path}/transcript.txt", f"{path}/participants",
            f"/v1/stream?topic=conference:{conference}", f"/v1/conferences/CF{'0' * 32}",
        ]  # fmt: skip
        assert [(await ask(service, "GET", one))[0] for one in gone] == [404] * len(gone)
        assert (await ask(service, "DELETE", path))[0] == 404
        listed = (await service.get("/v1/conferences"))["data"]
        assert [one["id"] for one in listed] == [going_on["id"]]
        assert (await service.get("/v1/search?q=goodbye"))["data"] == []
        entries = await service.app[AUDIT].entries("", limit=50)
        assert [entry.target for entry in entries if entry.action == "conference.deleted"] == [conference]


async def test_who_looks_at_a_call_while_words_are_taken_out_sees_them_go(tmp_path: Path) -> None:
    async with running_service(tmp_path, ScriptedRecogniser(SAID)) as service:
        path = await a_call(service)
        line = (await service.get(f"{path}/utterances"))["data"][0]
        topic = f"conference:{path.rpartition('/')[2]}"
        async with service.http.get(f"{service.base}/v1/stream", params={"topic": topic}) as stream:
            await _until(stream, "transcript.completed")
            await ask(service, "POST", f"{path}/utterances/{line['id']}/redact")
            assert '"text":"[redacted]"' in await _until(stream, "utterance.redacted")


async def _named(stream: aiohttp.ClientResponse, name: str) -> Any:
    """What the first frame of that name says."""
    async with asyncio.timeout(10):
        named = False
        async for line in stream.content:
            named |= line.decode().strip() == f"event: {name}"
            if named and line.startswith(b"data: "):
                return json.loads(line.removeprefix(b"data: "))
    raise AssertionError(f"no {name}")


async def _until(stream: aiohttp.ClientResponse, type_: str) -> str:
    """The data of the first event of that type."""
    async with asyncio.timeout(10):
        while True:
            line = (await stream.content.readline()).decode()
            if line.startswith("data: ") and f'"type":"{type_}"' in line:
                return line
