"""``POST /v1/conferences/{id}/panel_tokens``: a short-lived way to the panel of one conference, for a page of yours."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

import msgspec
import structlog
from aiohttp import web

from sidecar.domain.access.callers import (
    PANEL_LASTS,
    PANEL_LONGEST,
    PANEL_PREFIX,
    NameRefused,
    PanelToken,
    checked_name,
    token_hash,
)
from sidecar.server.api.bodies import NO_STORE, body_of, json_response
from sidecar.server.app_keys import ACCOUNTS, CLOCK, TWILIO_EDGE
from sidecar.server.audit import audit
from sidecar.server.auth.caller import CONFERENCE
from sidecar.server.problems import RequestRefused

log = structlog.get_logger()

LASTS_LEAST_S = 10


class PanelTokenWish(msgspec.Struct, forbid_unknown_fields=True):
    """``name``: of the agent, as "invited by" shows it. ``lasts_s``: seconds."""

    name: str
    lasts_s: int = int(PANEL_LASTS.total_seconds())


async def make_panel_token(request: web.Request) -> web.Response:
    """201 with the token, told this once, and the address of the panel with it. 404 for an unknown conference."""
    wish = await body_of(request, PanelTokenWish)
    longest = int(PANEL_LONGEST.total_seconds())
    try:
        name = checked_name(wish.name)
    except NameRefused as error:
        raise RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, error.code, error.message, pointer="#/name") from error
    if not LASTS_LEAST_S <= wish.lasts_s <= longest:
        detail = f"lasts_s is {LASTS_LEAST_S} to {longest}."
        raise RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, "lasts_invalid", detail, pointer="#/lasts_s")
    conference = request[CONFERENCE]
    clock = request.app[CLOCK]
    now, secret = clock.now(), PANEL_PREFIX + clock.new_token()
    token = PanelToken(
        id=clock.new_id("pan"),
        conference_id=conference.id,
        name=name,
        created_at=now,
        expires_at=now + timedelta(seconds=wish.lasts_s),
        tenant=conference.tenant,
    )
    await request.app[ACCOUNTS].add_panel_token(token, token_hash=token_hash(secret))
    await audit(request, "panel_token.made", token.id, after={"conference": conference.id, "name": token.name})
    log.info("panel_token_made", token=token.id, conference=conference.id, lasts_s=wish.lasts_s)
    body = {
        "id": token.id,
        "conference": conference.id,
        "name": token.name,
        "token": secret,
        "expires_at": token.expires_at,
        "url": request.app[TWILIO_EDGE].url(f"/agent/{conference.id}?token={secret}"),
    }
    return json_response(body, HTTPStatus.CREATED, headers=NO_STORE)
