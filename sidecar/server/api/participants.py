"""Who is in a conference, how it stands with their audio, and what people may change about it."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, Literal

import msgspec
from aiohttp import web

from sidecar.domain.conference.attachment import Report, Standing
from sidecar.domain.conference.values import Role
from sidecar.domain.errors import NotFound
from sidecar.server.api.bodies import body_of, json_response
from sidecar.server.app_keys import DIRECTORY, SWITCHBOARD
from sidecar.server.audit import audit
from sidecar.server.auth.caller import CALLER, CONFERENCE, unknown_conference
from sidecar.server.problems import RequestRefused

# Ours, or Twilio's; nothing else ever becomes a part of an address at Twilio.
_ID = re.compile(r"cnf_[0-9A-Za-z_]{1,64}|CF[0-9a-f]{32}")
NAME_MAX_CHARS = 128


class Correction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who a participant really is. Left out: as it was. The assistant is nobody's to name so."""

    name: str | None = None
    role: Literal["agent", "customer", "supervisor", "other"] | None = None


async def fork_conference(request: web.Request) -> web.Response:
    """``POST /v1/conferences/{id}/fork``: have everybody in it heard. 200: they are, or cannot be; 202: not all yet.

    ``{id}`` may be a conference of the account that we never heard of. The same again changes nothing.
    """
    id_or_sid = request.match_info["id"]
    if not _ID.fullmatch(id_or_sid):
        raise unknown_conference(id_or_sid)
    caller = request[CALLER]
    if CONFERENCE not in request and caller.only_own is not None:
        raise unknown_conference(id_or_sid)
    report = await request.app[SWITCHBOARD].attach(id_or_sid, tenant=caller.tenant)
    await audit(request, "conference.forked", report.conference.id)
    return _answer(report, HTTPStatus.OK if report.settled else HTTPStatus.ACCEPTED)


async def list_participants(request: web.Request) -> web.Response:
    """``GET /v1/conferences/{id}/participants``: in order of arrival."""
    return _answer(await request.app[SWITCHBOARD].report(request[CONFERENCE]))


async def correct_participant(request: web.Request) -> web.Response:
    """``PATCH /v1/conferences/{id}/participants/{participant}``: another name or role, by ``CA…`` or our id."""
    conference, wanted = request[CONFERENCE], request.match_info["participant"]
    people = await request.app[DIRECTORY].participants(conference.id)
    found = next((one for one in people if wanted in (one.id, one.call_sid)), None)
    if found is None:
        raise NotFound(f"Nobody in conference {conference.id} is {wanted[:64]}.")
    correction = await body_of(request, Correction)
    role = Role(correction.role) if correction.role is not None else None
    session = await request.app[SWITCHBOARD].going_on(conference.id)
    await session.correct(found.call_sid, name=_name(correction.name), role=role)
    report = await request.app[SWITCHBOARD].report(conference)
    [now] = [_shown(standing) for standing in report.standings if standing.participant.id == found.id]
    before = {"name": found.name, "role": found.role}
    await audit(
        request, "participant.corrected", found.id, before=before, after={"name": now["name"], "role": now["role"]}
    )
    return json_response(now)


def _name(wanted: str | None) -> str | None:
    """Printable text; an empty one is a mistake, not a wish."""
    if wanted is None:
        return None
    name = "".join(c for c in wanted if c.isprintable()).strip()
    if not 0 < len(name) <= NAME_MAX_CHARS:
        raise RequestRefused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "name_invalid",
            f"A name has 1 to {NAME_MAX_CHARS} printable characters.",
            pointer="#/name",
        )
    return name


def _answer(report: Report, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    body = {
        "conference": report.conference.id,
        "conference_sid": report.conference.sid,
        "room": report.conference.room,
        "state": report.conference.state,
        "data": [_shown(standing) for standing in report.standings],
    }
    return json_response(body, status)


def _shown(standing: Standing) -> dict[str, Any]:
    """``fork``: live, pending, interrupted, stopped, or none: this participant is never forked."""
    one = standing.participant
    return {
        "id": one.id,
        "call_sid": one.call_sid,
        "label": one.label,
        "name": one.name,
        "role": one.role,
        "state": one.state,
        "muted": one.muted,
        "hold": one.hold,
        "coaching": one.coaching,
        "fork": standing.fork or "none",
        "problem": standing.problem or None,
    }
