"""``DELETE /v1/conferences/{id}``: a conference that has ended, and everything about it, is gone for good."""

from __future__ import annotations

from http import HTTPStatus

import structlog
from aiohttp import web

from sidecar.server.app_keys import KEEPING, WALLBOARD_STATE
from sidecar.server.audit import audit
from sidecar.server.auth.caller import CONFERENCE

log = structlog.get_logger()


async def delete_conference(request: web.Request) -> web.Response:
    """204 when nothing of it is left but the entry in the audit log. 409 while it goes on, or is not complete."""
    conference = request[CONFERENCE]
    await request.app[KEEPING].delete(conference)
    request.app[WALLBOARD_STATE].forget(conference.id)
    log.info("conference_deleted", conference=conference.id, reason="asked for")
    await audit(request, "conference.deleted", conference.id)
    return web.Response(status=HTTPStatus.NO_CONTENT)
