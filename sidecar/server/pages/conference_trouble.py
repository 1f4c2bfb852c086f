"""The page that stands in for a call that cannot be shown."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from sidecar.domain.errors import NotFound, SidecarError
from sidecar.server.pages.rendering import ProblemPage, problem, respond


def unreadable(request: web.Request, error: SidecarError) -> web.Response:
    """404 when there is no such call for whoever asks, 503 when it cannot be read just now."""
    if isinstance(error, NotFound):
        page = ProblemPage(
            title="No such call",
            message=error.message,
            next_step="Check the link, or pick the call from the list.",
            code=error.code,
        )
        return respond(request, "problem.html", page, status=HTTPStatus.NOT_FOUND)
    response = problem(request, error, title="The transcript cannot be read just now", status=503)
    response.headers["Retry-After"] = "2"
    return response
