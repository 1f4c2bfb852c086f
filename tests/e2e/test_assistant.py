"""An assistant whose service is killed: the call goes on, it comes back, and knows what was said."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import soundfile
from aiohttp import web

from sidecar.adapters.sql import Database, SqlAccounts, migrate
from sidecar.cli.children import free_ports
from sidecar.emulator.app import create_app
from tests.assisted_call import AssistedCall
from tests.callers import BEARER, add_key
from tests.line import ACCOUNT, Line, TwimlApp
from tests.phrase_book import PhraseBook
from tests.service import TOKEN, Service

ORDER = "My order number is seven three five two nine."
RECAP = "Ava, give us a recap."
READY_TIMEOUT_S = 60.0


@asynccontextmanager
async def process(folder: Path, variables: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """The service, all there but for the word to begin; killed at the end."""
    command = [sys.executable, "-m", "tests.book_service", str(folder), ORDER, RECAP]
    environment = {**os.environ, **variables}  # noqa: TID251
    running = await asyncio.create_subprocess_exec(*command, env=environment, stdin=asyncio.subprocess.PIPE)
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


async def begin(waiting: asyncio.subprocess.Process, base: str) -> None:
    """Returns when it is ready."""
    assert waiting.stdin is not None
    waiting.stdin.write(b"\n")
    async with asyncio.timeout(READY_TIMEOUT_S), aiohttp.ClientSession() as http:
        while True:
            try:
                async with http.get(f"{base}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)


async def test_a_service_that_is_killed_while_it_speaks_comes_back_to_the_call(tmp_path: Path) -> None:
    """Nobody is hung up on; what had been heard is recorded once; it answers with all that was said before."""
    soundfile.write(tmp_path / "quiet.wav", [0.0] * 800, 8_000)
    book = PhraseBook(tmp_path, ORDER, RECAP)
    twilio_port = free_ports(2)
    port = twilio_port + 1
    url = f"sqlite:///{tmp_path}/sidecar.sqlite3"
    await migrate(url)
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
        variables = {
            "SIDECAR_PORT": str(port), "SIDECAR_PUBLIC_URL": base, "SIDECAR_DATABASE_URL": url,
            "TWILIO_ACCOUNT_SID": ACCOUNT.sid, "TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_API_BASE_URL": twilio,
            "TWILIO_TWIML_APP_SID": application.sid, "TWILIO_FROM": "+12025550100",
        }  # fmt: skip
        async with aiohttp.ClientSession(headers=BEARER) as http:
            call = AssistedCall(Line(Service(None, http, port), twilio, tmp_path / "quiet.wav"), book)
            async with process(tmp_path, variables) as first, process(tmp_path, variables) as second:
                await begin(first, base)
                await call.begin()
                await call.says("customer", ORDER)
                one = await call.invite(announce="none", audience="agent")
                await call.says("agent", RECAP)
                await call.until_speaking()
                await asyncio.sleep(2)
                first.kill()
                await first.wait()
                await begin(second, base)
                turn = await call.told("assistant.turn")
                assert turn["outcome"] == "service_restarted"
                assert 0 < len(turn["heard"]) < len(turn["text"])
                await call.until_state(one, "listening")
                await call.says("agent", RECAP)
                turn = await call.told("assistant.turn", 2)
                assert turn["outcome"] == "completed"
                assert "seven three five two nine" in turn["heard"]
                kinds = [event["type"] for event in await call.line.service.events()]
                assert kinds.count("assistant.joined") == 1
                assert kinds.count("assistant.turn") == 2
                assert "participant.left" not in kinds
    finally:
        await runner.cleanup()
