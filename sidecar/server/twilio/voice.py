"""``POST /twilio/voice``: a call asks what to do; it is forked and put into its conference."""

from __future__ import annotations

import structlog
from aiohttp import web

from sidecar.domain.conference.values import stream_name
from sidecar.domain.errors import SidecarError
from sidecar.ports.directory import BoundFork
from sidecar.runtime.switchboard import Caller
from sidecar.server.app_keys import SWITCHBOARD, TWILIO_EDGE
from sidecar.server.twilio.signed import signed_form
from sidecar.server.twilio.twiml import ForkConference, JoinConference, render
from sidecar.wire.twilio_callbacks import voice_request

log = structlog.get_logger()

# Twilio: room names are at most 128 characters (twilio.com/docs/voice/twiml/conference).
NAME_MAX_CHARS = 128
UNKNOWN_LABEL = "caller"


async def voice(request: web.Request) -> web.Response:
    """The URL's query (``room label name role tenant``) is covered by the signature, so it can be trusted.

    Whatever is wrong with us, the call goes on: without a fork when there is no room for one or the store is away.
    """
    call = voice_request(await signed_form(request))
    query, switchboard = request.query, request.app[SWITCHBOARD]
    caller = Caller(
        call_sid=call.call_sid,
        address=call.address,
        room=_short(query.get("room")),
        label=_short(query.get("label")),
        name=_short(query.get("name")),
        role=query.get("role"),
        tenant=_short(query.get("tenant")),
        called=call.called,
    )
    try:
        bound, token = await switchboard.admit(caller)
    except SidecarError as error:
        switchboard.refusals[error.code] += 1
        log.error("call_not_followed", call_sid=caller.call_sid, code=error.code, reason=error.message)
        return _join(request, caller.label or UNKNOWN_LABEL, caller.room or caller.call_sid)
    if token is None:
        return _join(request, bound.participant.label, bound.conference.room)
    log.info("call_admitted", conference=bound.conference.id, participant=bound.participant.id, fork=bound.fork.id)
    return _fork(request, bound, token)


def _fork(request: web.Request, bound: BoundFork, token: str) -> web.Response:
    edge = request.app[TWILIO_EDGE]
    return _xml(
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


def _join(request: web.Request, label: str, room: str) -> web.Response:
    """The notice is spoken all the same: the call may yet be forked, when there is room again."""
    edge = request.app[TWILIO_EDGE]
    events_url = edge.url("/twilio/conference-events")
    return _xml(JoinConference(notice=edge.notice, conference_events_url=events_url, label=label, room=room))


def _xml(moment: ForkConference | JoinConference) -> web.Response:
    return web.Response(text=render(moment), content_type="text/xml")


def _short(value: str | None) -> str | None:
    """Printable text of bounded length, or None where nothing is left."""
    return "".join(c for c in (value or "") if c.isprintable()).strip()[:NAME_MAX_CHARS] or None
