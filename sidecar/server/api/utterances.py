"""``GET /v1/conferences/{id}/utterances``: a transcript's lines in order of speech, page by page."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import hdrs, web

from sidecar.domain.events import Event, UtteranceFinal
from sidecar.ports.transcripts import Place
from sidecar.server.app_keys import TRANSCRIPTS
from sidecar.server.auth.caller import CONFERENCE
from sidecar.server.problems import RequestRefused

LIMIT_DEFAULT = 50
LIMIT_MOST = 500
# A start in ms that every database holds, and an id.
_PLACE = re.compile(r"([0-9]{1,15})\.(\w{1,64})", re.ASCII)
_ORDERS = {"asc": False, "desc": True}


async def list_utterances(request: web.Request) -> web.Response:
    """``?limit=50&order=asc|desc&after=<cursor>``: ``{data, has_more, next_cursor}``, the next page as a ``Link`` too.

    400 for a limit, order or cursor that is none; 404 for an unknown conference; 503 when the store does not answer.
    """
    limit, newest_first, beyond = _limit(request), _order(request), _after(request)
    conference = request[CONFERENCE]
    found = await request.app[TRANSCRIPTS].utterances(
        conference.id, until=conference.seq, beyond=beyond, newest_first=newest_first, limit=limit + 1
    )
    shown, has_more = found[:limit], len(found) > limit
    last = shown[-1].data if has_more else None
    cursor = cursor_after(last) if isinstance(last, UtteranceFinal) else None
    headers = {}
    if cursor is not None:
        following = request.rel_url.update_query({"after": cursor})
        headers[hdrs.LINK] = f'<{following}>; rel="next"'
    body = {"data": [_utterance(event) for event in shown], "has_more": has_more, "next_cursor": cursor}
    return web.Response(body=msgspec.json.encode(body), content_type="application/json", headers=headers)


def cursor_after(utterance: UtteranceFinal) -> str:
    """The opaque word with which a list goes on after this utterance."""
    return urlsafe_b64encode(f"{utterance.start_ms}.{utterance.id}".encode()).decode().rstrip("=")


def _utterance(event: Event) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(event.data)
    return {"seq": event.seq, "timestamp": event.timestamp} | data


def _limit(request: web.Request) -> int:
    text = request.query.get("limit", str(LIMIT_DEFAULT))
    if not re.fullmatch("[0-9]{1,3}", text) or not 1 <= int(text) <= LIMIT_MOST:
        raise _refused("limit_invalid", f"limit is not a number from 1 to {LIMIT_MOST}.", "Leave it out for 50.")
    return int(text)


def _order(request: web.Request) -> bool:
    order = request.query.get("order", "asc")
    if order not in _ORDERS:
        raise _refused("order_invalid", "order is neither asc nor desc.", "asc begins with the first words.")
    return _ORDERS[order]


def _after(request: web.Request) -> Place | None:
    cursor = request.query.get("after")
    if cursor is None:
        return None
    try:
        place = _PLACE.fullmatch(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode())
    except ValueError:  # not base64, or not UTF-8 in it
        place = None
    if place is None:
        raise _refused("cursor_invalid", "after is not a cursor of this list.", "Take next_cursor of the page before.")
    return Place(int(place[1]), place[2])


def _refused(code: str, message: str, next_step: str) -> RequestRefused:
    return RequestRefused(HTTPStatus.BAD_REQUEST, code, message, next_step=next_step)
