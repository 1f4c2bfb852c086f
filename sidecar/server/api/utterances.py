"""``GET /v1/conferences/{id}/utterances``: a transcript's lines in order of speech, page by page."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from aiohttp import web

from sidecar.domain.events import Event, UtteranceFinal
from sidecar.ports.transcripts import Place
from sidecar.server.api.paging import cursor, limit_of, page, place_after, refused
from sidecar.server.app_keys import TRANSCRIPTS
from sidecar.server.auth.caller import CONFERENCE

_ORDERS = {"asc": False, "desc": True}


class LineCursor(msgspec.Struct, array_like=True, frozen=True):
    """The place of a line: a start in ms that every database holds, and an id."""

    start_ms: Annotated[int, msgspec.Meta(ge=0, lt=10**15)]
    id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_]{1,64}$")]


async def list_utterances(request: web.Request) -> web.Response:
    """``?limit=50&order=asc|desc&after=<cursor>``: ``{data, has_more, next_cursor}``, the next page as a ``Link`` too.

    400 for a limit, order or cursor that is none; 404 for an unknown conference; 503 when the store does not answer.
    """
    limit, newest_first, after = limit_of(request), _order(request), place_after(request, LineCursor)
    conference = request[CONFERENCE]
    beyond = Place(after.start_ms, after.id) if after is not None else None
    found = await request.app[TRANSCRIPTS].utterances(
        conference.id, until=conference.seq, beyond=beyond, newest_first=newest_first, limit=limit + 1
    )
    shown = found[:limit]
    last = shown[-1].data if len(found) > limit else None
    next_place = LineCursor(last.start_ms, last.id) if isinstance(last, UtteranceFinal) else None
    return page(request, [_utterance(event) for event in shown], next_place=next_place)


def cursor_after(utterance: UtteranceFinal) -> str:
    """The opaque word with which a list goes on after this utterance."""
    return cursor(LineCursor(utterance.start_ms, utterance.id))


def _utterance(event: Event) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(event.data)
    return {"seq": event.seq, "timestamp": event.timestamp} | data


def _order(request: web.Request) -> bool:
    order = request.query.get("order", "asc")
    if order not in _ORDERS:
        raise refused("order_invalid", "order is neither asc nor desc.", "asc begins with the first words.")
    return _ORDERS[order]
