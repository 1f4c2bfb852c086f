"""``POST /twilio/assistant``: the assistant's leg asks what to do. It opens its line, or hangs up."""

from __future__ import annotations

import structlog
from aiohttp import web

from sidecar.domain.errors import SidecarError
from sidecar.server.app_keys import ASSISTANTS, SWITCHBOARD, TWILIO_EDGE
from sidecar.server.twilio.signed import signed_form
from sidecar.server.twilio.twiml import AskAgain, HangUp, JoinAssistant, render
from sidecar.wire.twilio_callbacks import assistant_request

log = structlog.get_logger()

# A leg that was put off so often is given up; each time takes it five seconds.
ATTEMPTS_MOST = 24


async def assistant(request: web.Request) -> web.Response:
    """``invite`` is in the form when Twilio asks for the first time, as in ``To``; in the query when we sent it here.

    A leg whose assistant is gone, was dismissed, or whose lines never hold, hangs up. Where we cannot say just now
    (the store is away, this process begins or ends), it asks again in a moment.
    """
    asks = assistant_request(await signed_form(request), request.query)
    edge = request.app[TWILIO_EDGE]
    again_url = edge.url(f"/twilio/assistant?invite={asks.invite}&attempt={asks.attempt + 1}")
    try:
        token = await request.app[ASSISTANTS].rendering(asks.invite, asks.call_sid)
    except SidecarError as error:
        request.app[SWITCHBOARD].refusals[error.code] += 1
        log.warning("assistant_not_connected", assistant=asks.invite, code=error.code, attempt=asks.attempt)
        if asks.attempt < ATTEMPTS_MOST:
            return web.Response(text=render(AskAgain(again_url=again_url)), content_type="text/xml")
        token = None
    if token is None:
        log.info("assistant_leg_hangs_up", assistant=asks.invite, call_sid=asks.call_sid)
        return web.Response(text=render(HangUp()), content_type="text/xml")
    moment = JoinAssistant(
        media_url=edge.socket_url("/twilio/assistant-media"),
        token=token,
        again_url=again_url,
    )
    return web.Response(text=render(moment), content_type="text/xml")
