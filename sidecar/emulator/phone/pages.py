"""The softphone and the listen page: files, what they may load, and who may show them in a frame.

The pages speak to ``sockets``. Their look is that of the service's pages: same tokens, same components.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from sidecar.assets import assets_root
from sidecar.emulator.keys import EXCHANGE, PAGES_PORT
from sidecar.emulator.state import ConferenceStatus

_HOST = re.compile(r"[A-Za-z0-9.-]+")  # what a Content-Security-Policy can name; an IPv6 address it cannot
_POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors "


class LiveConference(msgspec.Struct, frozen=True, kw_only=True):
    """A conference that can be joined or heard. ``people``: labels, in order of their coming."""

    sid: str
    room: str
    people: list[str]


class Directory(msgspec.Struct, frozen=True, kw_only=True):
    """What the softphone page asks for. ``pages_port``: of the service, on this page's host; 0 if unknown."""

    conferences: list[LiveConference]
    pages_port: int


def add_phone_pages(app: web.Application) -> None:
    """Register pages and files."""
    root = assets_root() / "web"
    app.router.add_get("/softphone", _page(root / "phone" / "softphone.html"))
    app.router.add_get("/listen", _page(root / "phone" / "listen.html"))
    app.router.add_get("/phone/conferences", list_conferences)
    app.router.add_static("/phone", root / "phone")
    app.router.add_static("/static", root / "static")
    app.on_response_prepare.append(_guard)


async def list_conferences(request: web.Request) -> web.Response:
    """The conferences of this moment, newest first."""
    live = [
        LiveConference(sid=one.sid, room=one.room, people=[p.label or "caller" for p in one.participants.values()])
        for one in reversed(request.app[EXCHANGE].state.conferences.values())
        if one.status is not ConferenceStatus.COMPLETED
    ]
    body = msgspec.json.encode(Directory(conferences=live, pages_port=request.app[PAGES_PORT]))
    return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})


def _page(path: Path) -> Handler:
    async def show(_: web.Request) -> web.StreamResponse:
        return web.FileResponse(path)

    return show


async def _guard(request: web.Request, response: web.StreamResponse) -> None:
    """Nothing from elsewhere, nothing inline. In a frame: the listen page only, and only on the service's pages."""
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cache-Control", "no-cache")
    if response.content_type == "text/html":
        response.headers["Content-Security-Policy"] = _POLICY + _framers(request)


def _framers(request: web.Request) -> str:
    host, port = request.url.host or "", request.app[PAGES_PORT]
    may_be_framed = request.path == "/listen" and port and _HOST.fullmatch(host)
    return f"{host}:{port}" if may_be_framed else "'none'"
