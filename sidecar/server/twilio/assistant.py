"""``POST /twilio/assistant``: the assistant's leg asks what to do. It opens its line, or hangs up."""

from __future__ import annotations

import structlog
from aiohttp import web

from sidecar.domain.errors import SidecarError
from sidecar.server.app_keys import ASSISTANTS, SWITCHBOARD, TWILIO_EDGE
from sidecar.server.twilio.signed import signed_form
from sidecar.server.twilio.twiml import HangUp, JoinAssistant, render
from sidecar.wire.twilio_callbacks import assistant_request

log = structlog.get_logger()


async def assistant(request: web.Request) -> web.Response:
    """``invite`` is in the form when Twilio asks for the first time, as in ``To``; in the query when we sent it here.

    A leg whose assistant is gone, was dismissed, or whose lines never hold, hangs up.
    """
    asks = assistant_request(await signed_form(request), request.query)
    edge, token = request.app[TWILIO_EDGE], None
    try:
        token = await request.app[ASSISTANTS].rendering(asks.invite, asks.call_sid)
    except SidecarError as error:
        # The store is away, say. Nobody on the call hears the leg ask again, so there is time.
        request.app[SWITCHBOARD].refusals[error.code] += 1
        log.warning("assistant_not_connected", assistant=asks.invite, code=error.code)
        raise
    if token is None:
        log.info("assistant_leg_hangs_up", assistant=asks.invite, call_sid=asks.call_sid)
        return web.Response(text=render(HangUp()), content_type="text/xml")
    moment = JoinAssistant(
        media_url=edge.socket_url("/twilio/assistant-media"),
        token=token,
        again_url=edge.url(f"/twilio/assistant?invite={asks.invite}&attempt={asks.attempt + 1}"),
    )
    return web.Response(text=render(moment), content_type="text/xml")
