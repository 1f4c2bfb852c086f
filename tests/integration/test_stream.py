"""GET /v1/stream over a real socket, with the real store, writer and bus: what a browser gets."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from sidecar.adapters.clock import SystemClock
from sidecar.adapters.sql import Database, SqlDirectory, SqlEventLog
from sidecar.adapters.sql.tables import events as event_rows
from sidecar.domain.errors import StoreUnavailable
from sidecar.domain.events import ConferenceStarted, Event, Ping, UtterancePartial
from sidecar.ports.directory import BoundFork
from sidecar.runtime.event_bus import EventBus, conference_topic
from sidecar.runtime.event_writer import EventWriter
from sidecar.runtime.wallboard import WallboardState
from sidecar.server import app_keys, stream, stream_hub
from sidecar.server.problems import problems
from sidecar.wire.sse import Positions
from tests.callers import no_door, open_house
from tests.facts import NOON, draft, open_call, said

READ_TIMEOUT_S = 10.0


class FlakyLog(SqlEventLog):
    """The real log, which a test can make unreadable."""

    broken = False

    async def read(self, conference_id: str, *, after: int = 0, limit: int = 1000) -> list[Event]:
        if self.broken:
            raise StoreUnavailable("The disk is away.")
        return await super().read(conference_id, after=after, limit=limit)


@dataclass
class Service:
    """A running service as far as streams need one."""

    url: str
    log: FlakyLog
    directory: SqlDirectory
    bus: EventBus
    writer: EventWriter
    hub: stream_hub.StreamHub
    database: Database

    async def call(self, room: str = "support") -> BoundFork:
        return await open_call(self.directory, f"CA{room}", room=room)

    async def nobody_streams(self) -> None:
        """Returns when every stream that was opened is gone."""
        async with asyncio.timeout(READ_TIMEOUT_S):
            while self.hub.open or not self.hub.opened:
                await asyncio.sleep(0.01)


@pytest.fixture
async def service(database: Database) -> AsyncIterator[Service]:
    event_log, bus, clock = FlakyLog(database), EventBus(), SystemClock()
    hub, writer = stream_hub.StreamHub(), EventWriter(event_log, bus, clock)
    app = web.Application(middlewares=[problems, no_door])
    open_house(app, database)
    app[app_keys.EVENT_LOG], app[app_keys.DIRECTORY] = event_log, SqlDirectory(database)
    app[app_keys.EVENT_BUS], app[app_keys.CLOCK], app[app_keys.STREAM_HUB] = bus, clock, hub
    directory = app[app_keys.DIRECTORY]
    app[app_keys.WALLBOARD_STATE] = WallboardState(directory=directory, event_log=event_log, bus=bus, clock=clock)
    app.router.add_get("/v1/stream", stream.stream)

    async def close_streams(_app: web.Application) -> None:
        await hub.close_all()

    app.on_shutdown.append(close_streams)
    server = TestServer(app)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(writer.run(), name="event-writer")
        await server.start_server()
        url = str(server.make_url("/v1/stream"))
        yield Service(url, event_log, SqlDirectory(database), bus, writer, hub, database)
        await server.close()
        running.cancel()


@dataclass
class Frame:
    """One event as a browser sees it."""

    event: str
    data: Any
    id: str | None


class Browser:
    """An EventSource of a few lines: parses frames, remembers the last id. Not our own parser on purpose."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.head = b""

    async def frame(self) -> Frame:
        """The next event; comments and bare ``retry`` blocks are passed over. EOFError at the end."""
        async with asyncio.timeout(READ_TIMEOUT_S):
            while True:
                fields: dict[str, str] = {}
                while line := await self.response.content.readline():
                    text = line.decode().rstrip("\n")
                    if not text:
                        break
                    name, _, value = text.partition(": ")
                    fields[name] = value
                else:
                    raise EOFError
                if "data" in fields:
                    return Frame(fields.get("event", "message"), json.loads(fields["data"]), fields.get("id"))

    async def rest(self) -> list[Frame]:
        """All frames until the connection ends."""
        frames: list[Frame] = []
        try:
            while True:
                frames.append(await self.frame())
        except (EOFError, aiohttp.ClientError):
            return frames

    async def until(self, event: str, count: int = 1) -> list[Frame]:
        """All frames up to the ``count``-th of that name."""
        frames: list[Frame] = []
        while sum(frame.event == event for frame in frames) < count:
            frames.append(await self.frame())
        return frames


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_connect=5)) as session:
        yield session


def topic(*calls: BoundFork) -> list[tuple[str, str]]:
    return [("topic", conference_topic(call.conference.id)) for call in calls]


def partial(call: BoundFork, utterance: str, text: str) -> Event:
    data = UtterancePartial(id=utterance, participant=call.participant.id, start_ms=0, end_ms=5, text=text, lag_ms=1)
    return Event(
        id="",
        type=data.type,
        seq=None,
        timestamp=NOON,
        conference=call.conference.id,
        conference_sid=None,
        tenant="default",
        data=data,
    )


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
        browser = Browser(response)
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
        browser = Browser(response)
        await browser.frame()
        await service.writer.submit([said(call, 0)])
        live = await browser.frame()
    async with client.get(service.url, params=topic(call)) as response:
        replayed = (await Browser(response).until("utterance.final"))[-1]
    assert live == replayed


@pytest.mark.parametrize("carrier", ["header", "query"])
async def test_a_client_goes_on_behind_the_id_it_has(
    service: Service, client: aiohttp.ClientSession, carrier: str
) -> None:
    call = await service.call()
    await service.writer.submit([said(call, index) for index in range(5)])
    position = str(Positions(await service.log.epoch(), {call.conference.id: 3}))
    stale = str(Positions(await service.log.epoch(), {call.conference.id: 1}))
    query = [*topic(call), ("last_event_id", stale if carrier == "header" else position)]
    headers = {"Last-Event-ID": position} if carrier == "header" else {}
    async with client.get(service.url, params=query, headers=headers) as response:
        frames = await Browser(response).until("utterance.final", 2)
    assert frames[0].data["resumed"] is True
    assert [frame.data["seq"] for frame in frames[1:]] == [4, 5]


async def test_a_client_that_reads_for_several_pages_says_in_words_where_each_of_them_is(
    service: Service, client: aiohttp.ClientSession
) -> None:
    calls = [await service.call(name) for name in ("one", "two", "three")]
    for call in calls:
        await service.writer.submit([said(call, index) for index in range(3)])
    one, two, three = (call.conference.id for call in calls)
    query = [*topic(*calls), ("epoch", await service.log.epoch()), ("after", f"{one}:2"), ("after", f"{two}:3")]
    async with client.get(service.url, params=query) as response:
        frames = await Browser(response).until("utterance.final", 4)
    assert frames[0].data["resumed"] is True
    assert frames[0].data["from"] == {one: 2, two: 3, three: 0}
    assert [(frame.data["conference"], frame.data["seq"]) for frame in frames[1:]] == [
        (one, 3), (three, 1), (three, 2), (three, 3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("epoch", "after", "reason"),
    [("another", "{id}:1", "other_epoch"), ("", "{id}:9", "other_epoch"), ("{epoch}", "{id}", "position_unknown")],
)
async def test_words_that_are_no_position_here_are_a_gap_and_the_replay_starts_anew(
    service: Service, client: aiohttp.ClientSession, epoch: str, after: str, reason: str
) -> None:
    call = await service.call()
    await service.writer.submit([said(call, 0)])
    words = {"epoch": epoch.format(epoch=await service.log.epoch()), "after": after.format(id=call.conference.id)}
    async with client.get(service.url, params=[*topic(call), *words.items()]) as response:
        _, gap, first = await Browser(response).until("utterance.final")
    assert gap.data == {"reason": reason, "topics": [conference_topic(call.conference.id)]}
    assert first.data["seq"] == 1


async def test_a_stream_that_is_left_while_nobody_speaks_is_given_up(
    service: Service, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "LOOK_S", 0.05)
    call = await service.call()
    async with client.get(service.url, params=topic(call)) as response:
        await Browser(response).frame()
        response.close()
    await service.nobody_streams()
    assert service.bus.subscribers == 0


@pytest.mark.parametrize("seed", range(4))
async def test_clients_that_are_cut_off_at_random_miss_nothing_and_get_nothing_twice(
    seed: int, service: Service, client: aiohttp.ClientSession
) -> None:
    """Two conferences are spoken in while three clients lose their connections again and again."""
    chance = random.Random(seed)
    calls = [await service.call("one"), await service.call("two")]
    total = 120

    async def speak(call: BoundFork) -> None:
        index = 0
        while index < total:
            count = min(chance.randint(1, 5), total - index)
            await service.writer.submit([said(call, index + n) for n in range(count)])
            index += count
            service.bus.publish(partial(call, f"utt_p{index}", "hm"))

    async def listen() -> None:
        seen: dict[str, list[int]] = {call.conference.id: [] for call in calls}
        last_id: str | None = None
        connections = 0
        while any(len(seqs) < total for seqs in seen.values()):
            connections += 1
            patience = chance.randint(1, 60)
            headers = {} if last_id is None else {"Last-Event-ID": last_id}
            async with client.get(service.url, params=topic(*calls), headers=headers) as response:
                browser = Browser(response)
                ready = await browser.frame()
                assert ready.data["resumed"] is (last_id is not None)
                while patience and any(len(seqs) < total for seqs in seen.values()):
                    frame = await browser.frame()
                    if frame.event == "utterance.final":
                        seen[frame.data["conference"]].append(frame.data["seq"])
                        last_id = frame.id
                        patience -= 1
                response.close()
        assert seen == {call.conference.id: list(range(1, total + 1)) for call in calls}, f"seed {seed}"
        assert connections > 1

    async with asyncio.TaskGroup() as group:
        for call in calls:
            group.create_task(speak(call), name="speaker")
        for number in range(3):
            group.create_task(listen(), name=f"client {number}")


async def test_a_client_may_ask_by_twilios_id_and_by_ours_at_once(
    service: Service, client: aiohttp.ClientSession
) -> None:
    call = await service.call()
    await service.directory.bind_conference(call.conference.id, "CF123")
    await service.writer.submit([said(call, 0)])
    async with client.get(service.url, params=[*topic(call), ("topic", "conference:CF123")]) as response:
        frames = await Browser(response).until("utterance.final")
        assert list(frames[0].data["from"]) == [call.conference.id]
        await service.writer.submit([said(call, 1)])
        assert (await Browser(response).frame()).data["seq"] == 2


async def test_an_id_of_another_life_of_the_store_is_a_gap_and_the_replay_starts_anew(
    service: Service, client: aiohttp.ClientSession
) -> None:
    call = await service.call()
    await service.writer.submit([said(call, 0)])
    for position, reason in [
        (str(Positions("another", {call.conference.id: 1})), "other_epoch"),
        (str(Positions(await service.log.epoch(), {call.conference.id: 9})), "beyond_end"),
        ("certainly not ours", "position_unknown"),
    ]:
        async with client.get(service.url, params=topic(call), headers={"Last-Event-ID": position}) as response:
            ready, gap, first = await Browser(response).until("utterance.final")
        assert ready.data["resumed"] is False
        assert (gap.event, gap.id) == ("stream.gap", None)
        assert gap.data == {"reason": reason, "topics": [conference_topic(call.conference.id)]}
        assert first.data["seq"] == 1
        assert first.id == str(Positions(await service.log.epoch(), {call.conference.id: 1}))


async def test_a_topic_that_the_id_does_not_know_is_replayed_without_a_gap(
    service: Service, client: aiohttp.ClientSession
) -> None:
    old, new = await service.call("old"), await service.call("new")
    await service.writer.submit([said(old, 0), said(new, 0)])
    position = str(Positions(await service.log.epoch(), {old.conference.id: 1}))
    async with client.get(service.url, params=topic(old, new), headers={"Last-Event-ID": position}) as response:
        ready, first = await Browser(response).until("utterance.final")
    assert ready.data["resumed"] is True
    assert (first.data["conference"], first.data["seq"]) == (new.conference.id, 1)


async def test_history_that_is_gone_from_the_store_is_a_gap(service: Service, client: aiohttp.ClientSession) -> None:
    call = await service.call()
    await service.writer.submit([said(call, index) for index in range(5)])
    async with service.database.write() as connection:
        await connection.execute(event_rows.delete().where(event_rows.c.seq <= 3))
    position = str(Positions(await service.log.epoch(), {call.conference.id: 1}))
    async with client.get(service.url, params=topic(call), headers={"Last-Event-ID": position}) as response:
        frames = await Browser(response).until("utterance.final", 2)
    assert [frame.event for frame in frames] == ["stream.ready", "stream.gap", "utterance.final", "utterance.final"]
    assert frames[1].data["reason"] == "history_gone"


async def test_events_that_another_process_stored_are_read_from_the_log(
    service: Service, client: aiohttp.ClientSession
) -> None:
    call = await service.call()
    async with client.get(service.url, params=topic(call)) as response:
        browser = Browser(response)
        await browser.frame()
        await service.log.append([said(call, 0), said(call, 1)])  # nobody is told
        await service.writer.submit([said(call, 2)])
        frames = [await browser.frame() for _ in range(3)]
    assert [frame.data["seq"] for frame in frames] == [1, 2, 3]


async def test_partials_are_gathered_to_the_newest_and_have_no_id(
    service: Service, client: aiohttp.ClientSession
) -> None:
    call = await service.call()
    async with client.get(service.url, params=topic(call)) as response:
        browser = Browser(response)
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
        browser = Browser(response)
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
        browser = Browser(response)
        await browser.frame()
        lines = [await response.content.readline() for _ in range(4)]
    assert lines[:3] == [b": hb\n", b"\n", b"event: ping\n"]


async def test_a_client_that_falls_behind_is_closed_and_resumes(
    service: Service, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.runtime.event_bus.QUEUE_EVENTS", 20)
    call = await service.call()
    async with client.get(service.url, params=topic(call)) as response:
        browser = Browser(response)
        await browser.frame()
        # More than the queue holds, in one go: the subscriber has no chance to fetch any.
        await service.writer.submit([said(call, index) for index in range(60)])
        got = await browser.rest()
    assert service.hub.too_slow == 1
    seen = [frame.data["seq"] for frame in got]
    assert len(seen) < 60
    headers = {"Last-Event-ID": str(got[-1].id)} if got else {}
    async with client.get(service.url, params=topic(call), headers=headers) as response:
        frames = await Browser(response).until("utterance.final", 60 - len(seen))
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
        browsers = [Browser(response), Browser(other)]
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
        await Browser(response).frame()
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
        browser = Browser(response)
        assert [(await browser.frame()).event for _ in range(2)] == ["stream.ready", "stream.closing"]
        with pytest.raises(EOFError):
            await browser.frame()


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ([], 400, "topic_missing"),
        ([("topic", "conference:")], 400, "topic_invalid"),
        ([("topic", "cnf_1")], 400, "topic_invalid"),
        ([("topic", "weather:\0today")], 400, "topic_invalid"),
        ([("topic", "conference:cnf_nobody")], 404, "not_found"),
        ([("topic", f"conference:{n}") for n in range(21)], 400, "too_many_topics"),
    ],
)
async def test_bad_topics_are_problems(
    service: Service, client: aiohttp.ClientSession, query: list[tuple[str, str]], status: int, code: str
) -> None:
    async with client.get(service.url, params=query) as response:
        assert response.status == status
        assert response.content_type == "application/problem+json"
        body = await response.json(content_type=None)
    assert (body["code"], body["status"], body["instance"]) == (code, status, "/v1/stream")
    assert body["request_id"] == response.headers["X-Request-Id"]


async def test_more_streams_than_the_service_carries_are_refused(
    service: Service, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_hub, "STREAMS_AT_ONCE", 1)
    call = await service.call()
    async with client.get(service.url, params=topic(call)) as first:
        await Browser(first).frame()
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
