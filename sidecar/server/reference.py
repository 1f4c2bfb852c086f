"""``/docs``, ``/openapi.json`` and ``/openapi.yaml``: the contract of the API, for people and for programs.

Open to everybody: it says nothing of this installation that its source does not say. It is read and rendered once, when
somebody asks for it first, off the event loop.
"""

from __future__ import annotations

import asyncio
import html
from pathlib import Path

import msgspec
import yaml
from aiohttp import web

from sidecar.assets import assets_root
from sidecar.server.app_keys import TWILIO_EDGE
from sidecar.server.auth.identity import site
from sidecar.server.pages.reference_view import ORIGIN, reference_page
from sidecar.server.pages.rendering import RENDERER, Renderer

# libyaml's is ten times as fast; both make plain values only.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Reference:
    """The document, as it is and rendered. Whoever comes while it is being read waits for the same reading."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reading = asyncio.Lock()
        self._page = ""
        self._json = b""

    async def text(self) -> bytes:
        """The YAML as it lies there."""
        return await asyncio.to_thread(self._path.read_bytes)

    async def json(self) -> bytes:
        """The same as JSON."""
        async with self._reading:
            if not self._json:
                self._json = await asyncio.to_thread(lambda: msgspec.json.encode(self._document()))
            return self._json

    async def page(self, renderer: Renderer, *, origin: str) -> str:
        """As a page, whose examples are for ``origin``."""
        async with self._reading:
            if not self._page:
                self._page = await asyncio.to_thread(self._rendered, renderer)
        return self._page.replace(ORIGIN, html.escape(origin))

    def _document(self) -> dict[str, object]:
        document: dict[str, object] = yaml.load(self._path.read_bytes(), Loader=LOADER)  # noqa: S506 - both are safe
        return document

    def _rendered(self, renderer: Renderer) -> str:
        return renderer.html("reference.html", reference_page(self._document()))


REFERENCE: web.AppKey[Reference] = web.AppKey("reference", Reference)


def add_reference(app: web.Application) -> None:
    """Register the page and the document."""
    app[REFERENCE] = Reference(assets_root() / "docs" / "openapi.yaml")
    app.router.add_get("/docs", show)
    app.router.add_get("/openapi.json", as_json)
    app.router.add_get("/openapi.yaml", as_yaml)


async def show(request: web.Request) -> web.Response:
    """``GET /docs``."""
    here = site(request).origin
    origin = here if not here.endswith("//") else request.app[TWILIO_EDGE].public_url
    text = await request.app[REFERENCE].page(request.app[RENDERER], origin=origin)
    return web.Response(text=text, content_type="text/html")


async def as_json(request: web.Request) -> web.Response:
    """``GET /openapi.json``."""
    return web.Response(body=await request.app[REFERENCE].json(), content_type="application/json")


async def as_yaml(request: web.Request) -> web.Response:
    """``GET /openapi.yaml``."""
    return web.Response(body=await request.app[REFERENCE].text(), content_type="application/yaml", charset="utf-8")
