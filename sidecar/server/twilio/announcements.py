"""``POST /twilio/announcements/{kind}``: Twilio asks what to say to one participant, or to all of a conference."""

from __future__ import annotations

import structlog
from aiohttp import web

from sidecar.domain.notice import Announcement, assistant_joins
from sidecar.server.app_keys import TWILIO_EDGE
from sidecar.server.twilio.signed import signed_form
from sidecar.server.twilio.twiml import Announce, render

log = structlog.get_logger()


async def announcement(request: web.Request) -> web.Response:
    """The TwiML of this kind of announcement; 404 for one that does not exist."""
    await signed_form(request)
    kind = request.match_info["kind"]
    if kind not in set(Announcement):
        raise web.HTTPNotFound(text="Not found\n")
    edge = request.app[TWILIO_EDGE]
    texts = {
        Announcement.NOTICE: edge.notice,
        Announcement.ASSISTANT: assistant_joins(edge.assistant_name, asks=False),
        Announcement.ASSISTANT_ASKS: assistant_joins(edge.assistant_name, asks=True),
    }
    log.info("announcement_fetched", kind=kind)
    return web.Response(text=render(Announce(text=texts[Announcement(kind)])), content_type="text/xml")
