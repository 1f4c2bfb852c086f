"""``POST /twilio/voice``: a call asks what to do; it is forked and put into its conference."""

from __future__ import annotations

import structlog
from aiohttp import web

from sidecar.domain.conference import stream_name
from sidecar.runtime.switchboard import Caller
from sidecar.server.app_keys import SWITCHBOARD, TWILIO_EDGE
from sidecar.server.twilio.signed import signed_form
from sidecar.server.twilio.twiml import ForkConference, render
from sidecar.wire.twilio_callbacks import voice_request

log = structlog.get_logger()

# Twilio: room names are at most 128 characters (twilio.com/docs/voice/twiml/conference).
NAME_MAX_CHARS = 128


async def voice(request: web.Request) -> web.Response:
    """The URL's query (``room label name role tenant``) is covered by the signature, so it can be trusted."""
    call = voice_request(await signed_form(request))
    edge, query = request.app[TWILIO_EDGE], request.query
    bound, token = await request.app[SWITCHBOARD].admit(
        Caller(
            call_sid=call.call_sid,
            address=call.address,
            room=_short(query.get("room")),
            label=_short(query.get("label")),
            name=_short(query.get("name")),
            role=query.get("role"),
            tenant=_short(query.get("tenant")) or "",
        )
    )
    log.info("call_admitted", conference=bound.conference.id, participant=bound.participant.id, fork=bound.fork.id)
    document = render(
        ForkConference(
            notice=edge.notice,
            stream_name=stream_name(bound.fork),
            media_url=edge.socket_url("/twilio/media"),
            stream_events_url=edge.url("/twilio/stream-events"),
            conference_events_url=edge.url("/twilio/conference-events"),
            token=token,
            label=bound.participant.label,
            room=bound.conference.room,
        )
    )
    return web.Response(text=document, content_type="text/xml")


def _short(value: str | None) -> str | None:
    """Printable text of bounded length, or None where nothing is left."""
    return "".join(c for c in (value or "") if c.isprintable()).strip()[:NAME_MAX_CHARS] or None
