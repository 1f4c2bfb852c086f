"""What can go wrong with a media stream, and that the call never notices."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from aiohttp import web

from sidecar.emulator.state import StreamStatus
from sidecar.emulator.streams import socket as media_socket_module
from tests.integration.emulator.small_service import Small, Socket, small

pytestmark = pytest.mark.traced(False)  # its parts are shown one by one elsewhere


async def stream_with(s: Small, start: str) -> str:
    """A call with that stream, in its room; returns when the stream is over."""
    s.service.twiml = f"<Response>{start}{s.service.conference()}</Response>"
    call = await s.call()
    await s.in_room(call)
    await s.until(lambda: all(stream.status.over for stream in s.exchange.state.streams_of(call)))
    await s.until(lambda: len(s.exchange.debugger.entries) > 0)
    return call


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("/refuses", 31920),
        ("/nothing-here", 31920),
        ("/moves", 31920),
        ("ws://127.0.0.1:1/media", 31902),
        ("ws://media.example/media", 31922),
        ("https://media.example/media", 31922),
        ("", 31923),
        ("wss://", 31923),
        ("wss://" + "a" * 70 + ".example/", 31902),
    ],
)
async def test_a_stream_that_cannot_open_is_noted_and_the_call_goes_on(url: str, error: int) -> None:
    """With the number that Twilio would write."""
    async with small() as s:
        call = await stream_with(s, f"<Start><Stream url='{url}'/></Start>")
        assert (s.errors(), s.status(call)) == ([error], "in-progress")
        await s.hang_up(call)


async def test_a_bad_track_is_noted() -> None:
    """31941."""
    async with small() as s:
        call = await stream_with(s, s.service.stream(track="inbound"))
        assert (s.errors(), s.service.sockets) == ([31941], [])
        await s.hang_up(call)


async def test_an_upgrade_without_an_answer_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """31901, after the time limit."""
    monkeypatch.setattr(media_socket_module, "HANDSHAKE_TIMEOUT_S", 0.2)
    released = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, small() as s:
        port = server.sockets[0].getsockname()[1]
        call = await stream_with(s, f"<Start><Stream url='ws://127.0.0.1:{port}/'/></Start>")
        released.set()
        assert s.errors() == [31901]
        await s.hang_up(call)


async def test_a_stream_that_could_not_open_is_told_by_callback() -> None:
    """The only push notice that a service gets."""
    async with small() as s:
        call = await stream_with(s, s.service.stream(path="/refuses"))
        await s.until(lambda: s.exchange.callbacks.idle)
        (error,) = [form for form in s.service.callbacks if "StreamEvent" in form]
        assert (error["StreamEvent"], error["StreamError"][:5]) == ("stream-error", "31920")
        await s.hang_up(call)


async def test_a_service_that_closes_ends_the_stream_not_the_call() -> None:
    """31921 with the close code; the conference goes on."""

    async def close_soon(ws: web.WebSocketResponse, _: Socket) -> None:
        await ws.receive()
        await ws.close(code=1012)

    async with small() as s:
        s.service.on_socket = close_soon
        call = await stream_with(s, s.service.stream())
        assert s.errors() == [31921]
        assert "1012" in s.exchange.debugger.entries[0].text
        assert s.status(call) == "in-progress"
        await s.hang_up(call)
        assert s.service.events("StreamEvent") == ["stream-started", "stream-error"]


async def test_after_a_cut_a_call_can_be_without_a_stream_for_a_while() -> None:
    """REST answers 503 to who asks for another one, and takes the order when the time is over."""
    async with small() as s:
        s.service.twiml = f"<Response>{s.service.stream()}{s.service.conference()}</Response>"
        call = await s.call()
        await s.until(lambda: bool(s.service.sockets) and bool(s.service.sockets[0].media))
        (stream,) = s.exchange.state.streams_of(call)
        assert (await s.post(f"/control/streams/{stream.sid}/cut?away_s=x"))[0] == 400
        assert (await s.post(f"/control/streams/{stream.sid}/cut?away_s=0.3"))[0] == 204
        assert s.exchange.streams.away(call)
        await s.until(lambda: not s.exchange.streams.away(call))
        await s.hang_up(call)


async def test_a_service_that_breaks_the_protocol_ends_the_stream() -> None:
    """A message of 5 MB; 31924, and the call goes on."""

    async def flood(ws: web.WebSocketResponse, _: Socket) -> None:
        with contextlib.suppress(ConnectionError):
            await ws.send_bytes(bytes(5 * 1024 * 1024))

    async with small() as s:
        s.service.on_socket = flood
        call = await stream_with(s, s.service.stream())
        assert (s.errors(), s.status(call)) == ([31924], "in-progress")
        await s.hang_up(call)


async def test_a_service_that_talks_on_a_fork_is_noted_once() -> None:
    """31924; the stream goes on."""

    async def talk(ws: web.WebSocketResponse, _: Socket) -> None:
        for _n in range(3):
            await ws.send_json({"event": "clear"})
            await ws.send_bytes(b"1")

    async with small() as s:
        s.service.on_socket = talk
        s.service.twiml = f"<Response>{s.service.stream()}{s.service.conference()}</Response>"
        call = await s.call()
        await s.until(lambda: bool(s.service.sockets) and len(s.service.sockets[0].media) > 20)
        assert s.errors() == [31924]
        await s.hang_up(call)
        assert s.service.sockets[0].frames[-1]["event"] == "stop"


async def test_a_cut_is_a_loss_without_a_close_frame() -> None:
    """The service sees 1006 and no stop; the debugger stays clean, for it was the tester; the call goes on."""
    async with small() as s:
        s.service.twiml = f"<Response>{s.service.stream()}{s.service.conference()}</Response>"
        call = await s.call()
        await s.until(lambda: bool(s.service.sockets) and bool(s.service.sockets[0].media))
        (stream,) = s.exchange.state.streams_of(call)
        assert (await s.post(f"/control/streams/{stream.sid}/cut"))[0] == 204
        await asyncio.wait_for(s.service.sockets[0].ended.wait(), 5)
        await s.until(lambda: stream.status is StreamStatus.FAILED)
        assert s.service.sockets[0].close_code == 1006
        assert s.service.sockets[0].frames[-1]["event"] == "media"
        assert (await s.post(f"/control/streams/{stream.sid}/cut"))[0] == 404
        assert s.status(call) == "in-progress"
        assert s.errors() == []
        await s.hang_up(call)
        assert s.service.events("StreamEvent") == ["stream-started", "stream-error"]


async def test_stop_ends_the_stream_of_that_name() -> None:
    """The service gets stop; the next stream of the call counts from the start again."""
    async with small() as s:
        first, second = s.service.stream("one"), s.service.stream("two")
        s.service.twiml = (
            f"<Response>{first}<Pause/><Stop><Stream name='one'/></Stop><Stop><Stream name='none'/></Stop>"
            f"{second}<Pause/></Response>"
        )
        call = await s.call()
        await s.call_over(call)
        one, two = s.service.sockets
        assert (one.frames[-1]["event"], two.frames[-1]["event"]) == ("stop", "stop")
        assert (two.media[0]["media"]["timestamp"], two.media[0]["sequenceNumber"]) == ("0", "2")
        assert s.errors() == [12200]


async def test_a_call_streams_four_tracks_and_no_more() -> None:
    """both_tracks counts twice."""
    async with small() as s:
        both, two = s.service.stream("a", "both_tracks"), s.service.stream("b") + s.service.stream("c")
        s.service.twiml = f"<Response>{both}{two}{s.service.stream('d')}{s.service.conference()}</Response>"
        call = await s.call()
        await s.until(lambda: len(s.service.sockets) == 3)
        assert s.errors() == [31941]
        assert [stream.name for stream in s.exchange.state.streams_of(call)] == ["a", "b", "c"]
        await s.hang_up(call)


async def fast_forward(s: Small, ticks: int) -> None:
    """What the ticker does in that time, at once; senders get their turn between."""
    ticker = s.exchange.ticker
    now = ticker.tick
    for tick in range(now + 1, now + 1 + ticks):
        for listener in list(ticker._listeners):
            listener(tick)
        if tick % 10 == 0:
            await asyncio.sleep(0)


async def test_a_stuck_service_loses_frames_and_delays_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own queue fills; what is dropped is a hole in the numbers. The other stream gets every frame."""
    monkeypatch.setattr(media_socket_module, "CLOSE_TIMEOUT_S", 0.5)
    released = asyncio.Event()
    stuck: list[Socket] = []

    async def first_is_stuck(_: web.WebSocketResponse, socket: Socket) -> None:
        if len(stuck) == 0:
            stuck.append(socket)
            await released.wait()

    async with small() as s:
        s.service.on_socket = first_is_stuck
        s.service.twiml = lambda asked: (
            f"<Response>{s.service.stream()}{s.service.conference(asked['label'])}</Response>"
        )
        voice = s.service.base + "/voice"
        one = await s.call(voice_url=f"{voice}?label=one")
        await s.until(lambda: len(s.service.sockets) == 1)
        two = await s.call(voice_url=f"{voice}?label=two")
        await s.until(lambda: len(s.service.sockets) == 2)
        (slow,), (fast,) = s.exchange.state.streams_of(one), s.exchange.state.streams_of(two)
        await fast_forward(s, 40_000)
        assert slow.dropped > 0
        assert fast.dropped == 0
        await s.hang_up(one)
        await s.hang_up(two)
        released.set()
        healthy = s.service.sockets[1]
        await healthy.ended.wait()
        assert [int(f["sequenceNumber"]) for f in healthy.media] == list(range(2, len(healthy.media) + 2))
        await stuck[0].ended.wait()
        assert len(stuck[0].media) < len(healthy.media)


async def test_a_caller_is_connected_both_ways_without_a_conference() -> None:
    """What cannot open is noted, and the next verb follows; then the caller is heard, and hears."""
    heard: list[bytes] = []

    async def talk(ws: web.WebSocketResponse, socket: Socket) -> None:
        for _ in range(5):
            socket.frames.append(await ws.receive_json())
        await socket.say(b"\x90" * 320, "heard")

    async with small() as s:
        s.service.on_socket = talk
        wrong = (
            "<Connect><Stream url='/refuses'/></Connect><Connect><Stream url='/media' track='both_tracks'/></Connect>"
        )
        s.service.twiml = f"<Response>{wrong}<Connect><Stream url='/media'/></Connect><Pause/></Response>"
        call = await s.call()
        s.exchange.hearing.answer(call, heard.append)
        await s.until(lambda: bool(s.service.sockets) and s.service.sockets[0].marks == ["heard"])
        s.exchange.calls.say(call, b"\x20" * 160, s.exchange.ticker.tick + 1)
        await s.until(lambda: b"\x20" * 160 in s.service.sockets[0].audio())
        assert b"\x90" * 320 in b"".join(heard)
        await s.hang_up(call)
        assert s.errors() == [31920, 31941]
        assert s.service.sockets[0].frames[-1]["event"] == "stop"
