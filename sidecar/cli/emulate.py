"""``sidecar emulate``: the small Twilio as a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import secrets
import signal
import ssl
import sys
from pathlib import Path
from typing import Annotated

import typer
from aiohttp import web

from sidecar.cli import logs
from sidecar.cli.tls import server_context
from sidecar.emulator.app import create_app
from sidecar.emulator.sids import is_sid, new_sid
from sidecar.emulator.state import Account
from sidecar.emulator.urls import is_loopback

DEFAULT_PORT = 8089
SHUTDOWN_TIMEOUT_S = 1.0  # for requests under way; calls say farewell on their own


def emulate(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = DEFAULT_PORT,
    account_sid: Annotated[
        str, typer.Option(envvar="TWILIO_ACCOUNT_SID", help="AC and 32 hexadecimal digits; invented if empty.")
    ] = "",
    auth_token: Annotated[
        str, typer.Option(envvar="TWILIO_AUTH_TOKEN", help="Signs requests, opens the REST API; invented if empty.")
    ] = "",
    pages_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the service's pages on this host: they may show Listen.")
    ] = 0,
    tls_certificate: Annotated[Path | None, typer.Option(help="PEM file, for https. Needs the key.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file with the key of the certificate.")] = None,
) -> None:
    """Run a small Twilio on this machine: calls, conferences, media streams, callbacks, REST."""
    if account_sid and not is_sid(account_sid, "AC"):
        _give_up("--account-sid: expected AC and 32 hexadecimal digits (0-9, a-f).", 2)
    if (tls_certificate is None) != (tls_key is None):
        _give_up("--tls-certificate and --tls-key need each other.", 2)
    tls = server_context(tls_certificate, tls_key)
    account = Account(account_sid or new_sid("AC"), auth_token or secrets.token_hex(16))
    if not is_loopback(host):
        print(
            f"Warning: {host} is not loopback. Who reaches it may listen to emulated calls and join.", file=sys.stderr
        )
    logs.set_up("warning")
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        app = create_app(account, pages_port=pages_port)
        runner.run(_serve(app, host, port, tls, account, show_token=not auth_token))


async def _serve(
    app: web.Application, host: str, port: int, tls: ssl.SSLContext | None, account: Account, *, show_token: bool
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows has no signal handlers in its loops
            loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT_S)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port, ssl_context=tls).start()
        except OSError as error:
            _give_up(_cure(host, port, error), 1)
        bound: int = runner.addresses[0][1]
        shown = f", auth token {account.auth_token}" if show_token else ""
        scheme = "http" if tls is None else "https"
        print(f"Small Twilio ready on {scheme}://{host}:{bound} (account {account.sid}{shown})", flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()


def _cure(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use: stop what listens there, or choose another with --port."
    return f"Cannot listen on {host}:{port} ({error.strerror}): choose another with --host and --port."


def _give_up(line: str, code: int) -> None:
    print(line, file=sys.stderr)
    raise typer.Exit(code)


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop
