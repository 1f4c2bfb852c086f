"""Pages for people: rendered on the server first, live afterwards. Handlers read; they never write.

A page is a frozen dataclass, a template that gets nothing else, and a handler.
"""

from __future__ import annotations

from aiohttp import web

from sidecar.assets import assets_root
from sidecar.server.pages import conference, history, panel, wallboard
from sidecar.server.pages import styleguide as guide
from sidecar.server.pages.rendering import RENDERER, Renderer
from sidecar.server.pages.security import guard_pages
from sidecar.server.pages.settings import account, audit, frame, keys, redaction, users
from sidecar.server.pages.settings.alerts import add_alert_settings
from sidecar.server.pages.settings.webhooks import add_webhook_settings
from sidecar.server.pages.static_files import StaticFiles


def add_pages(app: web.Application, *, styleguide: bool = False) -> None:
    """Register all pages, their static files and their security headers. The app carries the keys of ``app_keys``.

    ``styleguide``: with the page that shows every component.
    """
    web_root = assets_root() / "web"
    static = StaticFiles.load(web_root / "static")
    app[RENDERER] = Renderer(web_root / "templates", static)
    app.router.add_get("/static/{version}/{path:.+}", static.handle)
    app.router.add_get("/", wallboard.show)
    app.router.add_get("/history", history.show)
    app.router.add_get("/conferences/{id}", conference.show)
    app.router.add_get("/agent/{id}", panel.show)
    app.router.add_get("/settings", frame.show)
    add_alert_settings(app)
    add_webhook_settings(app)
    _add_access(app.router)
    if styleguide:
        app.router.add_get("/styleguide", guide.show)
    app.on_response_prepare.append(guard_pages)


def _add_access(router: web.UrlDispatcher) -> None:
    """The settings' pages about who may come in, and what is kept."""
    router.add_get("/settings/account", account.show)
    router.add_post("/settings/account/password", account.set_password)
    router.add_post("/settings/account/sessions/end_others", account.end_others)
    router.add_post("/settings/account/sessions/{session}/end", account.end_session)
    router.add_get("/settings/redaction", redaction.show)
    router.add_post("/settings/redaction", redaction.change)
    router.add_get("/settings/audit", audit.show)
    router.add_get("/settings/keys", keys.show)
    router.add_post("/settings/keys", keys.create)
    router.add_post("/settings/keys/{key}/revoke", keys.revoke)
    router.add_get("/settings/users", users.show)
    router.add_post("/settings/users", users.add)
    router.add_post("/settings/users/{user}/link", users.make_link)
    router.add_post("/settings/users/{user}/role", users.change_role)
    router.add_post("/settings/users/{user}/clear_password", users.clear_password)
    router.add_post("/settings/users/{user}/remove", users.remove)
