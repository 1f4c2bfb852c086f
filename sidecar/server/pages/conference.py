"""``GET /conferences/{id}``: the live transcript of one conference, by our id or the provider's."""

from __future__ import annotations

from aiohttp import web

from sidecar.domain.conference import Conference
from sidecar.domain.errors import NotFound, StoreUnavailable
from sidecar.domain.events import Event
from sidecar.ports.event_log import EventLog
from sidecar.server.app_keys import CLOCK, DIRECTORY, EVENT_LOG
from sidecar.server.pages.conference_view import conference_page
from sidecar.server.pages.rendering import RENDERER, problem
from sidecar.wire.sse import Positions

_PAGE_OF_EVENTS = 1000


async def show(request: web.Request) -> web.Response:
    """The page as the call stands, with the position from which its script goes on."""
    id_or_sid = request.match_info["id"]
    log, directory = request.app[EVENT_LOG], request.app[DIRECTORY]
    try:
        conference = await directory.conference(id_or_sid)
        if conference is None:
            raise NotFound(
                f"No conference has the id {id_or_sid[:64]}.",
                next_step="Check the link, or pick the call from the list.",
            )
        roster = await directory.participants(conference.id)
        events = await _all_events(log, conference)
        epoch = await log.epoch()
    except NotFound as error:
        return problem(request, error, title="No such call", status=404)
    except StoreUnavailable as error:
        response = problem(request, error, title="The transcript cannot be read just now", status=503)
        response.headers["Retry-After"] = "2"
        return response
    seq = (events[-1].seq or 0) if events else 0
    position = Positions(epoch, {conference.id: seq})
    page = conference_page(conference, roster, events, position=str(position), now=request.app[CLOCK].now())
    return request.app[RENDERER].respond("conference.html", page)


async def _all_events(log: EventLog, conference: Conference) -> list[Event]:
    events: list[Event] = []
    while True:
        more = await log.read(conference.id, after=(events[-1].seq or 0) if events else 0, limit=_PAGE_OF_EVENTS)
        events += more
        if len(more) < _PAGE_OF_EVENTS:
            return events
