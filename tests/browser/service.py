"""Pages, event stream and store as the service has them, without telephony; a test appends events by HTTP.

A process of its own, so that a test can kill it: ``python -m tests.browser.service PORT DATABASE_URL [STATUS]``.
With a STATUS it is a proxy whose service is away: it answers everything with that status. With "still" for a STATUS it
is the service, and its clock stands still. The door is the real one; ``KEY`` and ``SESSION`` open it.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import structlog
from aiohttp import web

from sidecar.adapters.chat_models.scripted import ScriptedChatModel
from sidecar.adapters.clock import SystemClock
from sidecar.adapters.passwords import ArgonPasswords
from sidecar.adapters.sql import (
    Database,
    SqlAccounts,
    SqlAlerts,
    SqlAnswers,
    SqlAuditLog,
    SqlDirectory,
    SqlEventLog,
    SqlOutbox,
    SqlSearch,
    SqlTranscripts,
    migrate,
)
from sidecar.adapters.sql.assistants import SqlAssistants
from sidecar.adapters.sql.tables_access import panel_tokens
from sidecar.domain.access.callers import NameRefused, UserRole
from sidecar.domain.assistant.events import AssistantDoing
from sidecar.domain.conference.values import Conference, Role
from sidecar.domain.events import DURABLE, Draft, Event, EventData, ForkHealth, Ping, UtterancePartial
from sidecar.ports.clock import Clock
from sidecar.ports.directory import ForkRequest
from sidecar.runtime.alert_desk import AlertDesk
from sidecar.runtime.assistant.desk import AssistantDesk, AssistantPolicy, Engines
from sidecar.runtime.event_bus import EventBus
from sidecar.runtime.event_writer import EventWriter
from sidecar.runtime.switchboard import Switchboard
from sidecar.runtime.wallboard import WallboardState
from sidecar.server import app_keys, stream
from sidecar.server.api.alert_rules import add_rule
from sidecar.server.api.alerts import acknowledge
from sidecar.server.api.notes import add_note
from sidecar.server.api.panel_tokens import make_panel_token
from sidecar.server.api.pauses import pause, resume
from sidecar.server.api.redactions import redact
from sidecar.server.api.transcripts import export_transcript
from sidecar.server.api.utterances import list_utterances
from sidecar.server.auth.login import add_login
from sidecar.server.auth.middleware import door
from sidecar.server.auth.rules import RULES, Rule, Way
from sidecar.server.limits import LIMITS, Limits
from sidecar.server.pages import add_pages
from sidecar.server.pages.errors import page_errors
from sidecar.server.problems import problems
from sidecar.server.reference import add_reference
from sidecar.server.routes import add_webhook_routes
from sidecar.server.strangers import STRANGERS, Strangers
from sidecar.server.stream_hub import StreamHub
from sidecar.server.twilio.edge import TwilioEdge
from tests.browser.service_parts import add_parts
from tests.callers import add_key, add_link, add_session, add_user
from tests.fake_engines import FakeVoice
from tests.fakes import FakeClock, ScriptedRecogniser

TYPES: dict[str, type[EventData]] = {cls.type: cls for cls in DURABLE} | {
    UtterancePartial.type: UtterancePartial,
    ForkHealth.type: ForkHealth,
    AssistantDoing.type: AssistantDoing,
    Ping.type: Ping,
}
# So that a test can count streams without waiting for one that was left.
stream.LOOK_S = 0.1
# For pictures that look the same each time. Past on every machine: nobody's session is over by then.
STANDING_STILL = datetime(2025, 3, 3, 12, 44, 7, 500_000, tzinfo=UTC)
WRITER = web.AppKey("writer", EventWriter)
DATABASE = web.AppKey("database", Database)
# What the cookie of a signed-in browser holds.
SESSION = "session-of-the-browser-tests"  # a supervisor's
ADMIN = "admin-of-the-browser-tests"


class Fact(msgspec.Struct):
    """What a test posts: an event's type and data, of a conference, at a moment on its clock."""

    conference: str
    type: str
    data: dict[str, Any]
    at_ms: int


async def open_call(request: web.Request) -> web.Response:
    """A conference (or another participant of one) as a call that fetched its TwiML leaves it."""
    wish = await request.json()
    clock = request.app[app_keys.CLOCK]
    started = clock.now() - timedelta(milliseconds=wish["age_ms"])
    bound = await request.app[app_keys.DIRECTORY].open_fork(
        ForkRequest(
            conference_id=clock.new_id("cnf"),
            participant_id=clock.new_id("par"),
            fork_id=clock.new_id("frk"),
            tenant="",
            room=wish["room"],
            call_sid=clock.new_id("CA"),
            label=wish["label"],
            name=wish["name"],
            role=Role(wish["role"]),
            token_hash=clock.new_token(),
            token_expires_at=started + timedelta(seconds=60),
            now=started,
        )
    )
    return web.json_response(
        {
            "conference": bound.conference.id,
            "participant": bound.participant.id,
            "fork": bound.fork.id,
            "call_sid": bound.participant.call_sid,
            "clock_zero": bound.conference.clock_zero.isoformat(),
        }
    )


async def append(request: web.Request) -> web.Response:
    """Store durable events and tell them, as the runtime does; passing ones are told only."""
    clock = request.app[app_keys.CLOCK]
    drafts: list[Draft] = []
    for fact in msgspec.json.decode(await request.read(), type=list[Fact]):
        data = msgspec.convert(fact.data, TYPES[fact.type])
        conference = await request.app[app_keys.DIRECTORY].conference(fact.conference)
        assert conference is not None
        moment = conference.clock_zero + timedelta(milliseconds=fact.at_ms)
        if isinstance(data, UtterancePartial | Ping | AssistantDoing):
            request.app[app_keys.EVENT_BUS].publish(_passing(conference.id, data, moment))
        else:
            drafts.append(Draft(id=clock.new_id("evt"), conference=conference.id, timestamp=moment, data=data))
    stored = await request.app[WRITER].submit(drafts) if drafts else []
    return web.json_response([event.seq for event in stored if event is not None])


async def lose_store(request: web.Request) -> web.Response:
    """What a client sees of a store that was set up anew: the same service, another epoch."""
    log = request.app[app_keys.EVENT_LOG]
    assert isinstance(log, ForgetfulLog)
    log.life += "x"
    return web.json_response({})


async def count_streams(request: web.Request) -> web.Response:
    """How many event streams are open, and how many were opened since the start."""
    hub = request.app[app_keys.STREAM_HUB]
    return web.json_response({"open": hub.open, "opened": hub.opened})


async def make_link(request: web.Request) -> web.Response:
    """A link for one sign-in as a new user of the posted name and role, by its token."""
    accounts, token = request.app[app_keys.ACCOUNTS], request.app[app_keys.CLOCK].new_token()
    body = await request.json()
    user = await add_user(accounts, body["name"], role=UserRole(body.get("role", UserRole.SUPERVISOR)))
    await add_link(accounts, user, token)
    return web.json_response({"token": token})


async def take_away_tokens(request: web.Request) -> web.Response:
    """No panel token counts any more, and the streams that were opened with one are closed."""
    async with request.app[DATABASE].write() as connection:
        await connection.execute(panel_tokens.delete())
    hub, accounts = request.app[app_keys.STREAM_HUB], request.app[app_keys.ACCOUNTS]
    for caller in hub.callers - await accounts.still_welcome(hub.callers, now=request.app[app_keys.CLOCK].now()):
        hub.close_of(caller)
    return web.json_response({})


class ForgetfulLog(SqlEventLog):
    """The real log with an epoch that a test can change."""

    life = ""

    async def epoch(self) -> str:
        return await super().epoch() + self.life


class NothingLeft(SqlDirectory):
    """Of calls that an earlier process left, the test itself tells what becomes of them."""

    async def unfinished(self) -> list[Conference]:
        return []


# The handlers of the test itself are for everybody who got in.
TEST_ROUTES = (
    ("POST", "origins"), ("POST", "calls"), ("POST", "events"), ("POST", "epoch"), ("POST", "links"),
    ("POST", "tokens_gone"), ("GET", "streams"),
)  # fmt: skip


class NamedVoice(FakeVoice):
    """Called as the one that needs no account."""

    engine = "local"


class OpenDesk(AssistantDesk):
    """The pages offer to invite; what comes of it, the test itself tells."""

    open = True


def _passing(conference: str, data: EventData, moment: datetime) -> Event:
    return Event(
        id="", type=data.type, seq=None, timestamp=moment, conference=conference, conference_sid=None,
        tenant="", data=data,
    )  # fmt: skip


def build(database_url: str, public_url: str, clock: Clock) -> web.Application:
    """The rooms under test, and the handlers of the test itself."""
    app = web.Application(middlewares=[problems, page_errors, door])
    app[STRANGERS], app[LIMITS] = Strangers(sockets_most=1), Limits(per_minute=0)
    app[app_keys.PANEL_ORIGINS] = origins = list[str]()
    app[app_keys.TWILIO_EDGE] = TwilioEdge(public_url=public_url)
    app.router.add_get("/v1/stream", stream.stream)
    app.router.add_get("/v1/conferences/{id}/utterances", list_utterances)
    app.router.add_get("/v1/conferences/{id}/transcript.{format}", export_transcript)
    app.router.add_post("/v1/conferences/{id}/notes", add_note)
    app.router.add_post("/v1/conferences/{id}/pause", pause)
    app.router.add_post("/v1/conferences/{id}/resume", resume)
    app.router.add_post("/v1/conferences/{id}/panel_tokens", make_panel_token)
    app.router.add_post("/v1/conferences/{id}/alerts/{alert}/acknowledge", acknowledge)
    app.router.add_post("/v1/conferences/{id}/utterances/{utterance}/redact", redact)
    app.router.add_post("/v1/alert_rules", add_rule)
    add_webhook_routes(app)

    async def allow_origin(request: web.Request) -> web.Response:
        """The pages of this origin may frame the panel."""
        origins.append((await request.json())["origin"])
        return web.json_response(origins)

    RULES.update({f"{method} /test/{what}": Rule(Way.CALLER) for method, what in TEST_ROUTES})
    app.router.add_post("/test/origins", allow_origin)
    app.router.add_post("/test/tokens_gone", take_away_tokens)
    app.router.add_post("/test/calls", open_call)
    app.router.add_post("/test/events", append)
    app.router.add_post("/test/epoch", lose_store)
    app.router.add_get("/test/streams", count_streams)
    app.router.add_post("/test/links", make_link)
    add_login(app)
    add_reference(app)
    add_pages(app, styleguide=True)

    async def lifespan(app: web.Application) -> AsyncIterator[None]:
        await migrate(database_url)
        database, bus, outbox = Database(database_url), EventBus(), SqlOutbox()
        app[DATABASE] = database
        app[app_keys.ACCOUNTS], app[app_keys.AUDIT] = SqlAccounts(database), SqlAuditLog(database)
        app[app_keys.PASSWORDS] = ArgonPasswords()
        with suppress(NameRefused):  # started again on the same store
            await add_key(app[app_keys.ACCOUNTS])
            await add_session(app[app_keys.ACCOUNTS], await add_user(app[app_keys.ACCOUNTS]), SESSION)
            olga = await add_user(app[app_keys.ACCOUNTS], "Olga", role=UserRole.ADMIN)
            await add_session(app[app_keys.ACCOUNTS], olga, ADMIN)
        event_log = ForgetfulLog(database, outbox)
        writer = EventWriter(event_log, bus, clock)
        app[app_keys.EVENT_LOG], app[app_keys.DIRECTORY] = event_log, SqlDirectory(database)
        app[app_keys.TRANSCRIPTS], app[app_keys.SEARCH] = SqlTranscripts(database), SqlSearch(database)
        app[app_keys.CLOCK], app[app_keys.EVENT_BUS], app[WRITER] = clock, bus, writer
        app[app_keys.EVENT_WRITER] = writer
        app[app_keys.STREAM_HUB] = StreamHub()
        app[app_keys.ANSWERS] = SqlAnswers(database)
        switchboard = Switchboard(
            directory=NothingLeft(database),
            event_log=event_log,
            writer=writer,
            bus=bus,
            clock=clock,
            recogniser=ScriptedRecogniser(),
            telephony=None,
            max_forks=100,
        )
        app[app_keys.SWITCHBOARD] = switchboard
        app[app_keys.ASSISTANTS] = OpenDesk(
            AssistantPolicy(), rows=SqlAssistants(database), directory=app[app_keys.DIRECTORY], event_log=event_log,
            writer=writer, bus=bus, clock=clock, telephony=None, engines=Engines(ScriptedChatModel(), NamedVoice()),
        )  # fmt: skip
        board = WallboardState(directory=app[app_keys.DIRECTORY], event_log=event_log, bus=bus, clock=clock)
        app[app_keys.WALLBOARD_STATE] = board
        app[app_keys.ALERTS] = SqlAlerts(database)
        app[app_keys.ALERT_DESK] = alert_desk = AlertDesk(
            rows=app[app_keys.ALERTS], directory=app[app_keys.DIRECTORY], event_log=event_log, writer=writer, bus=bus,
            clock=clock,
        )  # fmt: skip
        async with asyncio.TaskGroup() as tasks:
            running = [
                *await add_parts(app, database, outbox, clock, tasks),
                tasks.create_task(writer.run(), name="event-writer"),
                tasks.create_task(board.run(), name="wallboard"),
                tasks.create_task(alert_desk.run(), name="alerts"),
                tasks.create_task(switchboard.run(), name="switchboard"),
            ]
            yield
            for task in running:
                task.cancel()
        await database.close()

    async def close_streams(app: web.Application) -> None:
        await app[app_keys.STREAM_HUB].close_all()

    app.cleanup_ctx.append(lifespan)
    app.on_shutdown.append(close_streams)
    return app


def build_away(status: int) -> web.Application:
    """A proxy in front of a service that is not there."""
    app = web.Application()
    refused = 0

    async def refuse(_request: web.Request) -> web.Response:
        nonlocal refused
        refused += 1
        return web.Response(status=status, text="away")

    async def count_refused(_request: web.Request) -> web.Response:
        return web.json_response({"refused": refused})

    app.router.add_get("/test/refused", count_refused)
    app.router.add_route("*", "/{path:.*}", refuse)
    return app


def main(port: str, database_url: str, status: str = "") -> None:
    """Serve until killed; says "ready" on standard output when it listens."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    ready: Callable[..., None] = lambda *_: print("ready", flush=True)  # noqa: E731, T201
    clock = FakeClock(STANDING_STILL) if status == "still" else SystemClock()
    public_url = "https://sidecar.example.com" if status == "still" else f"http://127.0.0.1:{port}"
    app = build_away(int(status)) if status.isdecimal() else build(database_url, public_url, clock)
    web.run_app(app, host="127.0.0.1", port=int(port), print=ready, access_log=None, shutdown_timeout=1.0)


if __name__ == "__main__":
    main(*sys.argv[1:])
