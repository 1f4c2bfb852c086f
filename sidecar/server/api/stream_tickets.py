"""``POST /v1/stream_tickets``: a ticket for one event stream, for a page of another site."""

from __future__ import annotations

from http import HTTPStatus

import msgspec
import structlog
from aiohttp import web

from sidecar.server.api.bodies import NO_STORE, body_of, json_response
from sidecar.server.app_keys import CLOCK, TWILIO_EDGE
from sidecar.server.auth.caller import CALLER
from sidecar.server.stream_request import checked_topics, checked_types, visible_conferences
from sidecar.server.stream_tickets import STREAM_TICKETS, TICKET_LASTS, TICKET_PREFIX, Ticket

log = structlog.get_logger()


class TicketWish(msgspec.Struct, forbid_unknown_fields=True):
    """As ``topic`` and ``types`` of the stream. ``types`` left out: all."""

    topics: list[str]
    types: list[str] | None = None


async def make_stream_ticket(request: web.Request) -> web.Response:
    """201 with the ticket, told this once, and the address of the stream with it. 404 for an unknown conference."""
    wish = await body_of(request, TicketWish)
    topics = checked_topics(wish.topics)
    await visible_conferences(request, topics)
    types = checked_types(wish.types) if wish.types is not None else None
    clock = request.app[CLOCK]
    now, secret = clock.now(), TICKET_PREFIX + clock.new_token()
    ticket = Ticket(caller=request[CALLER], topics=topics, types=types, expires_at=now + TICKET_LASTS)
    request.app[STREAM_TICKETS].add(secret, ticket)
    log.info("stream_ticket_made", caller=ticket.caller.id, topics=len(topics))
    body = {
        "ticket": secret,
        "topics": topics,
        "types": sorted(types) if types is not None else None,
        "expires_at": ticket.expires_at,
        "url": request.app[TWILIO_EDGE].url(f"/v1/stream?ticket={secret}"),
    }
    return json_response(body, HTTPStatus.CREATED, headers=NO_STORE)
