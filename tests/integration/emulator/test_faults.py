"""Faults that a tester orders by the control API, seen from the service's side of the sockets."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException

from sidecar.emulator.faults import pending as faults_module
from sidecar.emulator.state import StreamStatus
from tests.integration.emulator.small_service import Small, Socket, small
from tests.integration.emulator.twilio_client import in_conference, refused, twilio_client

# twilio 9.13 still uses what aiohttp 3.14 has deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]


async def order(s: Small, kind: str, **fields: Any) -> str:
    """Order a fault; its id."""
    status, body = await s.post("/control/faults", {"kind": kind, **fields})
    assert status == 201, body
    return str(body["id"])


async def shown(s: Small) -> dict[str, dict[str, Any]]:
    """All faults as /control/state shows them, by id."""
    _, state = await s.get("/control/state")
    return {fault["id"]: fault for fault in state["faults"]}


async def streaming(s: Small) -> tuple[str, str, Socket]:
    """A call in a room that streams: its id, the stream's, and the service's end."""
    s.service.twiml = f"<Response>{s.service.stream()}{s.service.conference()}</Response>"
    call = await s.call()
    await s.until(lambda: bool(s.service.sockets) and len(s.service.sockets[0].media) > 2)
    (stream,) = s.exchange.state.streams_of(call)
    return call, stream.sid, s.service.sockets[0]


def numbers(socket: Socket) -> list[int]:
    """The media frames' sequence numbers."""
    return [int(frame["sequenceNumber"]) for frame in socket.media]


async def test_frames_are_held_back_lost_or_doubled() -> None:
    """A stall is a burst, a gap is a hole in numbers and times, a doubled frame is the same twice."""
    async with small() as s:
        call, stream, socket = await streaming(s)
        await order(s, "duplicate_frames", stream=stream, count=3)
        await s.until(lambda: len(numbers(socket)) - len(set(numbers(socket))) == 3)

        before = len(socket.media)
        await order(s, "gap", stream=stream, seconds=0.2)
        await s.until(lambda: numbers(socket)[-1] - numbers(socket)[before] > len(socket.media) - before)
        times = [int(frame["media"]["timestamp"]) for frame in socket.media[before:]]
        assert max(b - a for a, b in itertools.pairwise(times)) in {200, 220, 240}

        await order(s, "stall", stream=stream, seconds=0.5)
        tick, held = s.exchange.ticker.tick, len(socket.media)
        await s.until(lambda: s.exchange.ticker.tick >= tick + 15)
        assert len(socket.media) <= held + 2
        await s.until(lambda: len(socket.media) >= held + 25)
        await s.hang_up(call)
        after = numbers(socket)[held:]
        assert after == list(range(after[0], after[0] + len(after)))  # nothing of the stalled time is lost
        assert s.errors() == []


async def test_a_half_open_connection_is_silent_and_then_gone() -> None:
    """No frame, no close; the call goes on."""
    async with small() as s:
        call, stream, socket = await streaming(s)
        fault = await order(s, "half_open", stream=stream, seconds=0.4)
        heard = len(socket.media)
        await socket.ended.wait()
        assert len(socket.media) <= heard + 2
        assert socket.close_code == 1006
        await s.until(lambda: s.exchange.state.streams[stream].status is StreamStatus.FAILED)
        assert (s.status(call), s.errors()) == ("in-progress", [])
        assert (await shown(s))[fault]["left"] == 0
        await s.hang_up(call)


async def test_another_socket_says_that_it_is_the_same_stream() -> None:
    """The same start, its own frames; the first goes on, and the outcome is told."""
    async with small() as s:
        call, stream, first = await streaming(s)
        fault = await order(s, "second_socket", stream=stream, seconds=0.3)
        await s.until(lambda: len(s.service.sockets) == 2)
        second = s.service.sockets[1]
        await second.ended.wait()
        assert second.frames[1] == first.frames[1]
        assert second.frames[-1]["event"] == "stop"
        await s.until(lambda: s.exchange.faults.all[0].outcome != "")
        assert (await shown(s))[fault]["outcome"].startswith("open to its end")
        assert s.exchange.state.streams[stream].status is StreamStatus.LIVE
        await s.hang_up(call)
        assert numbers(first) == list(range(2, len(first.media) + 2))
        assert s.service.events("StreamEvent") == ["stream-started", "stream-stopped"]


async def test_callbacks_come_late_twice_and_in_reverse() -> None:
    """Only those that were ordered; the numbers tell the true order."""
    async with small() as s:
        await order(s, "duplicate_callbacks", count=1)
        await order(s, "delay_callbacks", count=1, seconds=0.3)
        await order(s, "reorder_callbacks", count=2, seconds=5)
        begin = s.exchange.ticker.tick
        agent, customer = await in_conference(s, "agent", "customer")
        await s.hang_up(agent)
        assert s.service.events("SequenceNumber") == ["1", "1", "2", "4", "3"]
        assert s.service.callbacks[0] == s.service.callbacks[1]
        assert s.exchange.ticker.tick - begin >= 15
        assert {fault["left"] for fault in (await shown(s)).values()} == {0}
        await order(s, "reorder_callbacks", count=9, seconds=0.2, about=customer)
        await s.hang_up(customer)
        assert s.service.events("SequenceNumber")[5:] == ["6", "5"]  # two were there when the time was up


async def test_the_next_requests_and_sockets_are_signed_wrongly() -> None:
    """As many as ordered; a refused voice request fails the call, a refused socket does not."""
    async with small() as s:
        s.service.twiml = f"<Response>{s.service.stream()}{s.service.conference()}</Response>"
        await order(s, "wrong_signature", count=1)
        failed = await s.call()
        await s.call_over(failed)
        assert (s.status(failed), s.service.refused) == ("failed", 1)
        await order(s, "wrong_signature", count=1, on="sockets")
        call = await s.call()
        await s.in_room(call)
        await s.until(lambda: 31920 in s.errors())
        assert s.service.refused == 2
        await s.hang_up(call)
        assert s.service.refused == 2


async def test_rest_fails_hangs_or_does_it_and_tells_nobody() -> None:
    """The next ones that fit; then it works again."""
    async with small() as s, twilio_client(s) as client:
        (call,) = await in_conference(s, "agent")
        (found,) = await client.conferences.list_async()
        await order(s, "fail_rest", count=2, path="/Participants", status=429, code=20429, retry_after_s=7)
        people = client.conferences(found.sid).participants
        assert (await client.calls(call).fetch_async()).status == "in-progress"
        assert await refused(people(call).fetch_async()) == (429, 20429)
        assert await refused(people(call).update_async(muted=True)) == (429, 20429)
        assert (await people(call).fetch_async()).muted is False
        await order(s, "fail_rest", count=1, performed=True)
        assert await refused(people(call).update_async(muted=True)) == (503, 20503)
        assert (await people(call).fetch_async()).muted is True
        await order(s, "hang_rest", count=1, seconds=30)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await people(call).fetch_async()
        await order(s, "fail_rest", count=5)
        async with s.http.delete(s.base + "/control/faults") as answer:
            assert answer.status == 204
        assert (await people(call).fetch_async()).label == "agent"
        with pytest.raises(TwilioRestException):
            await people("nobody").fetch_async()
        await s.hang_up(call)


BAD: list[tuple[dict[str, Any], int, str]] = [
    ({"kind": "explode"}, 400, "explode"),
    ({"kind": "stall", "stream": "MZ0"}, 400, "seconds"),
    ({"kind": "gap", "stream": "MZ0", "seconds": 61}, 400, "seconds"),
    ({"kind": "fail_rest", "count": 0}, 400, "count"),
    ({"kind": "fail_rest", "count": 1, "status": 200}, 400, "status"),
    ({"kind": "reorder_callbacks", "count": 1}, 400, "count"),
    ({"kind": "fail_rest", "count": 1, "often": 2}, 400, "often"),
    ({"kind": "half_open", "stream": "MZ0", "seconds": 1}, 404, "no live stream"),
]


async def test_a_fault_that_cannot_be_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its field; and nothing of it is kept. Too many at once are refused too."""
    monkeypatch.setattr(faults_module, "MAX_PENDING", 1)
    async with small() as s:
        for body, expected, named in BAD:
            status, answer = await s.post("/control/faults", body)
            assert (status, named in answer["error"], "\n" in answer["error"]) == (expected, True, False), answer
        assert await shown(s) == {}
        await order(s, "fail_rest", count=1)
        assert (await s.post("/control/faults", {"kind": "fail_rest", "count": 1}))[0] == 409
