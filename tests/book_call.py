"""A call of people who say phrases, beside a service in a process of its own: one that can be killed."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path

import aiohttp
import soundfile
from aiohttp import web

from sidecar.adapters.sql import Database, SqlAccounts
from sidecar.cli.children import free_ports
from sidecar.emulator.app import create_app
from tests.assisted_call import AssistedCall
from tests.callers import BEARER, add_key
from tests.line import ACCOUNT, Line, TwimlApp
from tests.phrase_book import PhraseBook
from tests.service import TOKEN, Service
from tests.stores import lay_out

READY_TIMEOUT_S = 60.0


class BookCall(AssistedCall):
    """``service``: a process, ready; killed at the end of its block."""

    def __init__(
        self, line: Line, book: PhraseBook, folder: Path, door: socket.socket, variables: dict[str, str]
    ) -> None:
        super().__init__(line, book)
        self._folder = folder
        self._door = door
        self._variables = variables
        self.logs: Path | None = None  # the file for what the service logs, instead of our own standard error

    def service(self) -> AbstractAsyncContextManager[asyncio.subprocess.Process]:
        """Another one, on the store of the one before."""
        return _process(self._door, self._folder, self.book, self._variables, self.logs)


@asynccontextmanager
async def book_call(folder: Path, *phrases: str, **variables: str) -> AsyncIterator[BookCall]:
    """An emulated Twilio with an application that leads to the service. ``variables``: further settings of it."""
    soundfile.write(folder / "quiet.wav", [0.0] * 800, 8_000)
    twilio_port = free_ports(1)
    # It is there all along: on a busy machine no process begins within the five seconds that a leg waits.
    door = socket.create_server(("127.0.0.1", 0))
    port = door.getsockname()[1]
    url = lay_out(folder / "sidecar.sqlite3")
    database = Database(url)
    await add_key(SqlAccounts(database))
    await database.close()
    runner = web.AppRunner(create_app(ACCOUNT), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", twilio_port).start()
        twilio, base = f"http://127.0.0.1:{twilio_port}", f"http://127.0.0.1:{port}"
        application = TwimlApp(twilio)
        await application.create()
        await application.lead_to(base)
        settings = {
            "SIDECAR_PORT": str(port), "SIDECAR_PUBLIC_URL": base, "SIDECAR_DATABASE_URL": url,
            "TWILIO_ACCOUNT_SID": ACCOUNT.sid, "TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_API_BASE_URL": twilio,
            "TWILIO_TWIML_APP_SID": application.sid, "TWILIO_FROM": "+12025550100",
        }  # fmt: skip
        async with aiohttp.ClientSession(headers=BEARER) as http:
            line = Line(Service(None, http, port), twilio, folder / "quiet.wav")
            yield BookCall(line, PhraseBook(folder, *phrases), folder, door, settings | variables)
    finally:
        await runner.cleanup()
        door.close()


@asynccontextmanager
async def _process(
    door: socket.socket, folder: Path, book: PhraseBook, variables: dict[str, str], logs: Path | None
) -> AsyncIterator[asyncio.subprocess.Process]:
    command = [sys.executable, "-m", "tests.book_service", str(door.fileno()), str(folder), *book.phrases]
    environment = {**os.environ, **variables}  # noqa: TID251
    with logs.open("ab") if logs else nullcontext() as written:
        running = await asyncio.create_subprocess_exec(
            *command, env=environment, pass_fds=[door.fileno()], stdout=written, stderr=written
        )
    try:
        async with asyncio.timeout(READY_TIMEOUT_S), aiohttp.ClientSession() as http:
            while True:
                try:
                    async with http.get(f"{variables['SIDECAR_PUBLIC_URL']}/readyz") as answer:
                        if answer.status == 200:
                            break
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.05)
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()
