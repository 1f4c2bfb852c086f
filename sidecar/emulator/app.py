"""The emulator as one aiohttp application: the REST API of Twilio, and /control for the tester."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from sidecar.emulator import control, rest
from sidecar.emulator.exchange import running_exchange
from sidecar.emulator.keys import EXCHANGE, RUNS
from sidecar.emulator.state import Account

MAX_BODY_BYTES = 4 * 1024 * 1024  # a scenario with thousands of lines


def create_app(account: Account) -> web.Application:
    """A small Twilio for one account. All its tasks live and end with the application."""
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app[RUNS] = {}
    app.add_routes(control.routes())
    app.add_routes(rest.routes())

    async def exchange(app: web.Application) -> AsyncIterator[None]:
        async with running_exchange(account) as running:
            app[EXCHANGE] = running
            yield

    app.cleanup_ctx.append(exchange)
    return app
