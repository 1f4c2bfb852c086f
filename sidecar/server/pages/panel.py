"""``GET /agent/{id}``: the agent's panel of one conference, 320 px wide, alone or in a frame of another page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from sidecar.server.app_keys import PANEL_ORIGINS
from sidecar.server.auth.caller import CALLER
from sidecar.server.pages.conference import read_call
from sidecar.server.pages.conference_view import ConferencePage
from sidecar.server.pages.panel_frame import framed
from sidecar.server.pages.rendering import respond

# The last lines; all of them are on the conference's own page.
LINES = 40


@dataclass(frozen=True, kw_only=True)
class PanelPage:
    """All that ``panel.html`` may use. ``origins``: whose pages may frame it. ``alone``: opened by who is signed in."""

    call: ConferencePage
    origins: Sequence[str]
    alone: bool


async def show(request: web.Request) -> web.Response:
    """The panel as the call stands, with the position from which its script goes on."""
    call = await read_call(request, newest=LINES)
    alone = request[CALLER].by != "panel"
    page = PanelPage(call=call, origins=request.app[PANEL_ORIGINS], alone=alone)
    return framed(request, respond(request, "panel.html", page))
