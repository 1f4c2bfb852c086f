"""Status callbacks: what Twilio tells about conferences and streams. Answered 204, whatever they say."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from aiohttp import web

from sidecar.domain.conference.facts import NewsKind
from sidecar.server.app_keys import ASSISTANTS, EVENT_FORWARDER, SWITCHBOARD
from sidecar.server.twilio.signed import signed_form
from sidecar.wire.twilio_callbacks import call_callback, conference_callback, news_of, stream_callback

log = structlog.get_logger()

# A call in one of these states is over (twilio.com/docs/voice/api/call-resource).
OVER = frozenset({"completed", "failed", "busy", "no-answer", "canceled"})

# The same when Twilio sends a callback again.
IDEMPOTENCY_HEADER = "I-Twilio-Idempotency-Token"


async def conference_events(request: web.Request) -> web.Response:
    """``POST /twilio/conference-events``: what happened in a conference. One that we did not start is attached to.

    ``?tenant=`` says whose it is then: the whole address is signed.
    """
    form = await signed_form(request)
    _pass_on(request, form)
    callback = conference_callback(form)
    news = news_of(callback)
    session = await request.app[SWITCHBOARD].session(
        conference_sid=callback.conference_sid,
        room=callback.room,
        goes_on=news is not None and news.kind not in (NewsKind.LEFT, NewsKind.ENDED),
        tenant=request.query.get("tenant"),
    )
    if session is None:
        log.info("callback_of_unknown_conference", conference_sid=callback.conference_sid, kind=callback.kind)
        return web.Response(status=204)
    if news is not None:
        await session.tell(news)
    else:
        log.info("callback_ignored", conference=session.conference.id, kind=callback.kind)
    return web.Response(status=204)


def _pass_on(request: web.Request, form: Mapping[str, str]) -> None:
    """To whoever had these callbacks before us, if anybody did; whatever we make of them ourselves."""
    forwarder = request.app.get(EVENT_FORWARDER)
    if forwarder is not None:
        token = request.headers.get(IDEMPOTENCY_HEADER, "")
        forwarder.forward(form, about=form.get("ConferenceSid", ""), idempotency_token=token)


async def stream_events(request: web.Request) -> web.Response:
    """``POST /twilio/stream-events``: the only notice of a stream that never opened; another one is then asked for."""
    callback = stream_callback(await signed_form(request))
    level = log.warning if callback.kind == "stream-error" else log.info
    level("stream_event", kind=callback.kind, stream=callback.name, stream_sid=callback.stream_sid)
    if callback.kind == "stream-error":
        request.app[SWITCHBOARD].stream_failed(callback.name, callback.error)
    return web.Response(status=204)


async def participant_events(request: web.Request) -> web.Response:
    """``POST /twilio/participant-events``: how a call of one of our numbers, or of an assistant (``invite``), goes."""
    callback = call_callback(await signed_form(request))
    log.info("call_status", call_sid=callback.call_sid, status=callback.status)
    assistant = request.app[ASSISTANTS].session(request.query.get("invite", ""))
    if assistant is not None and callback.status in OVER:
        assistant.call_ended(callback.call_sid, callback.status, callback.problem)
    return web.Response(status=204)
