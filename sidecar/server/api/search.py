"""``GET /v1/search``: lines of all calls that the caller may see, newest first. docs/search.md shows how to ask."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from aiohttp import web

from sidecar.domain.search import Piece, SearchQuery, search_query, snippet
from sidecar.ports.search import Calls, Found
from sidecar.server.api.paging import limit_of, page, place_after
from sidecar.server.app_keys import SEARCH
from sidecar.server.audit import audit_search
from sidecar.server.auth.caller import CALLER

# Each may be given several times.
FILTERS = ("speaker", "label", "role", "room", "from", "to", "conference")


class FoundCursor(msgspec.Struct, array_like=True, frozen=True):
    """The place of a line that was found."""

    place: Annotated[int, msgspec.Meta(ge=1, lt=10**18)]


async def search(request: web.Request) -> web.Response:
    """``?q=&speaker=&label=&role=&room=&from=&to=&conference=&limit=50&after=<cursor>``: a page of lines with snippets.

    422 for a query that cannot be searched for, 400 for a limit or cursor that is none, 503 for one that takes too
    long.
    """
    limit, after = limit_of(request), place_after(request, FoundCursor)
    query = search_query(request.query.get("q", ""), [(n, v) for n in FILTERS for v in request.query.getall(n, ())])
    found = await request.app[SEARCH].lines(
        query, visible_calls(request), before=after.place if after else None, limit=limit + 1
    )
    shown = found[:limit]
    next_place = FoundCursor(shown[-1].place) if len(found) > limit else None
    await audit_search(request, [line.conference for line in shown])
    return page(request, [_line(line, query) for line in shown], next_place=next_place)


def visible_calls(request: web.Request) -> Calls:
    """All calls that the caller of this request may see."""
    caller = request[CALLER]
    return Calls(tenant=caller.tenant, own_of=caller.only_own)


def line_path(line: Found) -> str:
    """The page of the call, at that line."""
    return f"/conferences/{quote(line.conference, safe='')}#u-{quote(line.utterance, safe='')}"


def _line(line: Found, query: SearchQuery) -> dict[str, Any]:
    return {
        "utterance": line.utterance,
        "conference": line.conference,
        "conference_sid": line.conference_sid,
        "room": line.room,
        "participant": line.participant,
        "label": line.label,
        "name": line.name,
        "role": line.role,
        "start_ms": line.start_ms,
        "end_ms": line.end_ms,
        "said_at": line.clock_zero + timedelta(milliseconds=line.start_ms),
        "text": line.text,
        "coaching": line.coaching,
        "snippet": [_piece(piece) for piece in snippet(line.text, query.wanted)],
        "path": line_path(line),
    }


def _piece(piece: Piece) -> dict[str, Any]:
    return {"text": piece.text, "hit": piece.hit}
