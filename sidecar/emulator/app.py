"""The emulator as one aiohttp application: the REST API of Twilio, phones in browsers, and /control for the tester."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from sidecar.emulator import rest
from sidecar.emulator.control import routes as control
from sidecar.emulator.exchange import running_exchange
from sidecar.emulator.keys import EXCHANGE, PAGES_PORT, RUNS
from sidecar.emulator.own_pages import control_from_here_only, own_pages_only
from sidecar.emulator.phone.pages import add_phone_pages
from sidecar.emulator.phone.sockets import add_phone_sockets
from sidecar.emulator.state import Account

MAX_BODY_BYTES = 4 * 1024 * 1024  # a scenario with thousands of lines


def create_app(account: Account, *, pages_port: int = 0) -> web.Application:
    """A small Twilio for one account. All its tasks live and end with the application.

    ``pages_port``: where the service's pages are on the same host; 0 if nowhere.
    """
    app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[own_pages_only, control_from_here_only])
    app[RUNS] = {}
    app[PAGES_PORT] = pages_port
    app.add_routes(control.routes())
    app.add_routes(rest.routes())
    add_phone_pages(app)
    add_phone_sockets(app)

    async def exchange(app: web.Application) -> AsyncIterator[None]:
        async with running_exchange(account) as running:
            app[EXCHANGE] = running
            yield

    app.cleanup_ctx.append(exchange)
    return app
