"""Twilio's REST API as far as this floor goes, one file per resource. Same paths, same JSON, same error numbers.

Source: https://github.com/twilio/twilio-oai (twilio_api_v2010). Thin: rules live in ``calls``,
``desk`` and ``streams``.
"""

from __future__ import annotations

from aiohttp import web

from sidecar.emulator.line import API_VERSION
from sidecar.emulator.rest import applications, calls, conferences, numbers, participants, streams
from sidecar.emulator.rest.answers import guarded, not_found

_RESOURCES = (conferences, participants, calls, streams, numbers, applications)


def routes() -> list[web.RouteDef]:
    """The API under /2010-04-01/Accounts/{account}; whatever else is asked for there is not found."""
    base = f"/{API_VERSION}/Accounts/{{account}}"
    known = [
        web.route(method, base + path, guarded(handler))
        for resource in _RESOURCES
        for (method, path), handler in resource.ROUTES.items()
    ]
    return [*known, web.route("*", f"/{API_VERSION}/{{rest:.*}}", guarded(unknown_resource))]


async def unknown_resource(request: web.Request) -> web.Response:
    """Whatever this floor does not have."""
    raise not_found(request)
