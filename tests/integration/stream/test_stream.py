"""GET /v1/stream over a real socket, with the real store, writer and bus: what a browser gets."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from sidecar.domain.events import ConferenceStarted, Ping
from sidecar.server import stream, stream_hub
from sidecar.wire.sse import Positions
from tests.facts import NOON, draft, said
from tests.integration.stream.rig import READ_TIMEOUT_S, EventSource, Service, partial, topic

pytestmark = pytest.mark.traced(False)  # its parts are shown one by one elsewhere


async def test_a_new_client_gets_everything_from_the_beginning_and_then_what_happens(
    service: Service, client: aiohttp.ClientSession
) -> None:
    call = await service.call()
    await service.writer.submit([draft(call.conference.id, ConferenceStarted(room="support", conference_sid=None))])
    async with client.get(service.url, params=topic(call)) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-cache, no-transform"
        assert response.headers["X-Accel-Buffering"] == "no"
        assert await response.content.readline() == b"retry: 2000\n"
        browser = EventSource(response)
        ready = await browser.frame()
        assert ready.event == "stream.ready"
        assert ready.data == {
            "resumed": False,
            "epoch": await service.log.epoch(),
            "from": {call.conference.id: 0},
        }
        first = await browser.frame()
        assert (first.event, first.data["seq"]) == ("conference.started", 1)
        (stored,) = await service.writer.submit([said(call, 0, text="grüß dich")])
        second = await browser.frame()
        assert (second.event, second.data["seq"], second.data["data"]["text"]) == ("utterance.final", 2, "grüß dich")
        assert stored is not None
        assert second.data["id"] == stored.id
        assert str(Positions(await service.log.epoch(), {call.conference.id: 2})) == second.id


async def test_replayed_and_live_events_are_the_same_bytes(service: Service, client: aiohttp.ClientSession) -> None:
    call = await service.call()
    async with client.get(service.url, params=topic(call)) as response:
        browser = EventSource(response)
        await browser.frame()
        await service.writer.submit([said(call, 0)])
        live = await browser.frame()
    async with client.get(service.url, params=topic(call)) as response:
        replayed = (await EventSource(response).until("utterance.final"))[-1]
    assert live == replayed


async def test_partials_are_gathered_to_the_newest_and_have_no_id(
    service: Service, client: aiohttp.ClientSession
) -> None:
    call = await service.call()
    async with client.get(service.url, params=topic(call)) as response:
        browser = EventSource(response)
        await browser.frame()
        for text in ("I", "I would", "I would like"):
            service.bus.publish(partial(call, "utt_1", text))
        frame = await browser.frame()
        assert (frame.event, frame.id, frame.data["seq"]) == ("utterance.partial", None, None)
        assert frame.data["data"]["text"] == "I would like"
        await service.writer.submit([said(call, 0)])
        assert (await browser.frame()).event == "utterance.final"


async def test_a_ping_tells_how_much_is_unsaved_in_all_topics(
    service: Service, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.2)
    one, two = await service.call("one"), await service.call("two")
    async with client.get(service.url, params=topic(one, two)) as response:
        browser = EventSource(response)
        await browser.frame()
        for call, unsaved in ((one, 3), (two, 4)):
            ping = Ping(time=NOON, unsaved=unsaved)
            service.bus.publish(msgspec.structs.replace(partial(call, "", ""), type=ping.type, data=ping))
        frames = await browser.until("ping", 4)
    assert frames[-1].data["unsaved"] == 7  # the heartbeat remembers
    assert frames[-1].data["unsaved_in"] == {one.conference.id: 3, two.conference.id: 4}
    assert set(frames[-1].data) == {"time", "unsaved", "unsaved_in"}
    assert frames[-1].id is None


async def test_an_idle_stream_beats(
    service: Service, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.05)
    call = await service.call()
    async with client.get(service.url, params=topic(call)) as response:
        browser = EventSource(response)
        await browser.frame()
        lines = [await response.content.readline() for _ in range(4)]
    assert lines[:3] == [b": hb\n", b"\n", b"event: ping\n"]


async def test_a_client_that_falls_behind_is_closed_and_resumes(
    service: Service, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.runtime.event_bus.QUEUE_EVENTS", 20)
    call = await service.call()
    async with client.get(service.url, params=topic(call)) as response:
        browser = EventSource(response)
        await browser.frame()
        # More than the queue holds, in one go: the subscriber has no chance to fetch any.
        await service.writer.submit([said(call, index) for index in range(60)])
        got = await browser.rest()
    assert service.hub.too_slow == 1
    seen = [frame.data["seq"] for frame in got]
    assert len(seen) < 60
    headers = {"Last-Event-ID": str(got[-1].id)} if got else {}
    async with client.get(service.url, params=topic(call), headers=headers) as response:
        frames = await EventSource(response).until("utterance.final", 60 - len(seen))
    assert seen + [frame.data["seq"] for frame in frames[1:]] == list(range(1, 61))


async def test_a_client_that_does_not_read_is_cut_off(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "WRITE_TIMEOUT_S", 0.2)
    call = await service.call()
    # More than all buffers between the two together.
    for part in range(40):
        await service.writer.submit([said(call, part * 50 + n, text="word " * 1000) for n in range(50)])
    host, port = service.url.removeprefix("http://").split("/")[0].split(":")
    _reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    writer.write(f"GET /v1/stream?topic=conference:{call.conference.id} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await service.nobody_streams()
    assert service.hub.stalled == 1
    writer.transport.abort()


async def test_stopping_tells_every_client_when_to_come_back(service: Service, client: aiohttp.ClientSession) -> None:
    call = await service.call()
    async with (
        client.get(service.url, params=topic(call)) as response,
        client.get(service.url, params=topic(call)) as other,
    ):
        browsers = [EventSource(response), EventSource(other)]
        for browser in browsers:
            await browser.frame()
        async with asyncio.timeout(1):
            await service.hub.close_all()
        for browser in browsers:
            closing = await browser.frame()
            assert closing.event == "stream.closing"
            assert 500 <= closing.data["retry_ms"] < 2500
            with pytest.raises(EOFError):
                await browser.frame()
    assert service.hub.open == 0
    async with client.get(service.url, params=topic(call)) as response:
        assert (response.status, (await response.json(content_type=None))["code"]) == (503, "stopping")


async def test_a_client_that_left_is_forgotten_with_the_next_write(
    service: Service, client: aiohttp.ClientSession
) -> None:
    call = await service.call()
    async with client.get(service.url, params=topic(call)) as response:
        await EventSource(response).frame()
        response.close()
    index = 0
    async with asyncio.timeout(READ_TIMEOUT_S):
        while service.hub.open:
            await service.writer.submit([said(call, index)])
            index += 1
    assert service.bus.subscribers == 0


async def test_a_store_that_cannot_be_read_sends_the_client_away_to_come_back(
    service: Service, client: aiohttp.ClientSession
) -> None:
    call = await service.call()
    service.log.broken = True
    async with client.get(service.url, params=topic(call)) as response:
        browser = EventSource(response)
        assert [(await browser.frame()).event for _ in range(2)] == ["stream.ready", "stream.closing"]
        with pytest.raises(EOFError):
            await browser.frame()


async def test_bad_topics_are_problems(service: Service, client: aiohttp.ClientSession) -> None:
    for topics, status, code in (
        ([], 400, "topic_missing"),
        (["conference:"], 400, "topic_invalid"),
        (["cnf_1"], 400, "topic_invalid"),
        (["weather:\0today"], 400, "topic_invalid"),
        (["wallboards"], 400, "topic_invalid"),
        (["conference:cnf_nobody"], 404, "not_found"),
        ([f"conference:{n}" for n in range(21)], 400, "too_many_topics"),
    ):
        async with client.get(service.url, params=[("topic", name) for name in topics]) as response:
            assert response.status == status
            assert response.content_type == "application/problem+json"
            body = await response.json(content_type=None)
        assert (body["code"], body["status"], body["instance"]) == (code, status, "/v1/stream"), topics
        assert body["request_id"] == response.headers["X-Request-Id"]


async def test_more_streams_than_the_service_carries_are_refused(
    service: Service, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_hub, "STREAMS_AT_ONCE", 1)
    call = await service.call()
    async with client.get(service.url, params=topic(call)) as first:
        await EventSource(first).frame()
        async with client.get(service.url, params=topic(call)) as second:
            assert second.status == 503
            assert second.headers["Retry-After"]
            assert (await second.json(content_type=None))["code"] == "too_many_streams"


async def test_head_answers_without_a_stream(service: Service, client: aiohttp.ClientSession) -> None:
    call = await service.call()
    async with client.head(service.url, params=topic(call)) as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
    assert service.hub.opened == 0


async def test_a_client_that_hung_up_before_the_first_byte_is_no_error(
    service: Service, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many do at once while a busy service comes back: a traceback for each would hide what matters."""
    bound = await service.call()

    async def gone(*_: Any) -> None:
        raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")

    monkeypatch.setattr(web.StreamResponse, "prepare", gone)
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await http.get(f"{service.url}?topic=conference:{bound.conference.id}")
    assert (service.hub.open, caplog.records) == (0, [])


async def test_a_stream_that_is_left_while_nobody_speaks_is_given_up(
    service: Service, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "LOOK_S", 0.05)
    call = await service.call()
    async with client.get(service.url, params=topic(call)) as response:
        await EventSource(response).frame()
        response.close()
    await service.nobody_streams()
    assert service.bus.subscribers == 0
