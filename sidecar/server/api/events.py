"""``GET /v1/conferences/{id}/events``: what the stream tells, for who cannot hold one open."""

from __future__ import annotations

import re

import msgspec
from aiohttp import web

from sidecar.domain.events import encode
from sidecar.server.api.paging import limit_of, page, refused
from sidecar.server.app_keys import TRANSCRIPTS
from sidecar.server.auth.caller import CONFERENCE
from sidecar.server.stream_request import asked_types

# Any seq that a database holds.
_SEQ = re.compile("[0-9]{1,18}")


async def list_events(request: web.Request) -> web.Response:
    """``?after=<seq>&types=…&limit=50``: ``{data, has_more, next_cursor}`` in order of ``seq``.

    The cursor is the ``seq`` of the last event: whoever has read up to one asks for what came since, again and again.
    400 for a limit, cursor or type that is none.
    """
    limit, after, types = limit_of(request), _after(request), asked_types(request)
    conference = request[CONFERENCE]
    found = await request.app[TRANSCRIPTS].events(
        conference.id, until=conference.seq, after=after, types=types, limit=limit + 1
    )
    shown = found[:limit]
    next_seq = str(shown[-1].seq) if len(found) > limit else None
    return page(request, [msgspec.Raw(encode(event)) for event in shown], next_place=next_seq)


def _after(request: web.Request) -> int:
    text = request.query.get("after", "0")
    if not _SEQ.fullmatch(text):
        raise refused("cursor_invalid", "after is not the seq of an event.", "Take next_cursor, or a seq you have.")
    return int(text)
