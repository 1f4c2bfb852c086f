"""``POST /v1/conferences/{id}/pause`` and ``/resume``: nothing is transcribed in between, because somebody wants it so.

The call itself goes on, and everybody on it hears each other as before.
"""

from __future__ import annotations

from http import HTTPStatus

import msgspec
import structlog
from aiohttp import web

from sidecar.domain.conference.facts import Pause, Resume
from sidecar.server.api.bodies import body_of, json_response
from sidecar.server.api.idempotency import harmless_twice
from sidecar.server.app_keys import SWITCHBOARD
from sidecar.server.audit import audit
from sidecar.server.auth.caller import CALLER, CONFERENCE
from sidecar.server.problems import RequestRefused

log = structlog.get_logger()

REASON_MAX_CHARS = 200


class PauseWish(msgspec.Struct, forbid_unknown_fields=True):
    """``reason``: in the words of whoever pauses; everybody who reads the transcript reads it."""

    reason: str = ""


async def pause(request: web.Request) -> web.Response:
    """200 with ``paused`` and ``since_ms``, also when it is paused already. 409 for a conference that is over."""
    wish = await body_of(request, PauseWish)
    reason = wish.reason.strip()
    if len(reason) > REASON_MAX_CHARS or not reason.isprintable():
        raise RequestRefused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "reason_invalid",
            f"reason is one line of at most {REASON_MAX_CHARS} characters.",
            next_step="Leave it out, or make it shorter.",
            pointer="#/reason",
        )
    return await harmless_twice(request, lambda: _tell(request, Pause(by=request[CALLER].name, reason=reason)))


async def resume(request: web.Request) -> web.Response:
    """200 with ``paused`` false, also when nothing is paused. 409 for a conference that is over."""
    return await harmless_twice(request, lambda: _tell(request, Resume(by=request[CALLER].name)))


async def _tell(request: web.Request, fact: Pause | Resume) -> web.Response:
    session = await request.app[SWITCHBOARD].going_on(request[CONFERENCE].id)
    pauses = await session.set_paused(fact)
    paused = pauses.since is not None
    log.info("transcription_paused" if paused else "transcription_resumed", conference=session.conference.id)
    await audit(request, "transcript.paused" if paused else "transcript.resumed", session.conference.id)
    body = {"conference": session.conference.id, "paused": paused, "since_ms": pauses.since}
    return json_response(body)
