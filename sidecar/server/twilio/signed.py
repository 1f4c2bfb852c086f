"""Only Twilio may call these routes: the signature is checked before anything of a request is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog
from aiohttp import web

from sidecar.server.app_keys import SWITCHBOARD, TWILIO_EDGE
from sidecar.server.strangers import known
from sidecar.wire.twilio_signature import HEADER, SETTINGS_HEADER, is_signed

log = structlog.get_logger()

FORM = "application/x-www-form-urlencoded"


async def signed_form(request: web.Request) -> Mapping[str, str]:
    """The form of a signed POST. Raises HTTPForbidden for anything that Twilio did not sign, and counts it."""
    if request.content_type != FORM:
        refuse(request, "form_expected")
    form = await _form_of(request)
    pairs = [(name, value) for name, value in form.items() if isinstance(value, str)]
    if not _proves(request, request.app[TWILIO_EDGE].url(request.raw_path), pairs):
        refuse(request, "signature_wrong")
    known(request)
    return dict(pairs)


def check_upgrade(request: web.Request) -> None:
    """Raises HTTPForbidden unless Twilio signed this WebSocket upgrade."""
    if not _proves(request, request.app[TWILIO_EDGE].socket_url(request.raw_path)):
        refuse(request, "upgrade_signature_wrong")
    known(request)


async def _form_of(request: web.Request) -> Mapping[str, object]:
    try:
        return await request.post()
    except web.HTTPRequestEntityTooLarge:
        request.app[SWITCHBOARD].refusals["form_too_big"] += 1
        raise


def _proves(request: web.Request, url: str, form: Sequence[tuple[str, str]] = ()) -> bool:
    return is_signed(
        request.headers.get(HEADER, ""),
        url,
        form,
        secrets=request.app[TWILIO_EDGE].secrets,
        settings=request.headers.get(SETTINGS_HEADER, ""),
    )


def refuse(request: web.Request, reason: str) -> None:
    """Count a refusal by its reason and answer 403 without saying more to a stranger."""
    request.app[SWITCHBOARD].refusals[reason] += 1
    log.warning("request_refused", path=request.path, reason=reason)
    raise web.HTTPForbidden(text="Forbidden\n")
