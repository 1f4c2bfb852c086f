"""``/v1/conferences/{id}/alerts``: what the rules raised in a conference, and taking note of it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from sidecar.domain.alerts.rules import NOTE_MAX_CHARS
from sidecar.ports.alerts import Alert
from sidecar.server.api.bodies import body_of, json_response
from sidecar.server.api.idempotency import harmless_twice
from sidecar.server.app_keys import ALERT_DESK, ALERTS
from sidecar.server.audit import audit
from sidecar.server.auth.caller import CALLER, CONFERENCE
from sidecar.server.problems import RequestRefused


class Acknowledgement(msgspec.Struct, forbid_unknown_fields=True):
    """``note``: what is done about it, for whoever reads the alert next."""

    note: str = ""


async def list_alerts(request: web.Request) -> web.Response:
    """``GET /v1/conferences/{id}/alerts``: all of them, in order of seq, open and acknowledged."""
    found = await request.app[ALERTS].of_conference(request[CONFERENCE].id)
    return json_response({"data": [shown(alert) for alert in found]})


async def acknowledge(request: web.Request) -> web.Response:
    """``POST …/alerts/{alert}/acknowledge``: 200 with the alert. Who was first stays; again changes nothing."""
    wish = await body_of(request, Acknowledgement)
    note = wish.note.strip()
    if len(note) > NOTE_MAX_CHARS or not all(char.isprintable() or char in "\n\t" for char in note):
        detail = f"note has at most {NOTE_MAX_CHARS} printable characters."
        raise RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, "note_invalid", detail, pointer="#/note")

    async def act() -> web.Response:
        conference, alert_id = request[CONFERENCE], request.match_info["alert"]
        alert = await request.app[ALERT_DESK].acknowledge(conference, alert_id, by=request[CALLER].name, note=note)
        await audit(request, "alert.acknowledged", alert.raised.alert)
        return json_response(shown(alert))

    return await harmless_twice(request, act)


def shown(alert: Alert) -> dict[str, Any]:
    """As the API shows it: what was raised, and who took note of it."""
    raised: dict[str, Any] = msgspec.to_builtins(alert.raised)
    body = {"id": raised.pop("alert"), "conference": alert.conference, "seq": alert.seq, "raised_at": alert.raised_at}
    noted = {"acknowledged_at": alert.acknowledged_at, "acknowledged_by": alert.acknowledged_by or None}
    return body | raised | noted | {"note": alert.note}
