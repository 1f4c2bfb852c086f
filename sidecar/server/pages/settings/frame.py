"""``/settings``: its pages and their navigation. Each page is a module of its own and adds one line (``SECTIONS``).

Plain forms: they are read by ``forms.form_of``, change something, and go on to a page (POST, redirect, GET): they
work without scripts. What is shown once only, such as a new key, is the answer to the POST itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from sidecar.domain.access.callers import Caller, Scope
from sidecar.server.auth.caller import CALLER
from sidecar.server.forms import go_on
from sidecar.server.pages.rendering import RENDERER


@dataclass(frozen=True, kw_only=True)
class Section:
    """A page of the settings. ``scope``: who may see it; None: whoever is signed in."""

    path: str
    title: str
    scope: Scope | None


# In the order of the navigation.
SECTIONS: tuple[Section, ...] = (
    Section(path="/settings/account", title="Account", scope=None),
    Section(path="/settings/alerts", title="Alerts", scope=Scope.ALERTS_MANAGE),
    Section(path="/settings/webhooks", title="Webhooks", scope=Scope.WEBHOOKS_MANAGE),
    Section(path="/settings/redaction", title="Redaction", scope=Scope.ADMIN),
    Section(path="/settings/keys", title="Keys", scope=Scope.ADMIN),
    Section(path="/settings/users", title="Users", scope=Scope.ADMIN),
    Section(path="/settings/audit", title="Audit", scope=Scope.ADMIN),
)


def sections_of(caller: Caller) -> tuple[Section, ...]:
    """Those that this caller may see."""
    return tuple(one for one in SECTIONS if one.scope is None or caller.may(one.scope))


async def show(request: web.Request) -> web.Response:
    """``GET /settings``: the first page that the caller may see."""
    sections = sections_of(request[CALLER])
    return go_on(sections[0].path if sections else "/")


def respond_settings(request: web.Request, template: str, page: object, *, status: int = 200) -> web.Response:
    """A page of the settings with its navigation. ``template`` extends ``settings/layout.html``."""
    caller = request[CALLER]
    current = next((one for one in SECTIONS if request.path.startswith(one.path)), None)
    html = request.app[RENDERER].html(
        template, page, user=caller.name, sections=sections_of(caller), current=current, may=caller.may
    )
    return web.Response(text=html, content_type="text/html", status=status)
