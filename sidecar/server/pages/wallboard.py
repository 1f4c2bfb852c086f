"""``GET /``: the calls that go on, live, and below them those that ended lately."""

from __future__ import annotations

import structlog
from aiohttp import web

from sidecar.domain.access.callers import Caller, Scope
from sidecar.domain.conference.values import ConferenceState
from sidecar.domain.errors import StoreUnavailable
from sidecar.domain.webhooks.endpoints import EndpointState
from sidecar.ports.directory import Directory
from sidecar.server.app_keys import CLOCK, DIRECTORY, TWILIO_EDGE, WALLBOARD_STATE, WEBHOOK_ENDPOINTS
from sidecar.server.auth.caller import CALLER
from sidecar.server.pages.rendering import respond
from sidecar.server.pages.wallboard_view import EndedCall, ended_call, wallboard_page

log = structlog.get_logger()

# Ended calls in the list, found among so many of the newest.
_ENDED_SHOWN = 20
_LOOKED_THROUGH = 100


async def show(request: web.Request) -> web.Response:
    """The board as it stands. A store that cannot be read costs the ended calls only: the rows are in memory."""
    board, caller = request.app[WALLBOARD_STATE], request[CALLER]
    rows = board.rows(caller.tenant, agent=caller.only_own)
    ended: list[EndedCall] | None
    try:
        webhooks_off = await _webhooks_off(request)
        ended = await _ended_lately(request.app[DIRECTORY], caller, on_board={row.id for row in rows})
    except StoreUnavailable as error:
        log.warning("ended_calls_not_read", code=error.code)
        ended, webhooks_off = None, 0
    page = wallboard_page(
        rows,
        ended,
        now=request.app[CLOCK].now(),
        ready=board.ready,
        voice_url=request.app[TWILIO_EDGE].url("/twilio/voice"),
        webhooks_off=webhooks_off,
    )
    return respond(request, "wallboard.html", page)


async def _ended_lately(directory: Directory, caller: Caller, *, on_board: set[str]) -> list[EndedCall]:
    newest = await directory.conferences(tenant=caller.tenant, agent=caller.only_own, limit=_LOOKED_THROUGH)
    ended = [one for one in newest if one.state is ConferenceState.ENDED and one.id not in on_board]
    return [ended_call(one, await directory.participants(one.id)) for one in ended[:_ENDED_SHOWN]]


async def _webhooks_off(request: web.Request) -> int:
    """How many endpoints were disabled because they failed, for somebody who may do something about it."""
    caller = request[CALLER]
    if not caller.may(Scope.WEBHOOKS_MANAGE):
        return 0
    endpoints = await request.app[WEBHOOK_ENDPOINTS].endpoints(tenant=caller.tenant)
    return sum(one.state is EndpointState.DISABLED and one.disabled_reason != "by_person" for one in endpoints)
