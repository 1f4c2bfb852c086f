"""``GET /history``: all calls, newest first, and what was said in them. A plain form: it works without scripts."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

import msgspec
from aiohttp import web

from sidecar.domain.conference.values import ConferenceState
from sidecar.domain.search import QueryRefused, name_terms, period, search_query
from sidecar.ports.search import CallPlace, Calls, SearchTimedOut
from sidecar.server.api.paging import cursor, place_after
from sidecar.server.api.search import FoundCursor, visible_calls
from sidecar.server.app_keys import CLOCK, DIRECTORY, SEARCH
from sidecar.server.audit import audit_search
from sidecar.server.pages.history_view import Asked, HistoryPage, history_page, shown_call, shown_line
from sidecar.server.pages.rendering import respond

PAGE_ROWS = 25


class CallCursor(msgspec.Struct, array_like=True, frozen=True):
    """The place of a call."""

    clock_zero: Annotated[datetime, msgspec.Meta(tz=True)]
    id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_]{1,64}$")]


async def show(request: web.Request) -> web.Response:
    """``?q=&state=&agent=&room=&from=&to=&after=<cursor>``: lines that fit ``q``; without one, calls."""
    asked = Asked.of(request.query)
    try:
        calls = _calls(request, asked)
        page = await (_found if asked.q.strip() else _listed)(request, asked, calls)
    except QueryRefused as refused:
        page = history_page(asked, refused=refused)
        return respond(request, "history.html", page, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    except SearchTimedOut as stopped:
        page = history_page(asked, refused=stopped)
        return respond(request, "history.html", page, status=HTTPStatus.SERVICE_UNAVAILABLE)
    return respond(request, "history.html", page)


def _calls(request: web.Request, asked: Asked) -> Calls:
    """Which calls are asked for, among those that the caller may see. Raises QueryRefused."""
    state = ConferenceState(asked.state) if asked.state in set(ConferenceState) else None
    since, until = period(asked.since, asked.until)
    return msgspec.structs.replace(
        visible_calls(request), state=state, agents=name_terms(asked.agent), rooms=name_terms(asked.room),
        since=since, until=until,
    )  # fmt: skip


async def _found(request: web.Request, asked: Asked, calls: Calls) -> HistoryPage:
    """Lines; the days that are asked for are those on which they were said."""
    after = place_after(request, FoundCursor)
    days = [(name, day) for name, day in (("from", asked.since), ("to", asked.until)) if day]
    query = search_query(asked.q, days)
    anytime = msgspec.structs.replace(calls, since=None, until=None)
    place = after.place if after else None
    found = await request.app[SEARCH].lines(query, anytime, before=place, limit=PAGE_ROWS + 1)
    await audit_search(request, [line.conference for line in found[:PAGE_ROWS]])
    older = cursor(FoundCursor(found[PAGE_ROWS - 1].place)) if len(found) > PAGE_ROWS else ""
    return history_page(asked, lines=[shown_line(line, query) for line in found[:PAGE_ROWS]], older=older)


async def _listed(request: web.Request, asked: Asked, calls: Calls) -> HistoryPage:
    """Calls; the days that are asked for are those on which they began."""
    after = place_after(request, CallCursor)
    place = CallPlace(after.clock_zero, after.id) if after else None
    found = await request.app[SEARCH].calls(calls, before=place, limit=PAGE_ROWS + 1)
    directory, now = request.app[DIRECTORY], request.app[CLOCK].now()
    rows = [shown_call(call, await directory.participants(call.id), now) for call in found[:PAGE_ROWS]]
    last = found[PAGE_ROWS - 1] if len(found) > PAGE_ROWS else None
    return history_page(asked, calls=rows, older=cursor(CallCursor(last.clock_zero, last.id)) if last else "")
