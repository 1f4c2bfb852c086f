"""Errors on pages: what happened and what to do next, as a page. ``problems`` does the same for the API."""

from __future__ import annotations

from http import HTTPStatus

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from sidecar.domain.errors import SidecarError
from sidecar.server.auth.identity import PANEL_ROUTE, route_of
from sidecar.server.pages.panel_frame import framed
from sidecar.server.pages.rendering import ProblemPage, respond
from sidecar.server.problems import API_PREFIX, come_back, status_of

log = structlog.get_logger()

_TITLES = {
    HTTPStatus.NOT_FOUND: "This is not here",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests",
    HTTPStatus.SERVICE_UNAVAILABLE: "This does not work just now",
}
# An error's own next step is for who asks the API.
_WHERE_ELSE = "Check the link, or pick it from the list. If it was here before, it has been deleted."


@web.middleware
async def page_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns the SidecarErrors of pages into pages, with ``Retry-After`` for those that pass."""
    if request.path.startswith((API_PREFIX, "/twilio/")):
        return await handler(request)
    try:
        return await handler(request)
    except SidecarError as error:
        page = _page_of(request, error)
        if page.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("page_failed", route=route_of(request), code=error.code, reason=error.message)
        return framed(request, page) if route_of(request) == PANEL_ROUTE else page


def _page_of(request: web.Request, error: SidecarError) -> web.Response:
    status = status_of(error)
    page = ProblemPage(
        title=_TITLES.get(HTTPStatus(status), "This cannot be done"),
        message=error.message,
        next_step=_WHERE_ELSE if status == HTTPStatus.NOT_FOUND else error.next_step,
        code=error.code,
    )
    response = respond(request, "problem.html", page, status=status)
    response.headers.update(come_back(error))
    return response
