"""The event stream on the real store, writer and bus, and a client of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from sidecar.adapters.clock import SystemClock
from sidecar.adapters.sql import Database, SqlDirectory
from sidecar.runtime.event_bus import EventBus
from sidecar.runtime.event_writer import EventWriter
from sidecar.runtime.wallboard import WallboardState
from sidecar.server import app_keys, stream, stream_hub
from sidecar.server.problems import problems
from tests.callers import no_door, open_house
from tests.integration.stream.rig import FlakyLog, Service


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


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_connect=5)) as session:
        yield session
