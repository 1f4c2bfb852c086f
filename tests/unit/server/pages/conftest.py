"""Pages on the real store, through aiohttp's client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from sidecar.adapters.sql import (
    Database,
    SqlDirectory,
    SqlEventLog,
    SqlOutbox,
    SqlSearch,
    SqlTranscripts,
    SqlWebhookEndpoints,
)
from sidecar.adapters.sql.assistants import SqlAssistants
from sidecar.domain.conference.values import Conference
from sidecar.domain.errors import StoreUnavailable
from sidecar.runtime.assistant.desk import AssistantDesk, AssistantPolicy
from sidecar.runtime.event_bus import EventBus
from sidecar.runtime.event_writer import EventWriter
from sidecar.runtime.wallboard import WallboardState
from sidecar.server import app_keys
from sidecar.server.pages import add_pages
from sidecar.server.pages.errors import page_errors
from sidecar.server.twilio.edge import TwilioEdge
from tests.callers import no_door, open_house
from tests.fakes import FakeClock


class FlakyDirectory(SqlDirectory):
    """The real directory, which a test can make unreadable."""

    broken = False

    async def conference(self, id_or_sid: str, *, tenant: str | None = None) -> Conference | None:
        self._check()
        return await super().conference(id_or_sid, tenant=tenant)

    async def conferences(
        self, *, room: str | None = None, tenant: str | None = None, agent: str | None = None, limit: int = 50
    ) -> list[Conference]:
        self._check()
        return await super().conferences(room=room, tenant=tenant, agent=agent, limit=limit)

    def _check(self) -> None:
        if self.broken:
            raise StoreUnavailable("The disk is away.", next_step="Look at the disk.")


@dataclass
class Pages:
    """The pages and what they read."""

    client: TestClient[web.Request, web.Application]
    directory: FlakyDirectory
    log: SqlEventLog
    clock: FakeClock
    board: WallboardState
    webhooks: SqlWebhookEndpoints


@pytest.fixture
async def pages(database: Database, request: pytest.FixtureRequest) -> AsyncIterator[Pages]:
    """Pages without telephony, behind https://sidecar.example. The parameter, if any: the port of a demo's phone."""
    app = web.Application(middlewares=[page_errors, no_door])
    open_house(app, database)
    directory, log, clock = FlakyDirectory(database), SqlEventLog(database), FakeClock()
    app[app_keys.DIRECTORY], app[app_keys.EVENT_LOG], app[app_keys.CLOCK] = directory, log, clock
    app[app_keys.TRANSCRIPTS], app[app_keys.SEARCH] = SqlTranscripts(database), SqlSearch(database)
    app[app_keys.WEBHOOK_ENDPOINTS] = webhooks = SqlWebhookEndpoints(database, SqlOutbox())
    board = WallboardState(directory=directory, event_log=log, bus=EventBus(), clock=clock)
    app[app_keys.WALLBOARD_STATE] = board
    app[app_keys.TWILIO_EDGE] = TwilioEdge(public_url="https://sidecar.example")
    app[app_keys.PHONE_PORT] = getattr(request, "param", 0)
    app[app_keys.PANEL_ORIGINS] = ("https://crm.example",)
    app[app_keys.ASSISTANTS] = AssistantDesk(
        AssistantPolicy(), rows=SqlAssistants(database), directory=directory, event_log=log,
        writer=EventWriter(log, EventBus(), clock), bus=EventBus(), clock=clock, telephony=None, engines=None,
    )  # fmt: skip
    add_pages(app)
    async with TestClient(TestServer(app)) as client:
        yield Pages(client, directory, log, clock, board, webhooks)
