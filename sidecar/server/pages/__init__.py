"""Pages for people: rendered on the server first, live afterwards. Handlers read; they never write.

A page is a frozen dataclass, a template that gets nothing else, and a handler.
"""

from __future__ import annotations

from aiohttp import web

from sidecar.assets import assets_root
from sidecar.server.pages import conference, history, panel, settings, wallboard
from sidecar.server.pages import styleguide as guide
from sidecar.server.pages.rendering import RENDERER, Renderer
from sidecar.server.pages.security import guard_pages
from sidecar.server.pages.settings_webhooks import add_webhook_settings
from sidecar.server.pages.static_files import StaticFiles


def add_pages(app: web.Application, *, styleguide: bool = False) -> None:
    """Register all pages, their static files and their security headers. The app carries the keys of ``app_keys``.

    ``styleguide``: with the page that shows every component.
    """
    web_root = assets_root() / "web"
    static = StaticFiles.load(web_root / "static")
    app[RENDERER] = Renderer(web_root / "templates", static.url)
    app.router.add_get("/static/{version}/{path:.+}", static.handle)
    app.router.add_get("/", wallboard.show)
    app.router.add_get("/history", history.show)
    app.router.add_get("/conferences/{id}", conference.show)
    app.router.add_get("/agent/{id}", panel.show)
    app.router.add_get("/settings", settings.show)
    add_webhook_settings(app)
    if styleguide:
        app.router.add_get("/styleguide", guide.show)
    app.on_response_prepare.append(guard_pages)
