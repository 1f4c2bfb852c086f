"""``/v1/conferences``: what is known of conferences, by our id or Twilio's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from aiohttp import web

from sidecar.domain.conference.values import Conference, ConferenceState, Participant
from sidecar.ports.directory import ConferenceFilter, ConferencePlace
from sidecar.server.api.bodies import json_response
from sidecar.server.api.paging import limit_of, moment_of, page, place_after, refused
from sidecar.server.app_keys import DIRECTORY
from sidecar.server.auth.caller import CALLER, CONFERENCE

# What a filter of the query may be long.
FILTER_MAX_CHARS = 200


class ConferenceCursor(msgspec.Struct, array_like=True, frozen=True):
    """The place of a conference in the list."""

    started_at: Annotated[datetime, msgspec.Meta(tz=True)]
    id: Annotated[str, msgspec.Meta(max_length=64)]


async def list_conferences(request: web.Request) -> web.Response:
    """``?room=&state=&agent=&from=&to=&q=&limit=50&after=<cursor>``: newest first, page by page.

    400 for a limit, cursor or filter that is none.
    """
    limit, after = limit_of(request), place_after(request, ConferenceCursor)
    beyond = ConferencePlace(clock_zero=after.started_at, id=after.id) if after is not None else None
    found = await request.app[DIRECTORY].listed(_filter(request), beyond=beyond, limit=limit + 1)
    shown = found[:limit]
    next_place = ConferenceCursor(shown[-1].clock_zero, shown[-1].id) if len(found) > limit else None
    return page(request, [_conference(conference) for conference in shown], next_place=next_place)


def _filter(request: web.Request) -> ConferenceFilter:
    caller, query = request[CALLER], request.query
    for name in ("room", "agent", "q"):
        if not 0 < len(query.get(name, "x")) <= FILTER_MAX_CHARS:
            raise refused("filter_invalid", f"{name} has 1 to {FILTER_MAX_CHARS} characters.", "Leave it out.")
    return ConferenceFilter(
        tenant=caller.tenant,
        own_of=caller.only_own,
        room=query.get("room"),
        state=_state(query.get("state")),
        agent=query.get("agent"),
        since=moment_of(request, "from"),
        until=moment_of(request, "to"),
        text=query.get("q"),
    )


def _state(word: str | None) -> ConferenceState | None:
    if word is not None and word not in set(ConferenceState):
        raise refused("filter_invalid", "state is none.", f"States are {', '.join(ConferenceState)}.")
    return ConferenceState(word) if word is not None else None


async def get_conference(request: web.Request) -> web.Response:
    """``GET /v1/conferences/{id}``: one conference with its participants."""
    conference = request[CONFERENCE]
    return json_response(_conference(conference, await request.app[DIRECTORY].participants(conference.id)))


def _conference(conference: Conference, participants: Sequence[Participant] | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": conference.id,
        "conference_sid": conference.sid,
        "room": conference.room,
        "state": conference.state,
        "started_at": conference.clock_zero,
        "ended_at": conference.ended_at,
        "last_seq": conference.seq,
    }
    if participants is not None:
        body["participants"] = [
            {
                "id": participant.id,
                "call_sid": participant.call_sid,
                "label": participant.label,
                "name": participant.name,
                "role": participant.role,
                "state": participant.state,
            }
            for participant in participants
        ]
    return body
