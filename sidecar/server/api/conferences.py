"""``/v1/conferences``: what is known of conferences, by our id or Twilio's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from aiohttp import web

from sidecar.domain.conference import Conference, Participant
from sidecar.server.app_keys import DIRECTORY
from sidecar.server.auth.caller import CALLER, CONFERENCE

LIST_LIMIT = 50


async def list_conferences(request: web.Request) -> web.Response:
    """``GET /v1/conferences[?room=]``: newest first, at most 50."""
    caller = request[CALLER]
    found = await request.app[DIRECTORY].conferences(
        room=request.query.get("room"), tenant=caller.tenant, agent=caller.only_own, limit=LIST_LIMIT
    )
    return _json({"data": [_conference(conference) for conference in found]})


async def get_conference(request: web.Request) -> web.Response:
    """``GET /v1/conferences/{id}``: one conference with its participants."""
    conference = request[CONFERENCE]
    return _json(_conference(conference, await request.app[DIRECTORY].participants(conference.id)))


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


def _json(body: dict[str, Any]) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")
