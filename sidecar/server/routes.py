"""Every address of the service on one page (pages and their static files: ``pages.add_pages``; ``auth.login``).

What is added here is closed to whoever has neither session nor key, unless ``auth.middleware`` lists it.
"""

from __future__ import annotations

from aiohttp import web

from sidecar.server.api import (
    alert_rules,
    alerts,
    assistants,
    redaction_settings,
    webhook_deliveries,
    webhook_endpoints,
)
from sidecar.server.api.api_keys import list_keys, make_key, revoke_key
from sidecar.server.api.audit_log import list_audit
from sidecar.server.api.conferences import get_conference, list_conferences
from sidecar.server.api.deletions import delete_conference
from sidecar.server.api.dial_out import dial_out
from sidecar.server.api.events import list_events
from sidecar.server.api.notes import add_note, list_notes
from sidecar.server.api.panel_tokens import make_panel_token
from sidecar.server.api.participants import correct_participant, fork_conference, list_participants
from sidecar.server.api.pauses import pause, resume
from sidecar.server.api.redactions import redact
from sidecar.server.api.search import search
from sidecar.server.api.stream_tickets import make_stream_ticket
from sidecar.server.api.transcripts import export_transcript
from sidecar.server.api.utterances import list_utterances
from sidecar.server.auth.login import add_login
from sidecar.server.operations.health import healthz, readyz
from sidecar.server.operations.scrape import metrics
from sidecar.server.pages import add_pages
from sidecar.server.reference import add_reference
from sidecar.server.stream import stream
from sidecar.server.twilio.announcements import announcement
from sidecar.server.twilio.assistant import assistant
from sidecar.server.twilio.assistant_socket import assistant_socket
from sidecar.server.twilio.callbacks import conference_events, participant_events, stream_events
from sidecar.server.twilio.media_socket import media_socket
from sidecar.server.twilio.voice import voice


def add_routes(app: web.Application, *, styleguide: bool = False) -> None:
    """Register all handlers. ``styleguide``: see ``add_pages``."""
    _add_twilio(app.router)
    _add_conferences(app.router)
    _add_assistants(app.router)
    _add_alerts(app.router)
    add_webhook_routes(app)
    app.router.add_get("/v1/search", search)
    app.router.add_get("/v1/api_keys", list_keys)
    app.router.add_post("/v1/api_keys", make_key)
    app.router.add_delete("/v1/api_keys/{key}", revoke_key)
    app.router.add_get("/v1/audit", list_audit)
    app.router.add_get("/v1/redaction", redaction_settings.get_redaction)
    app.router.add_patch("/v1/redaction", redaction_settings.change_redaction)
    app.router.add_post("/v1/redaction/test", redaction_settings.try_redaction)
    app.router.add_get("/v1/stream", stream)
    app.router.add_post("/v1/stream_tickets", make_stream_ticket)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    add_login(app)
    add_reference(app)
    add_pages(app, styleguide=styleguide)


def _add_twilio(router: web.UrlDispatcher) -> None:
    """What Twilio asks for, signed."""
    router.add_post("/twilio/voice", voice)
    router.add_post("/twilio/conference-events", conference_events)
    router.add_post("/twilio/stream-events", stream_events)
    router.add_post("/twilio/participant-events", participant_events)
    router.add_post("/twilio/announcements/{kind}", announcement)
    router.add_get("/twilio/media", media_socket)
    router.add_post("/twilio/assistant", assistant)
    router.add_get("/twilio/assistant-media", assistant_socket)


def _add_conferences(router: web.UrlDispatcher) -> None:
    """Conferences, who is in them and what is said."""
    one = "/v1/conferences/{id}"
    router.add_get("/v1/conferences", list_conferences)
    router.add_get(one, get_conference)
    router.add_delete(one, delete_conference)
    router.add_post(f"{one}/fork", fork_conference)
    router.add_get(f"{one}/participants", list_participants)
    router.add_post(f"{one}/participants", dial_out)
    router.add_patch(f"{one}/participants/{{participant}}", correct_participant)
    router.add_get(f"{one}/utterances", list_utterances)
    router.add_post(f"{one}/utterances/{{utterance}}/redact", redact)
    router.add_get(f"{one}/transcript.{{format}}", export_transcript)
    router.add_get(f"{one}/events", list_events)
    router.add_get(f"{one}/notes", list_notes)
    router.add_post(f"{one}/notes", add_note)
    router.add_post(f"{one}/pause", pause)
    router.add_post(f"{one}/resume", resume)
    router.add_post(f"{one}/panel_tokens", make_panel_token)


def _add_assistants(router: web.UrlDispatcher) -> None:
    """The AI participant."""
    all_, one = "/v1/conferences/{id}/assistants", "/v1/conferences/{id}/assistants/{assistant}"
    router.add_post(all_, assistants.invite)
    router.add_get(all_, assistants.list_assistants)
    router.add_get(one, assistants.get_assistant)
    router.add_patch(one, assistants.change_assistant)
    router.add_delete(one, assistants.dismiss)
    router.add_post(f"{one}/prompts", assistants.prompt)
    router.add_post(f"{one}/say", assistants.say)
    router.add_post(f"{one}/stop", assistants.stop)
    router.add_post(f"{one}/mute", assistants.mute)
    router.add_post(f"{one}/unmute", assistants.unmute)


def _add_alerts(router: web.UrlDispatcher) -> None:
    """Rules, and what they raised."""
    one = "/v1/alert_rules/{rule:rul_[^/]+}"
    router.add_get("/v1/conferences/{id}/alerts", alerts.list_alerts)
    router.add_post("/v1/conferences/{id}/alerts/{alert}/acknowledge", alerts.acknowledge)
    router.add_get("/v1/alert_rules", alert_rules.list_rules)
    router.add_post("/v1/alert_rules", alert_rules.add_rule)
    router.add_get("/v1/alert_rules/templates", alert_rules.list_templates)
    router.add_post("/v1/alert_rules/test", alert_rules.test_rule)
    router.add_get(one, alert_rules.get_rule)
    router.add_patch(one, alert_rules.change_rule)
    router.add_delete(one, alert_rules.delete_rule)


def add_webhook_routes(app: web.Application) -> None:
    """Endpoints of webhooks, and the log of what they were told."""
    one = "/v1/webhook_endpoints/{endpoint}"
    app.router.add_get("/v1/webhook_endpoints", webhook_endpoints.list_endpoints)
    app.router.add_post("/v1/webhook_endpoints", webhook_endpoints.create_endpoint)
    app.router.add_get(one, webhook_endpoints.get_endpoint)
    app.router.add_patch(one, webhook_endpoints.change_endpoint)
    app.router.add_delete(one, webhook_endpoints.remove_endpoint)
    app.router.add_post(f"{one}/test", webhook_endpoints.test_endpoint)
    app.router.add_post(f"{one}/rotate_secret", webhook_endpoints.rotate_secret)
    app.router.add_post(f"{one}/pause", webhook_endpoints.pause_endpoint)
    app.router.add_post(f"{one}/resume", webhook_endpoints.resume_endpoint)
    app.router.add_get(f"{one}/deliveries", webhook_deliveries.list_deliveries)
    app.router.add_get(f"{one}/deliveries/{{delivery}}", webhook_deliveries.get_delivery)
    app.router.add_post(f"{one}/resend", webhook_endpoints.refusals(webhook_deliveries.resend))
