"""Calls over real HTTP and WebSockets, from the voice request to the last callback."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
import soundfile

from sidecar.emulator import performer as performer_module
from sidecar.speech import g711
from tests.integration.emulator.small_service import ACCOUNT, small


async def test_a_call_streams_joins_and_leaves() -> None:
    """A caller asks for TwiML, is streamed, joins the room, hangs up; the service hears of each step, signed."""
    async with small() as s:
        s.service.twiml = f"<Response>{s.service.stream()}{s.service.conference()}</Response>"
        call = await s.call(**{"from": "+12025550142"})
        await s.until(lambda: bool(s.service.sockets) and len(s.service.sockets[0].media) >= 10)
        await s.hang_up(call)
        frames = s.service.sockets[0].frames
        assert [f["event"] for f in frames[:3]] == ["connected", "start", "media"]
        assert frames[1]["start"]["callSid"] == call
        assert frames[1]["start"]["customParameters"] == {"token": "t-1"}
        assert frames[-1]["event"] == "stop"
        assert s.service.sockets[0].close_code == 1000
        assert s.service.events("StatusCallbackEvent") == ["participant-join", "participant-leave", "conference-end"]
        assert s.service.events("StreamEvent") == ["stream-started", "stream-stopped"]
        asked = s.service.requests[0]
        assert (asked["AccountSid"], asked["From"], asked["CallStatus"]) == (ACCOUNT.sid, "+12025550142", "ringing")
        assert s.service.refused == 0
        assert s.errors() == []
        assert s.status(call) == "completed"


async def test_frames_are_numbered_without_a_hole_and_in_real_time() -> None:
    """sequenceNumber and chunk count up from the start; timestamps are 20 ms apart; a second brings 50 frames."""
    async with small() as s:
        s.service.twiml = f"<Response>{s.service.stream()}{s.service.conference()}</Response>"
        loop = asyncio.get_running_loop()
        begin = loop.time()
        call = await s.call()
        await s.until(lambda: bool(s.service.sockets) and len(s.service.sockets[0].media) >= 50)
        assert 0.95 < loop.time() - begin < 5
        await s.hang_up(call)
        media = s.service.sockets[0].media
        assert [f["sequenceNumber"] for f in media] == [str(n + 2) for n in range(len(media))]
        assert [f["media"]["chunk"] for f in media] == [str(n + 1) for n in range(len(media))]
        assert [f["media"]["timestamp"] for f in media] == [str(n * 20) for n in range(len(media))]
        assert set(s.service.sockets[0].audio()) == {g711.SILENCE}


@pytest.mark.parametrize(
    ("answer", "content_type", "status", "error"),
    [
        ("<Response/>", "text/xml", 500, 11217),
        ("<Response/>", "text/xml", 404, 11217),
        ("<Response/>", "text/xml", 302, 11200),
        ("<Response/>", "application/json", 200, 12300),
        ("<Response>", "text/xml", 200, 12100),
        ("<Response>" + " " * 70_000 + "</Response>", "text/xml", 200, 11750),
    ],
)
async def test_a_bad_answer_fails_the_call_with_twilios_number(
    answer: str, content_type: str, status: int, error: int
) -> None:
    """The debugger names the call; the emulator takes the next one."""
    async with small() as s:
        s.service.twiml, s.service.content_type, s.service.voice_status = answer, content_type, status
        call = await s.call()
        await s.call_over(call)
        assert s.status(call) == "failed"
        assert [(e.error_code, e.sid) for e in s.exchange.debugger.entries] == [(error, call)]
        s.service.twiml, s.service.content_type, s.service.voice_status = "<Response/>", "text/xml", 200
        call = await s.call()
        await s.call_over(call)
        assert s.status(call) == "completed"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/voice", f"http://{'a' * 70}.example/"])
async def test_a_service_that_is_not_there_fails_the_call(url: str) -> None:
    """Twilio's 11200; also for a name that cannot be looked up."""
    async with small() as s:
        call = await s.call(voice_url=url)
        await s.call_over(call)
        assert (s.status(call), s.errors()) == ("failed", [11200])


@asynccontextmanager
async def hanging_up_on(first: int) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that drops its first connections without a word, then answers with an empty document."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        if len(heads) > first:
            body = b"<Response/>"
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nConnection: close\r\n")
            writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/voice", heads


def token(head: bytes) -> bytes:
    (line,) = [line for line in head.split(b"\r\n") if line.lower().startswith(b"i-twilio-idempotency-token:")]
    return line


async def test_a_lost_connection_is_tried_once_more_with_the_same_token() -> None:
    """So that the service can tell a retry from another call."""
    async with small() as s, hanging_up_on(1) as (url, heads):
        call = await s.call(voice_url=url)
        await s.call_over(call)
        assert s.status(call) == "completed"
        assert len(heads) == 2
        assert token(heads[0]) == token(heads[1])


async def test_a_connection_lost_twice_fails_the_call() -> None:
    """There is no third try."""
    async with small() as s, hanging_up_on(9) as (url, heads):
        call = await s.call(voice_url=url)
        await s.call_over(call)
        assert (s.status(call), s.errors(), len(heads)) == ("failed", [11200], 2)


async def test_a_silent_service_fails_the_call_after_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both tries together have 15 s; here less."""
    monkeypatch.setattr("sidecar.emulator.webhooks.TOTAL_TIMEOUT_S", 0.3)
    released = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, small() as s:
        call = await s.call(voice_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        await s.call_over(call)
        released.set()
        assert (s.status(call), s.errors()) == ("failed", [11200])


async def test_a_redirect_goes_on_with_the_other_document() -> None:
    """Relative, with the method it names; the call is in progress by then."""
    async with small() as s:
        s.service.twiml = lambda asked: (
            "<Response><Hangup/></Response>"
            if "step" in asked
            else "<Response><Redirect method='GET'>voice?step=2</Redirect><Say>never</Say></Response>"
        )
        call = await s.call()
        await s.call_over(call)
        assert [asked["CallStatus"] for asked in s.service.requests] == ["ringing", "in-progress"]
        assert s.service.requests[1]["step"] == "2"
        assert s.service.refused == 0


async def test_a_circle_of_redirects_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would go on for ever, as fast as the service answers."""
    monkeypatch.setattr(performer_module, "MAX_DOCUMENTS", 5)
    async with small() as s:
        s.service.twiml = "<Response><Redirect>voice</Redirect></Response>"
        call = await s.call()
        await s.call_over(call)
        assert (s.status(call), s.errors(), len(s.service.requests)) == ("failed", [0], 5)


async def test_words_not_known_are_noted_and_the_call_goes_on() -> None:
    """Twilio's 12200 is a warning."""
    async with small() as s:
        s.service.twiml = "<Response><Dance/><Pause lenght='9'/></Response>"
        call = await s.call()
        await s.call_over(call)
        assert (s.status(call), s.errors()) == ("completed", [12200, 12200])


async def test_say_and_pause_take_their_time() -> None:
    """14 characters a second; the next verb waits."""
    async with small() as s:
        s.service.twiml = "<Response><Say loop='2'>1234567</Say><Pause length='1'/></Response>"
        begin = asyncio.get_running_loop().time()
        call = await s.call()
        await s.call_over(call)
        assert 1.9 < asyncio.get_running_loop().time() - begin < 6


def wav(samples: int) -> bytes:
    out = io.BytesIO()
    tone = (np.sin(np.arange(samples) / 5) * 8000).astype(np.int16)
    soundfile.write(out, tone, 8000, format="WAV")
    return out.getvalue()


async def test_play_is_heard_on_the_outbound_track() -> None:
    """It takes the recording's time, as often as it loops; both tracks share one stream."""
    async with small() as s:
        s.service.recording = wav(2400)
        stream = s.service.stream(track="both_tracks")
        s.service.twiml = f"<Response>{stream}<Pause/><Play loop='2'>/recording.wav</Play></Response>"
        call = await s.call()
        await s.call_over(call)
        await s.service.sockets[0].ended.wait()
        heard = s.service.sockets[0].audio("outbound").strip(b"\xff")
        assert 4600 < len(heard) <= 4800
        assert set(s.service.sockets[0].audio("inbound")) == {g711.SILENCE}
        assert s.errors() == []


async def test_a_recording_that_cannot_be_had_is_noted_and_the_call_goes_on() -> None:
    """Missing, and no sound at all."""
    async with small() as s:
        s.service.twiml = "<Response><Play>/recording.wav</Play><Redirect>voice?noise=1</Redirect></Response>"
        call = await s.call()
        await s.until(lambda: len(s.service.requests) > 1)
        await s.hang_up(call)
        assert set(s.errors()) == {11200}
        s.service.recording = b"no sound"
        s.service.twiml = "<Response><Play>/recording.wav</Play></Response>"
        call = await s.call()
        await s.call_over(call)
        assert s.exchange.debugger.entries[-1].text == "<Play>: the file holds no sound that can be read."
        assert s.status(call) == "completed"


async def test_a_taken_label_keeps_the_call_out_and_it_goes_on() -> None:
    """16025; the next verb is performed."""
    async with small() as s:
        s.service.twiml = f"<Response>{s.service.conference('agent')}<Hangup/></Response>"
        first = await s.call()
        await s.in_room(first)
        second = await s.call()
        await s.call_over(second)
        assert (s.errors(), s.status(second), s.status(first)) == ([16025], "completed", "in-progress")
        await s.hang_up(first)


async def test_when_the_moderator_leaves_the_others_go_on_with_their_next_verb() -> None:
    """They are put out of the room, not off the line."""
    async with small() as s:
        s.service.twiml = lambda asked: (
            "<Response><Hangup/></Response>"
            if "after" in asked
            else f"<Response>{s.service.conference(asked['label'], endConferenceOnExit=asked['ends'])}"
            "<Redirect>voice?after=1</Redirect></Response>"
        )
        voice = s.service.base + "/voice"
        other = await s.call(voice_url=f"{voice}?label=other&ends=false")
        await s.in_room(other)
        moderator = await s.call(voice_url=f"{voice}?label=moderator&ends=true")
        await s.in_room(moderator)
        await s.hang_up(moderator)
        await s.call_over(other)
        assert s.service.requests[-1]["after"] == "1"
        assert s.service.requests[-1]["CallSid"] == other
        assert s.service.events("StatusCallbackEvent")[-1] == "conference-end"


async def test_callbacks_that_fail_are_noted_and_stop_nothing() -> None:
    """The call and the later callbacks go on, in order."""
    async with small() as s:
        s.service.callback_status = 500
        s.service.twiml = f"<Response>{s.service.conference()}</Response>"
        call = await s.call()
        await s.in_room(call)
        await s.hang_up(call)
        assert s.service.events("SequenceNumber") == ["1", "2", "3"]
        assert s.errors() == [11217, 11217, 11217]
        assert s.status(call) == "completed"


async def test_a_callback_by_get_carries_its_fields_in_the_query() -> None:
    """And is signed over the whole URL."""
    async with small() as s:
        s.service.twiml = f"<Response>{s.service.conference(statusCallbackMethod='GET')}</Response>"
        call = await s.call()
        await s.in_room(call)
        await s.hang_up(call)
        assert s.service.events("StatusCallbackEvent") == ["participant-join", "participant-leave", "conference-end"]
        assert (s.service.refused, s.errors()) == (0, [])


async def test_a_call_hung_up_before_it_began_is_over() -> None:
    """Not even its first request went out."""
    async with small() as s:
        call = s.exchange.calls.place(voice_url=s.service.base + "/voice", from_="client:a", to="+12025550100")
        s.exchange.calls.hang_up(call.sid)
        await s.call_over(call.sid)
        assert (s.status(call.sid), s.service.requests) == ("completed", [])


async def test_stopping_the_emulator_hangs_up_in_order() -> None:
    """The service gets stop frames and the last callbacks before the emulator is gone."""
    async with small() as s:
        s.service.twiml = f"<Response>{s.service.stream()}{s.service.conference()}</Response>"
        await s.call()
        await s.until(lambda: bool(s.service.sockets) and bool(s.service.sockets[0].media))
        service = s.service
    assert service.sockets[0].frames[-1]["event"] == "stop"
    assert service.events("StatusCallbackEvent")[-1] == "conference-end"
    assert service.events("StreamEvent")[-1] == "stream-stopped"
