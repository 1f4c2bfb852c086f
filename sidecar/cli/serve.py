"""``sidecar serve``: the service itself."""

from __future__ import annotations

import asyncio
import errno
import signal
import sys
from collections.abc import Coroutine
from typing import Annotated, Any

import typer
from aiohttp import web

from sidecar.cli import logs
from sidecar.cli.garbage import rare_collections
from sidecar.cli.settings import unknown
from sidecar.cli.tls import server_context
from sidecar.config import Settings, load

# Handlers that still run when the service stops are cut off after this.
HANDLER_TIMEOUT_S = 1.0


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Run the service. Example: sidecar serve --port 8080"""
    settings = load(host=host, port=port)
    logs.set_up(settings.log_level)
    try:
        _run(_serve(settings))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        print(
            f"sidecar: port {settings.port} is in use: choose another with --port, or stop what listens there.",
            file=sys.stderr,
        )
        raise SystemExit(1) from None


async def _serve(settings: Settings) -> None:
    from sidecar.app import build, shut_down
    from sidecar.server.app_keys import ACCOUNTS, EVENT_WRITER, SWITCHBOARD
    from sidecar.server.connections import LINGER_S, GuardedSite
    from sidecar.server.strangers import STRANGERS

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    app = build(settings)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=HANDLER_TIMEOUT_S, lingering_time=LINGER_S)
    try:
        await runner.setup()
        tls = server_context(settings.tls_certificate, settings.tls_key)
        connections = app[STRANGERS].connections
        await GuardedSite(runner, settings.host, settings.port, connections=connections, ssl_context=tls).start()
        nobody = not await app[ACCOUNTS].users()
        for line in greeting(settings, nobody=nobody):
            print(line, flush=True)
        switchboard, streams_ended = app[SWITCHBOARD], app[EVENT_WRITER].tally.streams_ended
        async with rare_collections(live=lambda: switchboard.live_forks, ended=streams_ended.total):
            await stop.wait()
        await shut_down(app)  # while it still answers, so that balancers and calls learn of it
    finally:
        await runner.cleanup()


def greeting(settings: Settings, *, nobody: bool) -> list[str]:
    """What works, what is off, and the next step. ``nobody``: there is no user who could sign in."""
    base = f"{settings.scheme}://{settings.host}:{settings.port}"
    lines = [f"Sidecar is ready: {base}", f"Twilio voice URL: {settings.base_url}/twilio/voice"]
    if nobody:
        lines.append("Nobody may sign in yet: sidecar users add NAME, then sidecar users link NAME.")
    if not settings.twilio_tokens:
        lines.append("Off: calls are refused until TWILIO_AUTH_TOKEN is set, for no signature can be checked.")
    if not settings.twilio_account_sid:
        lines.append("Off: streams that die are not reopened until TWILIO_ACCOUNT_SID is set.")
    for name, meant in unknown().items():
        lines.append(f"No effect: {name} is no setting{f'; {meant} is' if meant else ''}.")
    return lines


def _run(main: Coroutine[Any, Any, None]) -> None:
    """On uvloop where it installs: half the cost per media frame."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)
