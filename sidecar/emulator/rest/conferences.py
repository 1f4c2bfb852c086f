"""Conferences: https://www.twilio.com/docs/voice/api/conference-resource."""

from __future__ import annotations

from aiohttp import web

from sidecar.emulator.rest import resources
from sidecar.emulator.rest.answers import RestError, account_of, answer, exchange_of, not_found
from sidecar.emulator.rest.forms import bad, form_of, on_day
from sidecar.emulator.rest.paging import paged
from sidecar.emulator.state import Conference, ConferenceStatus

NOT_IN_STATE = 16099


async def list_conferences(request: web.Request) -> web.Response:
    """Newest first; filters FriendlyName, Status, DateCreated and DateUpdated."""
    room, status = request.query.get("FriendlyName"), request.query.get("Status")
    created, updated = on_day(request, "DateCreated"), on_day(request, "DateUpdated")
    found = [
        resources.conference(account_of(request), conference)
        for conference in reversed(exchange_of(request).state.conferences.values())
        if room in {None, conference.room}
        and status in {None, conference.status.value}
        and created(conference.created_at)
        and updated(conference.updated_at)
    ]
    return answer(paged(request, "conferences", found))


async def fetch_conference(request: web.Request) -> web.Response:
    """One conference, live or over."""
    return answer(resources.conference(account_of(request), conference_of(request)))


async def update_conference(request: web.Request) -> web.Response:
    """End it, or let everybody in it hear an announcement."""
    conference, form = conference_of(request), await form_of(request)
    status, announcement = form.text("Status"), form.document("Announce", "POST")
    if status not in {"", "completed"}:
        raise bad("Status", "completed")
    check_not_over(conference)
    desk = exchange_of(request).desk
    if announcement is not None:
        desk.announce(conference, announcement)
    if status:
        desk.end(conference)
    return answer(resources.conference(account_of(request), conference))


def conference_of(request: web.Request) -> Conference:
    """The conference in the path, live or over."""
    conference = exchange_of(request).state.conferences.get(request.match_info["conference"])
    if conference is None:
        raise not_found(request)
    return conference


def check_not_over(conference: Conference) -> None:
    """What is to happen in a conference needs one that goes on."""
    if conference.status is ConferenceStatus.COMPLETED:
        raise RestError(400, NOT_IN_STATE, f"The conference {conference.sid} is over.")


ROUTES = {
    ("GET", "/Conferences.json"): list_conferences,
    ("GET", "/Conferences/{conference}.json"): fetch_conference,
    ("POST", "/Conferences/{conference}.json"): update_conference,
}
