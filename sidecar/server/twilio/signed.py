"""Only Twilio may call these routes: the signature is checked before anything of a request is used."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from aiohttp import web

from sidecar.server.app_keys import SWITCHBOARD, TWILIO_EDGE
from sidecar.wire.twilio_signature import HEADER, is_signed

log = structlog.get_logger()


async def signed_form(request: web.Request) -> Mapping[str, str]:
    """The form of a signed POST. Raises HTTPForbidden for anything that Twilio did not sign, and counts it."""
    form = await request.post()
    pairs = [(name, value) for name, value in form.items() if isinstance(value, str)]
    edge = request.app[TWILIO_EDGE]
    genuine = len(pairs) == len(form) and is_signed(
        request.headers.get(HEADER, ""), edge.url(request.raw_path), pairs, tokens=edge.tokens
    )
    if not genuine:
        refuse(request, "signature_wrong")
    return dict(pairs)


def check_upgrade(request: web.Request) -> None:
    """Raises HTTPForbidden unless Twilio signed this WebSocket upgrade."""
    edge = request.app[TWILIO_EDGE]
    url = edge.socket_url(request.raw_path)
    if not is_signed(request.headers.get(HEADER, ""), url, tokens=edge.tokens):
        refuse(request, "upgrade_signature_wrong")


def refuse(request: web.Request, reason: str) -> None:
    """Count a refusal by its reason and answer 403 without saying more to a stranger."""
    request.app[SWITCHBOARD].refusals[reason] += 1
    log.warning("request_refused", path=request.path, reason=reason)
    raise web.HTTPForbidden(text="Forbidden\n")
