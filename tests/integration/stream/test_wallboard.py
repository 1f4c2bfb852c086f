"""GET /v1/stream?topic=wallboard over a real socket: state, not log, for readers that come back and for slow ones."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, get_port_socket
from yarl import URL

from sidecar.adapters.clock import SystemClock
from sidecar.adapters.sql import Database, SqlDirectory, SqlEventLog
from sidecar.domain.events import ConferenceEnded, ConferenceStarted
from sidecar.ports.directory import BoundFork
from sidecar.runtime import wallboard
from sidecar.runtime.event_bus import EventBus
from sidecar.runtime.event_writer import EventWriter
from sidecar.runtime.wallboard import WallboardState
from sidecar.server import app_keys, stream
from sidecar.server.problems import problems
from sidecar.server.stream_hub import StreamHub
from tests.callers import no_door, open_house
from tests.facts import draft, fork_request, said
from tests.integration.stream.rig import READ_TIMEOUT_S


@dataclass
class Service:
    """A running service as far as the board's stream needs one."""

    url: str
    directory: SqlDirectory
    writer: EventWriter
    clock: SystemClock
    hub: StreamHub
    board: WallboardState

    async def live_call(self, room: str) -> BoundFork:
        call = await self.directory.open_fork(fork_request(f"CA{room}", room=room, now=self.clock.now()))
        await self.writer.submit([draft(call.conference.id, ConferenceStarted(room=room, conference_sid=None))])
        return call

    async def end(self, call: BoundFork) -> None:
        over = ConferenceEnded(reason="over", at_ms=5000)
        await self.writer.submit([draft(call.conference.id, over, at=self.clock.now())])


@pytest.fixture
async def service(database: Database) -> AsyncIterator[Service]:
    directory, event_log, bus, clock = SqlDirectory(database), SqlEventLog(database), EventBus(), SystemClock()
    hub, writer = StreamHub(), EventWriter(event_log, bus, clock)
    board = WallboardState(directory=directory, event_log=event_log, bus=bus, clock=clock)
    app = web.Application(middlewares=[problems, no_door])
    open_house(app, database)
    app[app_keys.EVENT_LOG], app[app_keys.DIRECTORY], app[app_keys.WALLBOARD_STATE] = event_log, directory, board
    app[app_keys.EVENT_BUS], app[app_keys.CLOCK], app[app_keys.STREAM_HUB] = bus, clock, hub
    app.router.add_get("/v1/stream", stream.stream)

    async def close_streams(_app: web.Application) -> None:
        await hub.close_all()

    app.on_shutdown.append(close_streams)
    server = TestServer(app, socket_factory=small_buffers)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(one.run(), name=type(one).__name__) for one in (writer, board)]
        await server.start_server()
        yield Service(str(server.make_url("/v1/stream")), directory, writer, clock, hub, board)
        await server.close()
        for task in running:
            task.cancel()


def small_buffers(host: str, port: int, family: socket.AddressFamily) -> socket.socket:
    """The kernel keeps little for a client that does not read, so that it is soon noticed."""
    listener = get_port_socket(host, port, family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 * 1024)  # what it accepts has the same
    return listener


async def reader_of_little(url: str) -> asyncio.StreamWriter:
    """Asks for the board and never reads."""
    with contextlib.closing(socket.socket()) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, (URL(url).host, URL(url).port))
        _, writer = await asyncio.open_connection(sock=connection.dup(), limit=1024)
    writer.write(f"GET {URL(url).path}?topic=wallboard HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return writer


async def next_frame(response: aiohttp.ClientResponse, *wanted: str) -> dict[str, Any]:
    """The next frame of these names, as its fields; ``data`` is decoded."""
    async with asyncio.timeout(READ_TIMEOUT_S):
        while True:
            fields: dict[str, Any] = {}
            while (line := (await response.content.readline()).decode().rstrip("\n")) != "":
                name, _, value = line.partition(": ")
                fields[name] = value
            if fields.get("event") in wanted:
                return fields | {"data": json.loads(fields["data"])}


BOARD = [("topic", "wallboard")]


async def test_a_reader_gets_a_snapshot_then_what_changed_and_never_an_id(
    service: Service, client: aiohttp.ClientSession
) -> None:
    one, two = await service.live_call("one"), await service.live_call("two")
    async with client.get(service.url, params=BOARD) as response:
        ready = await next_frame(response, "stream.ready")
        assert ready["data"]["from"] == {}
        rows: dict[str, Any] = {}
        first = await next_frame(response, "wallboard")
        assert (first["data"]["snapshot"], "id" in first) == (True, False)
        rows |= {row["id"]: row for row in first["data"]["rows"]}
        await service.writer.submit([said(two, 0, text="hello")])
        while not rows.get(two.conference.id, {}).get("last"):
            told = await next_frame(response, "wallboard")
            assert (told["data"]["snapshot"], "id" in told) == (False, False)
            rows |= {row["id"]: row for row in told["data"]["rows"]}
    assert rows[two.conference.id]["last"]["text"] == "hello"
    assert rows[one.conference.id]["room"] == "one"


async def test_many_events_are_gathered_into_few_frames(service: Service, client: aiohttp.ClientSession) -> None:
    call = await service.live_call("busy")
    async with client.get(service.url, params=BOARD) as response:
        await next_frame(response, "wallboard")
        await service.writer.submit([said(call, n, text=f"line {n}") for n in range(60)])
        frames, text = 0, ""
        while text != "line 59":
            told = await next_frame(response, "wallboard")
            frames += 1
            for row in told["data"]["rows"]:
                text = (row["last"] or {}).get("text", text)
    assert frames <= 3


async def test_whoever_comes_back_gets_a_new_snapshot_without_what_left(
    service: Service, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, stays = await service.live_call("gone"), await service.live_call("stays")
    async with client.get(service.url, params=BOARD) as response:
        await next_frame(response, "wallboard")
    monkeypatch.setattr(wallboard, "LINGER", wallboard.LINGER * 0)
    await service.end(gone)
    async with asyncio.timeout(READ_TIMEOUT_S):
        while [row.room for row in service.board.rows("")] != ["stays"]:
            await asyncio.sleep(0.01)
    headers = {"Last-Event-ID": "whatever a proxy made up"}
    async with client.get(service.url, params=BOARD, headers=headers) as response:
        # No gap: state has no history to lose.
        first = await next_frame(response, "wallboard", "stream.gap")
    assert first["data"]["snapshot"] is True
    assert [row["id"] for row in first["data"]["rows"]] == [stays.conference.id]


async def test_the_board_and_conferences_share_a_stream(service: Service, client: aiohttp.ClientSession) -> None:
    call = await service.live_call("both")
    params = [*BOARD, ("topic", f"conference:{call.conference.id}")]
    async with client.get(service.url, params=params) as response:
        seen: set[str] = set()
        await service.writer.submit([said(call, 0)])
        while not {"wallboard", "utterance.final"} <= seen:
            told = await next_frame(response, "wallboard", "utterance.final")
            seen.add(told["event"])
            assert ("id" in told) == (told["event"] == "utterance.final")


async def test_a_client_that_does_not_read_is_cut_off_and_the_others_do_not_notice(
    service: Service, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "WRITE_TIMEOUT_S", 0.3)
    monkeypatch.setattr(wallboard, "FRAME_EACH_S", 0.01)
    calls = [await service.live_call(f"room {n}") for n in range(40)]
    slow = await reader_of_little(service.url)
    async with client.get(service.url, params=BOARD) as response:
        n = 0
        while not service.hub.stalled:
            await service.writer.submit([said(call, n, text=f"{n} " + "x" * 190) for call in calls])
            n += 1
            told = await next_frame(response, "wallboard")
        last = f"{n} the end"
        await service.writer.submit([said(calls[0], n, text=last)])
        while not any((row["last"] or {}).get("text") == last for row in told["data"]["rows"]):
            told = await next_frame(response, "wallboard")
    assert service.hub.stalled == 1
    slow.transport.abort()
