"""``GET /``: the calls, newest first."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from aiohttp import hdrs, web

from sidecar.domain.conference import Conference, ConferenceState
from sidecar.domain.errors import StoreUnavailable
from sidecar.ports.directory import Directory
from sidecar.server.app_keys import CLOCK, DIRECTORY, TWILIO_EDGE
from sidecar.server.pages.conference_view import room_words
from sidecar.server.pages.rendering import RENDERER, problem

_SHOWN = 50
_PILLS = {ConferenceState.WAITING: "warn", ConferenceState.LIVE: "live", ConferenceState.ENDED: "quiet"}


@dataclass(frozen=True, kw_only=True)
class Call:
    """A row: ``duration_ms`` since the conference clock's zero, up to now or to its end."""

    id: str
    room: str
    state: str
    pill: str
    people: str
    started: datetime
    duration_ms: int
    running: bool


@dataclass(frozen=True, kw_only=True)
class CallsPage:
    """All that ``calls.html`` may use. ``voice_url``: what to enter as a number's voice webhook."""

    calls: list[Call]
    version: str
    voice_url: str


async def show(request: web.Request) -> web.Response:
    """The list. Its ETag changes when a row comes, goes or changes state: the script asks for that by HEAD."""
    directory, now = request.app[DIRECTORY], request.app[CLOCK].now()
    try:
        calls = [await _call(directory, one, now) for one in await directory.conferences(limit=_SHOWN)]
    except StoreUnavailable as error:
        return problem(request, error, title="The calls cannot be read just now", status=503)
    facts = repr([(call.id, call.room, call.state, call.people) for call in calls])
    version = hashlib.sha256(facts.encode()).hexdigest()[:16]
    page = CallsPage(calls=calls, version=version, voice_url=request.app[TWILIO_EDGE].url("/twilio/voice"))
    response = request.app[RENDERER].respond("calls.html", page)
    response.headers[hdrs.ETAG] = f'"{version}"'
    return response


async def _call(directory: Directory, conference: Conference, now: datetime) -> Call:
    people = await directory.participants(conference.id)
    return Call(
        id=conference.id,
        room=room_words(conference),
        state=conference.state.capitalize(),
        pill=_PILLS[conference.state],
        people=", ".join(person.name or person.label for person in people),
        started=conference.clock_zero,
        duration_ms=conference.clock_ms(conference.ended_at or now),
        running=conference.state is not ConferenceState.ENDED,
    )
