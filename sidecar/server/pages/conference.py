"""``GET /conferences/{id}``: the live transcript of one conference, by our id or the provider's."""

from __future__ import annotations

from aiohttp import web

from sidecar.domain.access.callers import Scope
from sidecar.domain.blocks import Earlier
from sidecar.domain.conference.values import Conference
from sidecar.domain.events import Event, UtteranceFinal
from sidecar.ports.transcripts import Transcripts
from sidecar.server.api.utterances import cursor_after
from sidecar.server.app_keys import ASSISTANTS, CLOCK, DIRECTORY, EVENT_LOG, TRANSCRIPTS
from sidecar.server.auth.caller import CALLER, CONFERENCE
from sidecar.server.pages.conference_history import AssistantNow, Older
from sidecar.server.pages.conference_view import FIRST_PAINT_ROWS, ConferencePage, conference_page
from sidecar.server.pages.phone import phone_of
from sidecar.server.pages.rendering import respond
from sidecar.server.pages.security import policy_with_frames_from

_PAGE_OF_EVENTS = 1000


async def show(request: web.Request) -> web.Response:
    """The page as the call stands, with the position from which its script goes on.

    Of a long call it carries the newest lines; its script asks for older ones when the reader comes near them.
    """
    page = await read_call(request, newest=FIRST_PAINT_ROWS)
    response = respond(request, "conference.html", page)
    if page.phone is not None:
        response.headers["Content-Security-Policy"] = policy_with_frames_from(page.phone.source)
    return response


async def read_call(request: web.Request, *, newest: int) -> ConferencePage:
    """The call of the request's address with so many of its lines. Raises StoreUnavailable."""
    directory, transcripts, conference = request.app[DIRECTORY], request.app[TRANSCRIPTS], request[CONFERENCE]
    roster = await directory.participants(conference.id)
    others = await _other_events(transcripts, conference)
    lines, older = await _newest_lines(transcripts, conference, newest)
    return conference_page(
        conference,
        roster,
        sorted(others + lines, key=lambda event: event.seq or 0),
        epoch=await request.app[EVENT_LOG].epoch(),
        now=request.app[CLOCK].now(),
        older=older,
        phone=phone_of(request, conference),
        assistant=await _assistant(request, conference),
        may_note=request[CALLER].may(Scope.NOTES_WRITE),
        may_redact=request[CALLER].may(Scope.TRANSCRIPTS_REDACT),
        may_acknowledge=request[CALLER].may(Scope.ALERTS_ACKNOWLEDGE),
    )


async def _assistant(request: web.Request, conference: Conference) -> AssistantNow:
    """What no event tells: whether one can be invited here, and what the one that is there does just now."""
    desk = request.app[ASSISTANTS]
    engines = desk.engines.told() if desk.open and desk.engines else ""
    for assistant in await desk.of_conference(conference.id):
        session = desk.session(assistant.id)
        if session is not None:
            doing = session.assistant
            return AssistantNow(
                open=desk.open, engines=engines, id=assistant.id, state=session.doing, since_ms=session.since_ms,
                problem=session.problem, muted=doing.muted, speaks=doing.speaks, audience=doing.audience,
            )  # fmt: skip
    return AssistantNow(open=desk.open, engines=engines)


async def _other_events(transcripts: Transcripts, conference: Conference) -> list[Event]:
    events: list[Event] = []
    while True:
        after = (events[-1].seq or 0) if events else 0
        more = await transcripts.other_events(conference.id, until=conference.seq, after=after, limit=_PAGE_OF_EVENTS)
        events += more
        if len(more) < _PAGE_OF_EVENTS:
            return events


async def _newest_lines(
    transcripts: Transcripts, conference: Conference, newest: int
) -> tuple[list[Event], Older | None]:
    """The newest lines, and what is known of those above them, if there are any."""
    found = await transcripts.utterances(conference.id, until=conference.seq, newest_first=True, limit=newest + 1)
    if len(found) <= newest:
        return found, None
    lines = found[:-1]
    shown = [event.data for event in lines if isinstance(event.data, UtteranceFinal)]
    spoken = await transcripts.spoken(conference.id, until=conference.seq)
    talk_ms = {one.participant: one.talk_ms for one in spoken}
    for line in shown:
        talk_ms[line.participant] -= line.end_ms - line.start_ms
    earlier = Earlier(
        talk_ms=talk_ms, first_ms=min(one.first_ms for one in spoken), last_ms=max(one.last_ms for one in spoken)
    )
    return lines, Older(oldest=shown[-1], cursor=cursor_after(shown[-1]), earlier=earlier)
