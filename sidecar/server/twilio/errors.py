"""Errors on Twilio's routes: a status that Twilio understands, the code in the log, and no word to strangers."""

from __future__ import annotations

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from sidecar.domain.errors import SidecarError
from sidecar.server.app_keys import SWITCHBOARD
from sidecar.wire.twilio_callbacks import CallbackMalformed

log = structlog.get_logger()


@web.middleware
async def twilio_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """400 for a form that we cannot read, 503 (Twilio tries again or fails over) for what we cannot do just now."""
    if not request.path.startswith("/twilio/"):
        return await handler(request)
    try:
        return await handler(request)
    except SidecarError as error:
        request.app[SWITCHBOARD].refusals[error.code] += 1
        log.warning("request_failed", path=request.path, code=error.code, reason=error.message)
        status = 400 if isinstance(error, CallbackMalformed) else 503
        return web.Response(status=status, text=f"{error.code}\n")
