"""The agent's panel in somebody else's page: who may frame it, and what the frame shows when its token has expired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from sidecar.server.app_keys import PANEL_ORIGINS
from sidecar.server.pages.rendering import respond
from sidecar.server.pages.security import policy_framed_by


@dataclass(frozen=True, kw_only=True)
class PanelClosedPage:
    """All that ``panel_closed.html`` may use. ``origins``: of the pages that may frame the panel."""

    origins: Sequence[str]


def panel_closed(request: web.Request) -> web.Response:
    """401: the token is not known or has expired. The page around the frame is told, and may give another one."""
    page = PanelClosedPage(origins=request.app[PANEL_ORIGINS])
    return framed(request, respond(request, "panel_closed.html", page, status=HTTPStatus.UNAUTHORIZED))


def framed(request: web.Request, response: web.Response) -> web.Response:
    """The response, to be shown in frames of our own pages and of the origins in the settings, and nowhere else."""
    response.headers["Content-Security-Policy"] = policy_framed_by(request.app[PANEL_ORIGINS])
    # Its address has a token in it.
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
