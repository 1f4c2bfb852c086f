"""What handlers may take from the application, by typed key. The composition root puts it there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiohttp import web

from sidecar.domain.redaction.rules import Rules
from sidecar.domain.webhooks.addresses import AddressPolicy
from sidecar.ports.accounts import Accounts
from sidecar.ports.alerts import Alerts
from sidecar.ports.answers import Answers
from sidecar.ports.audit import AuditLog
from sidecar.ports.clock import Clock
from sidecar.ports.directory import Directory
from sidecar.ports.event_forwarder import EventForwarder
from sidecar.ports.event_log import EventLog
from sidecar.ports.passwords import Passwords
from sidecar.ports.search import Search
from sidecar.ports.transcripts import Transcripts
from sidecar.ports.webhooks import WebhookDeliveries, WebhookEndpoints
from sidecar.runtime.alert_desk import AlertDesk
from sidecar.runtime.assistant.desk import AssistantDesk
from sidecar.runtime.dial_out import Dialler
from sidecar.runtime.event_bus import EventBus
from sidecar.runtime.event_writer import EventWriter
from sidecar.runtime.keeping import KeepingDesk
from sidecar.runtime.redaction_by_hand import RedactionByHand
from sidecar.runtime.switchboard import Switchboard
from sidecar.runtime.wallboard import WallboardState
from sidecar.runtime.webhook_dispatcher import WebhookDispatcher
from sidecar.server.operations.metrics import Metrics
from sidecar.server.operations.readiness import Readiness
from sidecar.server.stream_hub import StreamHub
from sidecar.server.twilio.edge import TwilioEdge

ALERT_DESK: web.AppKey[AlertDesk] = web.AppKey("alert_desk", AlertDesk)
ALERTS: web.AppKey[Alerts] = web.AppKey("alerts", Alerts)
ANSWERS: web.AppKey[Answers] = web.AppKey("answers", Answers)
ASSISTANTS: web.AppKey[AssistantDesk] = web.AppKey("assistants", AssistantDesk)
AUDIT: web.AppKey[AuditLog] = web.AppKey("audit", AuditLog)
ACCOUNTS: web.AppKey[Accounts] = web.AppKey("accounts", Accounts)
EVENT_LOG: web.AppKey[EventLog] = web.AppKey("event_log", EventLog)
DIALLER: web.AppKey[Dialler] = web.AppKey("dialler", Dialler)
DIRECTORY: web.AppKey[Directory] = web.AppKey("directory", Directory)
# Absent where nobody wants the provider's callbacks passed on.
EVENT_FORWARDER: web.AppKey[EventForwarder] = web.AppKey("event_forwarder", EventForwarder)
SEARCH: web.AppKey[Search] = web.AppKey("search", Search)
TRANSCRIPTS: web.AppKey[Transcripts] = web.AppKey("transcripts", Transcripts)
PASSWORDS: web.AppKey[Passwords] = web.AppKey("passwords", Passwords)
CLOCK: web.AppKey[Clock] = web.AppKey("clock", Clock)
EVENT_BUS: web.AppKey[EventBus] = web.AppKey("event_bus", EventBus)
EVENT_WRITER: web.AppKey[EventWriter] = web.AppKey("event_writer", EventWriter)
# What is redacted for a tenant, as of now.
REDACTION_RULES: web.AppKey[Callable[[str], Rules]] = web.AppKey("redaction_rules")
READINESS: web.AppKey[Readiness] = web.AppKey("readiness", Readiness)
KEEPING: web.AppKey[KeepingDesk] = web.AppKey("keeping", KeepingDesk)
METRICS: web.AppKey[Metrics] = web.AppKey("metrics", Metrics)
METRICS_TOKEN: web.AppKey[str] = web.AppKey("metrics_token", str)
REDACTION_BY_HAND: web.AppKey[RedactionByHand] = web.AppKey("redaction_by_hand", RedactionByHand)
STREAM_HUB: web.AppKey[StreamHub] = web.AppKey("stream_hub", StreamHub)
SWITCHBOARD: web.AppKey[Switchboard] = web.AppKey("switchboard", Switchboard)
WALLBOARD_STATE: web.AppKey[WallboardState] = web.AppKey("wallboard_state", WallboardState)
WEBHOOK_ENDPOINTS: web.AppKey[WebhookEndpoints] = web.AppKey("webhook_endpoints", WebhookEndpoints)
WEBHOOK_DELIVERIES: web.AppKey[WebhookDeliveries] = web.AppKey("webhook_deliveries", WebhookDeliveries)
WEBHOOK_DISPATCHER: web.AppKey[WebhookDispatcher] = web.AppKey("webhook_dispatcher", WebhookDispatcher)
# Where endpoints may be.
WEBHOOK_ADDRESSES: web.AppKey[AddressPolicy] = web.AppKey("webhook_addresses", AddressPolicy)
# Origins of the pages that may show the agent's panel in a frame.
PANEL_ORIGINS: web.AppKey[Sequence[str]] = web.AppKey("panel_origins", Sequence)
# The port of the demo's emulator on the same host; absent or 0 where there is none.
PHONE_PORT: web.AppKey[int] = web.AppKey("phone_port", int)
TWILIO_EDGE: web.AppKey[TwilioEdge] = web.AppKey("twilio_edge", TwilioEdge)
