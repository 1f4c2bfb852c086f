"""``/v1/conferences/{id}/notes``: what people note to a moment of a call, while it goes on or when it is over.

A note is an event and stays one: whoever was told of it has it. A wrong one is put right by another.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from aiohttp import web

from sidecar.domain.conference.values import Conference
from sidecar.domain.events import Draft, Event
from sidecar.domain.note_events import NoteAdded
from sidecar.server.api.bodies import body_of, json_response
from sidecar.server.api.idempotency import once
from sidecar.server.api.paging import limit_of, page, place_after
from sidecar.server.app_keys import CLOCK, EVENT_WRITER, REDACTION_RULES, TRANSCRIPTS
from sidecar.server.audit import audit
from sidecar.server.auth.caller import CALLER, CONFERENCE
from sidecar.server.problems import RequestRefused

TEXT_CHARS_MOST = 1_000
CLOCKS_DIFFER_MS = 5_000


class NoteWish(msgspec.Struct, forbid_unknown_fields=True):
    """``at_ms``: on the conference clock; None: now, or the end of a call that is over."""

    text: str
    at_ms: int | None = None


class NoteCursor(msgspec.Struct, array_like=True, frozen=True):
    """The number of a note's event."""

    seq: Annotated[int, msgspec.Meta(ge=1, lt=10**15)]


async def add_note(request: web.Request) -> web.Response:
    """201 with the note. 422 for a text that is none, and for a moment that is not on the call."""
    wish = await body_of(request, NoteWish)
    conference = request[CONFERENCE]
    text, at_ms = _text(wish.text), _moment(request, conference, wish.at_ms)
    rules = request.app[REDACTION_RULES](conference.tenant)
    note = NoteAdded(
        note=request.app[CLOCK].new_id("not"),
        at_ms=at_ms,
        text=rules.masked(text, rules.findings(text)),
        by=request[CALLER].name,
    )
    return await once(request, lambda: _add(request, conference, note))


async def list_notes(request: web.Request) -> web.Response:
    """``?limit=50&after=<cursor>``: a page of notes, in the order in which they were written."""
    limit, after = limit_of(request), place_after(request, NoteCursor)
    conference = request[CONFERENCE]
    found = await request.app[TRANSCRIPTS].events(
        conference.id, until=conference.seq, after=after.seq if after else 0, types=[NoteAdded.type], limit=limit + 1
    )
    shown = found[:limit]
    next_place = NoteCursor(shown[-1].seq or 0) if len(found) > limit else None
    return page(request, [_told(event) for event in shown], next_place=next_place)


async def _add(request: web.Request, conference: Conference, note: NoteAdded) -> web.Response:
    clock = request.app[CLOCK]
    draft = Draft(id=clock.new_id("evt"), conference=conference.id, timestamp=clock.now(), data=note)
    [stored] = await request.app[EVENT_WRITER].submit([draft])
    assert stored is not None  # noqa: S101 - only utterances may be stored already
    await audit(request, "note.added", conference.id, after={"note": note.note, "at_ms": note.at_ms})
    return json_response(_told(stored), HTTPStatus.CREATED)


def _told(event: Event) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(event.data)
    return {"seq": event.seq, "timestamp": event.timestamp} | data


def _text(text: str) -> str:
    stripped = text.strip()
    if not stripped or len(stripped) > TEXT_CHARS_MOST or not stripped.isprintable():
        raise RequestRefused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "text_invalid",
            f"A note is one line of 1 to {TEXT_CHARS_MOST} printable characters.",
            next_step="Write it on one line, or as several notes.",
            pointer="#/text",
        )
    return stripped


def _moment(request: web.Request, conference: Conference, at_ms: int | None) -> int:
    """On the call: whoever began to write while it went on may be done when it is over, and clocks differ a little."""
    now_ms = conference.clock_ms(request.app[CLOCK].now())
    if at_ms is not None and not 0 <= at_ms <= now_ms + CLOCKS_DIFFER_MS:
        raise RequestRefused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "at_ms_invalid",
            "at_ms is not on the call: it is before its beginning or still to come.",
            next_step="Leave it out for now.",
            pointer="#/at_ms",
        )
    latest = conference.clock_ms(conference.ended_at) if conference.ended_at else now_ms
    return latest if at_ms is None else min(at_ms, latest)
