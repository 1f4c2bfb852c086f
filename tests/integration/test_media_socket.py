"""Twilio's side of the service over real sockets: who may come in, and what bad input does to others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import WSMsgType

from sidecar.ports.recogniser import FinalResult, SpeechStarted
from sidecar.server.twilio import media_socket
from tests.fakes import Script, ScriptedRecogniser
from tests.service import Service, media_frame, running_service, start_frame

AGENT, CUSTOMER = "CA" + "a" * 32, "CA" + "c" * 32
HELLO: Script = [
    (100, SpeechStarted(segment=0, start_ms=0)),
    (600, FinalResult(segment=0, start_ms=0, end_ms=500, text="hello")),
]


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """The whole service with a scripted engine."""
    async with running_service(tmp_path, ScriptedRecogniser(HELLO, HELLO)) as running:
        yield running


async def stream(service: Service, call_sid: str, token: str) -> aiohttp.ClientWebSocketResponse:
    """A media stream that has started."""
    ws = await service.socket()
    await ws.send_str('{"event":"connected","protocol":"Call","version":"1.0.0"}')
    await ws.send_str(start_frame(call_sid, token))
    return ws


async def closed(ws: aiohttp.ClientWebSocketResponse) -> int | None:
    """Wait until the service closes the socket; the close code."""
    async with asyncio.timeout(5):
        assert (await ws.receive()).type in (WSMsgType.CLOSE, WSMsgType.CLOSED)
    return ws.close_code


async def say(ws: aiohttp.ClientWebSocketResponse, frames: range) -> None:
    """Frames of sound; the scripted engine hears in it what it likes."""
    for n in frames:
        await ws.send_str(media_frame(n))


async def test_a_signed_call_and_its_stream_become_a_line(service: Service) -> None:
    """TwiML, socket, start, media, stop: fork.started, utterance.final, fork.stopped."""
    ws = await stream(service, AGENT, await service.call(AGENT))
    await say(ws, range(50))
    await ws.send_str('{"event":"stop","sequenceNumber":"99","stop":{}}')
    events = await service.until("fork.stopped")
    assert [event["type"] for event in events if event["type"] != "fork.stopped"] == ["fork.started", "utterance.final"]
    await ws.close()


async def test_a_forged_request_is_refused_and_stores_nothing(service: Service) -> None:
    """403 without a word, and counted."""
    paths = ("/twilio/voice", "/twilio/conference-events", "/twilio/stream-events", "/twilio/participant-events")
    form, forged = {"CallSid": AGENT, "From": "+15550100"}, 0
    for url in (service.base + path for path in paths):
        for headers in (
            {},
            {"X-Twilio-Signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="},  # by another token
            service.signature(url, form | {"From": "+15550101"}),
            service.signature(url + "?room=other", form),
        ):
            async with service.http.post(url, data=form, headers=headers) as answer:
                assert answer.status == 403, (url, headers)
            forged += 1
    assert service.refusals["signature_wrong"] == forged
    assert (await service.get("/v1/conferences"))["data"] == []


@pytest.mark.parametrize("headers", [{}, {"X-Twilio-Signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="}])
async def test_a_forged_upgrade_is_refused_before_it_is_a_socket(service: Service, headers: dict[str, str]) -> None:
    """403 instead of 101."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await service.socket(headers)
    assert caught.value.status == 403
    assert service.refusals["upgrade_signature_wrong"] == 1


async def test_a_token_opens_one_stream_of_its_own_call_once(service: Service) -> None:
    """Made up, of another call, and a second time: closed with 1008, counted by reason, no fork started."""
    token = await service.call(AGENT)
    for call_sid, used, reason in (
        (AGENT, "made-up", "fork_token_unknown"),
        (CUSTOMER, token, "fork_token_other_call"),
    ):
        assert await closed(await stream(service, call_sid, used)) == 1008
        assert service.refusals[reason] == 1
    ws = await stream(service, AGENT, token)
    await service.until("fork.started")
    assert await closed(await stream(service, AGENT, token)) == 1008
    assert service.refusals["fork_token_used"] == 1
    assert [event["type"] for event in await service.events()] == ["fork.started"]
    await ws.close()


async def test_a_socket_that_does_not_start_in_time_is_closed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is 5 s; here it is shorter."""
    monkeypatch.setattr(media_socket, "START_TIMEOUT_S", 0.05)
    ws = await service.socket()
    await ws.send_str('{"event":"connected","protocol":"Call","version":"1.0.0"}')
    assert await closed(ws) == 1008
    assert service.refusals["start_late"] == 1


async def test_a_codec_that_we_cannot_decode_is_refused(service: Service) -> None:
    """No wrong transcript: the stream is closed and counted."""
    ws = await service.socket()
    await ws.send_str(start_frame(AGENT, await service.call(AGENT), encoding="audio/x-l16"))
    assert await closed(ws) == 1008
    assert service.refusals["media_format_unsupported"] == 1


async def test_bad_frames_are_counted_and_harm_nobody(service: Service) -> None:
    """Garbage between good frames is skipped; the other fork never notices; the line is there."""
    good = await stream(service, CUSTOMER, await service.call(CUSTOMER, label="customer"))
    bad = await stream(service, AGENT, await service.call(AGENT))
    for n in range(50):
        await say(good, range(n, n + 1))
        await say(bad, range(n, n + 1))
        if n % 10 == 0:
            await bad.send_str("{not json")
            await bad.send_str('{"event":"media","media":{}}')
            await bad.send_bytes(b"\x00" * 100)
    for ws in (good, bad):
        await ws.send_str('{"event":"stop","stop":{}}')
    async with asyncio.timeout(5):
        while sum(event["type"] == "fork.stopped" for event in await service.events()) < 2:
            await asyncio.sleep(0.05)
    assert service.refusals["media_not_json"] == 10
    assert service.refusals["media_malformed"] == 5
    assert sum(event["type"] == "utterance.final" for event in await service.events()) == 2
    for ws in (good, bad):
        await ws.close()


async def test_a_frame_of_a_megabyte_ends_that_stream_only(service: Service) -> None:
    """64 KiB is the limit; the fork is interrupted, visibly."""
    good = await stream(service, CUSTOMER, await service.call(CUSTOMER, label="customer"))
    bad = await stream(service, AGENT, await service.call(AGENT))
    await bad.send_str("x" * 1_000_000)
    assert await closed(bad) == 1009
    assert service.refusals["media_too_big"] == 1
    await say(good, range(50))
    types = [event["type"] for event in await service.until("utterance.final")]
    assert types.count("fork.interrupted") == 1
    await good.close()


async def test_a_stream_of_nothing_but_garbage_is_closed(service: Service) -> None:
    """Fifty bad frames are enough."""
    ws = await stream(service, AGENT, await service.call(AGENT))
    for _ in range(media_socket.MAX_BAD_FRAMES + 2):
        await ws.send_str("garbage")
    assert await closed(ws) is not None
    await service.until("fork.interrupted")


async def test_a_signed_form_that_we_cannot_read_is_a_400(service: Service) -> None:
    """The code names what is wrong; nothing is stored."""
    status, body = await service.post("/twilio/voice", {"CallSid": "nonsense"})
    assert (status, body) == (400, "callback_malformed\n")
    assert service.refusals["callback_malformed"] == 1


async def test_twiml_carries_hostile_names_as_text(service: Service) -> None:
    """Labels and rooms are escaped; the document has only our verbs."""
    hostile = "%3C%2FConference%3E%3CHangup%2F%3E%22%26"
    form = {"CallSid": AGENT, "From": "+15550100"}
    status, twiml = await service.post(f"/twilio/voice?room={hostile}&label={hostile}", form)
    assert status == 200
    assert "<Hangup" not in twiml
    assert "&lt;/Conference&gt;" in twiml


async def test_the_words_of_an_announcement_are_for_twilio_only(tmp_path: Path) -> None:
    """Signed: the notice as TwiML. Unsigned: refused and counted; of a kind that there is not: 404."""
    async with running_service(tmp_path, ScriptedRecogniser(), notice="This call is transcribed.") as service:
        status, twiml = await service.post("/twilio/announcements/notice", {"ConferenceSid": "CF" + "0" * 32})
        assert (status, "<Say>This call is transcribed.</Say>" in twiml) == (200, True)
        assert (await service.post("/twilio/announcements/lunch", {}))[0] == 404
        async with service.http.post(service.base + "/twilio/announcements/notice", data={}) as answer:
            assert answer.status == 403
        assert service.refusals["signature_wrong"] == 1


async def test_the_status_of_a_call_is_taken_and_one_of_another_form_is_not(service: Service) -> None:
    """What a number's status callback sends at the end of each call."""
    path = "/twilio/participant-events"
    assert await service.post(path, {"CallSid": AGENT, "CallStatus": "completed"}) == (204, "")
    assert (await service.post(path, {"CallSid": AGENT}))[0] == 400
