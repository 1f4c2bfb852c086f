"""The composition root: builds every part from the settings, starts them in order and stops them in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

import structlog
from aiohttp import web

from sidecar import __version__
from sidecar.adapters.clock import SystemClock
from sidecar.adapters.engines import open_chat_model, open_realtime_model, open_recogniser, open_voice
from sidecar.adapters.event_forwarder import HttpEventForwarder
from sidecar.adapters.passwords import ArgonPasswords
from sidecar.adapters.recognisers.local import start_local_recogniser
from sidecar.adapters.sql.accounts import SqlAccounts
from sidecar.adapters.sql.alerts import SqlAlerts
from sidecar.adapters.sql.answers import SqlAnswers
from sidecar.adapters.sql.assistants import SqlAssistants
from sidecar.adapters.sql.audit import SqlAuditLog
from sidecar.adapters.sql.dial_outs import SqlDialOuts
from sidecar.adapters.sql.directory import SqlDirectory
from sidecar.adapters.sql.engine import Database
from sidecar.adapters.sql.event_log import SqlEventLog
from sidecar.adapters.sql.keeping.erasure import SqlErasure
from sidecar.adapters.sql.keeping.policies import SqlKeepings
from sidecar.adapters.sql.migrate import migrate
from sidecar.adapters.sql.search.query import SqlSearch
from sidecar.adapters.sql.transcripts import SqlTranscripts
from sidecar.adapters.sql.webhooks.deliveries import SqlWebhookDeliveries
from sidecar.adapters.sql.webhooks.endpoints import SqlWebhookEndpoints
from sidecar.adapters.sql.webhooks.outbox import SqlOutbox
from sidecar.adapters.sql.webhooks.queue import SqlWebhookQueue
from sidecar.adapters.webhook_http import HttpWebhookSender
from sidecar.config import Settings
from sidecar.config.checks import listed
from sidecar.domain.dial_out import DialOutPolicy
from sidecar.domain.errors import RecogniserUnavailable, SidecarError
from sidecar.domain.keeping import Keeping
from sidecar.domain.tenant_rules import TenantRules
from sidecar.ports.clock import Clock
from sidecar.ports.engines import EngineSettings
from sidecar.ports.event_forwarder import EventForwarder
from sidecar.ports.recogniser import Recogniser
from sidecar.runtime.alert_desk import AlertDesk
from sidecar.runtime.assistant.desk import AssistantDesk, AssistantPolicy, Engines
from sidecar.runtime.dial_out import Dialler
from sidecar.runtime.event_bus import EventBus
from sidecar.runtime.event_writer import EventWriter
from sidecar.runtime.keeping import KeepingDesk
from sidecar.runtime.redaction_by_hand import RedactionByHand
from sidecar.runtime.switchboard import Switchboard
from sidecar.runtime.wallboard import WallboardState
from sidecar.runtime.webhook_dispatcher import WebhookDispatcher
from sidecar.server import app_keys as keys
from sidecar.server.auth.middleware import door
from sidecar.server.auth.recheck import recheck_rights
from sidecar.server.cors import CORS_ORIGINS, cors, say_origin
from sidecar.server.limits import LIMITS, Limits, say_rate
from sidecar.server.operations.metrics import Metrics, Sources
from sidecar.server.operations.readiness import Readiness
from sidecar.server.pages.errors import page_errors
from sidecar.server.problems import problems
from sidecar.server.routes import add_routes
from sidecar.server.strangers import STRANGERS, Strangers, limit_strangers
from sidecar.server.stream_hub import StreamHub
from sidecar.server.stream_tickets import STREAM_TICKETS, StreamTickets
from sidecar.server.twilio.edge import TwilioEdge
from sidecar.server.twilio.errors import twilio_errors
from sidecar.telephony import build_telephony
from sidecar.wire.twilio_signature import Secrets

log = structlog.get_logger()

# design budget: the whole shutdown takes at most 10 s
FINISH_FORKS_TIMEOUT_S = 6.0
FLUSH_TIMEOUT_S = 2.0
# Twilio's forms, and what the API takes, are some kilobytes.
BODY_MAX_BYTES = 64 * 1024
FORWARD_TIMEOUT_S = 1.0


def build(
    settings: Settings,
    *,
    recogniser: Recogniser | None = None,
    fallback: Recogniser | None = None,
    engines: Engines | None = None,
) -> web.Application:
    """The service as an application; nothing runs before it is started.

    ``recogniser``, ``fallback``, ``engines`` (the assistant's): instead of the settings'.
    """
    app = web.Application(
        middlewares=[problems, page_errors, cors, limit_strangers, door, twilio_errors], client_max_size=BODY_MAX_BYTES
    )
    app[STRANGERS] = Strangers(trusted=settings.trusted_networks, sockets_most=settings.max_forks)
    app[keys.TWILIO_EDGE] = TwilioEdge(
        public_url=settings.base_url,
        secrets=Secrets(tokens=settings.twilio_tokens, shared_keys=settings.twilio_shared_key_secrets),
        notice=settings.notice,
        assistant_name=settings.assistant_name,
    )
    app[keys.STREAM_HUB] = StreamHub()
    app[STREAM_TICKETS] = StreamTickets()
    app[keys.METRICS_TOKEN] = settings.metrics_token.get_secret_value()
    app[LIMITS], app[CORS_ORIGINS] = Limits(per_minute=settings.rate_limit), listed(settings.cors_origins)
    app.on_response_prepare.extend((say_rate, say_origin))
    app[keys.PHONE_PORT] = settings.phone_port
    app[keys.PANEL_ORIGINS] = settings.panel_origin_list
    app[keys.WEBHOOK_ADDRESSES] = settings.webhook_addresses
    add_routes(app, styleguide=settings.styleguide)
    app.cleanup_ctx.append(lambda app: _running(app, settings, Given(recogniser, fallback, engines)))
    app.on_shutdown.append(shut_down)
    return app


class Given(NamedTuple):
    """Engines that whoever builds the service hands in, instead of those that the settings name."""

    recogniser: Recogniser | None
    fallback: Recogniser | None
    engines: Engines | None


async def _running(app: web.Application, settings: Settings, given: Given) -> AsyncIterator[None]:
    """Everything that lives as long as the service: what was started last is stopped first."""
    await migrate(settings.database_url)
    async with AsyncExitStack() as stack:
        database, clock, bus = Database(settings.database_url), SystemClock(), EventBus()
        stack.push_async_callback(database.close)
        engine = given.recogniser
        if engine is None:
            opening = open_recogniser(settings.recogniser_engine, engine_settings(settings))
            engine = await stack.enter_async_context(opening)
        stack.push_async_callback(engine.close)
        standby = given.fallback or (_fallback(settings) if given.recogniser is None else None)
        if standby is not None:
            stack.push_async_callback(standby.close)
        telephony = build_telephony(settings)
        if telephony is not None:
            stack.push_async_callback(telephony.close)
        outbox = SqlOutbox()
        event_log, directory, accounts = SqlEventLog(database, outbox), SqlDirectory(database), SqlAccounts(database)
        writer = EventWriter(event_log, bus, clock)
        assistants = SqlAssistants(database)
        engines = await _assistant_engines(given, settings, stack)
        app[keys.KEEPING] = keeping = await _keeping(settings, database, bus, clock)
        desk = AssistantDesk(
            AssistantPolicy(
                name=settings.assistant_name,
                application_sid=settings.twilio_twiml_app_sid,
                from_number=settings.twilio_from,
                minutes=settings.assistant_minutes,
                tokens=settings.assistant_tokens,
                per_hour=settings.assistant_per_hour,
            ),
            rows=assistants,
            directory=directory,
            event_log=event_log,
            writer=writer,
            bus=bus,
            clock=clock,
            telephony=telephony,
            engines=engines,
            rules=keeping.rules,
        )
        app[keys.ALERTS] = alerts = SqlAlerts(database)
        app[keys.ALERT_DESK] = alert_desk = AlertDesk(
            rows=alerts, directory=directory, event_log=event_log, writer=writer, bus=bus, clock=clock
        )

        async def before_completion(conference_id: str) -> None:
            await desk.conference_over(conference_id)
            await alert_desk.settle(conference_id)

        switchboard = Switchboard(
            directory=directory,
            event_log=event_log,
            writer=writer,
            bus=bus,
            clock=clock,
            recogniser=engine,
            fallback=standby,
            telephony=telephony,
            max_forks=settings.max_forks,
            notice=settings.notice,
            assistants=assistants,
            before_completion=before_completion,
            ears=desk.ears,
            rules=keeping.rules,
            tenants=TenantRules.parse(settings.tenant_rules),
        )
        app[keys.ASSISTANTS] = desk
        app[keys.EVENT_LOG], app[keys.DIRECTORY], app[keys.CLOCK] = event_log, directory, clock
        app[keys.TRANSCRIPTS], app[keys.SEARCH] = SqlTranscripts(database), SqlSearch(database)
        app[keys.ACCOUNTS], app[keys.AUDIT], app[keys.PASSWORDS] = accounts, SqlAuditLog(database), ArgonPasswords()
        app[keys.ANSWERS], app[keys.REDACTION_RULES] = SqlAnswers(database), keeping.rules
        app[keys.DIALLER] = Dialler(
            DialOutPolicy(
                countries=settings.dial_out_countries,
                from_number=settings.twilio_from,
                per_hour=settings.dial_out_per_hour,
                per_day=settings.dial_out_per_day,
            ),
            directory=directory,
            dial_outs=SqlDialOuts(database),
            telephony=telephony,
            clock=clock,
        )
        dispatcher = _webhooks(app, settings, database, outbox, clock)
        app[keys.REDACTION_BY_HAND] = RedactionByHand(
            transcripts=app[keys.TRANSCRIPTS], event_log=event_log, writer=writer, bus=bus, clock=clock
        )
        app[keys.EVENT_BUS], app[keys.EVENT_WRITER], app[keys.SWITCHBOARD] = bus, writer, switchboard
        app[keys.WALLBOARD_STATE] = wallboard = WallboardState(
            directory=directory, event_log=event_log, bus=bus, clock=clock
        )
        app[keys.READINESS] = Readiness(storage=database, writer=writer, switchboard=switchboard)
        forwarder = _event_forwarder(settings)
        if forwarder is not None:
            app[keys.EVENT_FORWARDER] = forwarder
        app[keys.METRICS] = Metrics(
            Sources(
                forwarder=forwarder,
                switchboard=switchboard,
                assistants=desk,
                alerts=alert_desk,
                strangers=app[STRANGERS],
                writer=writer,
                bus=bus,
                stream_hub=app[keys.STREAM_HUB],
                wallboard=wallboard,
                webhooks=dispatcher,
                storage=database,
            )
        )
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(writer.run(), name="event-writer"),
                tasks.create_task(switchboard.run(), name="switchboard"),
                tasks.create_task(desk.run(), name="assistants"),
                tasks.create_task(wallboard.run(), name="wallboard"),
                tasks.create_task(keeping.run(), name="keeping"),
                tasks.create_task(alert_desk.run(), name="alerts"),
                tasks.create_task(dispatcher.run(), name="webhooks"),
                tasks.create_task(
                    recheck_rights(app[keys.STREAM_HUB], accounts, directory, clock), name="recheck-rights"
                ),
            ]
            if forwarder is not None:
                running.append(tasks.create_task(forwarder.run(), name="event-forwarder"))
            yield
            for task in running:
                task.cancel()


async def _keeping(settings: Settings, database: Database, bus: EventBus, clock: Clock) -> KeepingDesk:
    """What tenants have decided about redaction and retention."""
    default = Keeping(policy=settings.redaction, retention_days=settings.retention_days)
    rows, erasure = SqlKeepings(database), SqlErasure(database)
    desk = KeepingDesk(default, keepings=rows, erasure=erasure, bus=bus, clock=clock, language=settings.language)
    await desk.load()
    return desk


def _webhooks(
    app: web.Application, settings: Settings, database: Database, outbox: SqlOutbox, clock: Clock
) -> WebhookDispatcher:
    """Endpoints, their deliveries, and who sends them."""
    app[keys.WEBHOOK_ENDPOINTS] = SqlWebhookEndpoints(database, outbox)
    app[keys.WEBHOOK_DELIVERIES] = SqlWebhookDeliveries(database, outbox, clock.new_id)
    app[keys.WEBHOOK_DISPATCHER] = dispatcher = WebhookDispatcher(
        queue=SqlWebhookQueue(database, outbox, clock.new_id),
        sender=HttpWebhookSender(settings.webhook_addresses, version=__version__),
        clock=clock,
        kept=(timedelta(days=settings.webhook_log_days), timedelta(days=settings.webhook_body_days)),
    )
    return dispatcher


async def shut_down(app: web.Application) -> None:
    """In phases, at most 10 s in all; called while the service still answers, and then again by aiohttp.

    Not ready from the first moment on, and no new forks (calls go on without); what was said becomes final; it is
    stored; those who are just being told of it are, and the viewers are sent away. What is left, ``_running`` closes.
    The second time nothing is left to do.
    """
    try:
        async with asyncio.timeout(FINISH_FORKS_TIMEOUT_S):
            await app[keys.ASSISTANTS].shut_down()
            await app[keys.SWITCHBOARD].shut_down()
    except TimeoutError:
        log.warning("forks_not_finished", deadline_s=FINISH_FORKS_TIMEOUT_S)
    await app[keys.EVENT_WRITER].flush(FLUSH_TIMEOUT_S)
    async with asyncio.TaskGroup() as last:
        if keys.EVENT_FORWARDER in app:
            last.create_task(app[keys.EVENT_FORWARDER].flush(FORWARD_TIMEOUT_S), name="flush-event-forwarder")
        last.create_task(app[keys.WEBHOOK_DISPATCHER].shut_down(FORWARD_TIMEOUT_S), name="finish-attempts")
        last.create_task(app[keys.STREAM_HUB].close_all(), name="close-streams")


def engine_settings(settings: Settings) -> EngineSettings:
    """What engines may know of the settings."""
    return EngineSettings(
        language=settings.language,
        keyterms=settings.keyterm_list,
        stt_max_sessions=settings.stt_max_sessions,
        local_model=settings.local_model,
        local_workers=settings.local_workers,
        llm_base_url=settings.llm_base_url,
        llm_api_key=settings.llm_api_key.get_secret_value(),
        llm_model=settings.llm_model,
        realtime_model=settings.realtime_model,
        voice_name=settings.voice_name,
        voice_model=settings.voice_model,
        deepgram_api_key=settings.deepgram_api_key.get_secret_value(),
        deepgram_base_url=settings.deepgram_base_url,
        openai_api_key=settings.openai_api_key.get_secret_value(),
        openai_base_url=settings.openai_base_url,
    )


def _fallback(settings: Settings) -> Recogniser | None:
    """Who listens while Deepgram fails; None: nobody, and what is said meanwhile waits or becomes a gap."""
    if not settings.uses_deepgram or settings.stt_fallback == "none":
        return None
    try:
        return start_local_recogniser(
            language=settings.language,
            model_folder=settings.local_model,
            workers=settings.local_workers or None,
            at_once=False,
        )
    except RecogniserUnavailable as error:
        log.info("no_fallback", reason=error.code, problem=error.message)
        return None


async def _assistant_engines(given: Given, settings: Settings, stack: AsyncExitStack) -> Engines | None:
    """Those given, or those of the settings; closed with the stack."""
    engines = given.engines or await _engines(settings, stack)
    if engines is not None:
        stack.push_async_callback(engines.voice.close)
        stack.push_async_callback(engines.chat_model.close)
        if engines.realtime is not None:
            stack.push_async_callback(engines.realtime.close)
    return engines


async def _engines(settings: Settings, stack: AsyncExitStack) -> Engines | None:
    """What the assistant thinks and speaks with; None where nobody can invite it, or one of both cannot work here."""
    if settings.assistant_runtime == "off" or not settings.twilio_twiml_app_sid:
        return None
    wanted = engine_settings(settings)
    try:
        chat_model = await stack.enter_async_context(open_chat_model(settings.chat_model_engine, wanted))
        voice = await stack.enter_async_context(open_voice(settings.voice_engine, wanted))
        runtime, realtime = settings.assistant_runtime, None
        if runtime != "cascade":
            realtime = await stack.enter_async_context(
                open_realtime_model(runtime, replace(wanted, voice_name=settings.realtime_voice))
            )
    except SidecarError as error:
        log.error("no_assistant", reason=error.code, problem=str(error))
        return None
    return Engines(chat_model, voice, realtime)


def _event_forwarder(settings: Settings) -> EventForwarder | None:
    """None when nobody else wants the conferences' callbacks, or nothing could sign them."""
    if not settings.forward_events_to or not settings.twilio_tokens:
        return None
    return HttpEventForwarder(settings.forward_events_to, token=settings.twilio_tokens[0])
