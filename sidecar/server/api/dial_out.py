"""``POST /v1/conferences/{id}/participants``: calls somebody in. Off, unless the operator names countries."""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from aiohttp import web

from sidecar.domain.dial_out import DialOutRefused
from sidecar.domain.errors import TelephonyFailed
from sidecar.server.api.bodies import body_of, json_response
from sidecar.server.api.idempotency import once
from sidecar.server.app_keys import DIALLER, SWITCHBOARD
from sidecar.server.audit import audit
from sidecar.server.auth.caller import CALLER, CONFERENCE
from sidecar.server.problems import problem, problem_of

_STATUS = {
    "dial_out_off": HTTPStatus.FORBIDDEN,
    "country_not_allowed": HTTPStatus.FORBIDDEN,
    "number_not_ordinary": HTTPStatus.FORBIDDEN,
    "number_invalid": HTTPStatus.UNPROCESSABLE_ENTITY,
    "dial_out_cap": HTTPStatus.TOO_MANY_REQUESTS,
}


class DialWish(msgspec.Struct, forbid_unknown_fields=True):
    """``to``: a number in E.164. ``label``: how to call whoever answers; made unique in the conference."""

    to: str
    label: str = "caller"


async def dial_out(request: web.Request) -> web.Response:
    """202 with the participant to come. 403 by policy, 429 with Retry-After at a cap, 409 for a conference that is not
    going on, 502 with the provider's number when it fails: that answer too is for good under its Idempotency-Key."""
    wish = await body_of(request, DialWish)
    try:
        return await once(request, lambda: _dial(request, wish))
    except DialOutRefused as refused:
        headers = {"Retry-After": str(refused.retry_after_s)} if refused.retry_after_s is not None else None
        wrong = [{"pointer": "#/to", "detail": refused.message}] if refused.code == "number_invalid" else []
        return problem(request, _STATUS[refused.code], refused.code, str(refused), errors=wrong, headers=headers)


async def _dial(request: web.Request, wish: DialWish) -> web.Response:
    conference = (await request.app[SWITCHBOARD].going_on(request[CONFERENCE].id)).conference
    try:
        dialled = await request.app[DIALLER].dial(
            conference, number=wish.to, label=wish.label, caller=request[CALLER].id
        )
    except TelephonyFailed as error:
        return problem_of(request, error)
    await audit(request, "participant.called", dialled.call_sid, after={"conference": dialled.conference})
    participant = {"call_sid": dialled.call_sid, "label": dialled.label, "state": "expected"}
    return json_response({"conference": dialled.conference, "participant": participant}, HTTPStatus.ACCEPTED)
