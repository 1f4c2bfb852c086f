"""``sidecar emulate`` as a process."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

LIMIT_S = 20.0
ACCOUNT_SID = "AC0f4be2a95d7c4318b6e2d0a97c5381fe"
COMMAND = ("-c", "import typer; from sidecar.cli.emulate import emulate; typer.run(emulate)")


@asynccontextmanager
async def emulate(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *COMMAND, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_says_when_it_is_ready_answers_and_ends_cleanly(number: signal.Signals) -> None:
    """One line on stdout, exit 0 on either signal, nothing on stderr."""
    async with emulate("--port", "0", "--account-sid", ACCOUNT_SID, "--auth-token", "secret-token") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = (await process.stdout.readline()).decode()
        assert line.startswith("Small Twilio ready on http://127.0.0.1:")
        assert ACCOUNT_SID in line
        assert "secret-token" not in line
        async with aiohttp.ClientSession() as http, http.get(line.split()[4] + "/control/health") as response:
            assert (await response.json())["account_sid"] == ACCOUNT_SID
        process.send_signal(number)
        assert await process.wait() == 0
        assert await process.stdout.read() == b""
        assert await process.stderr.read() == b""


async def test_a_port_in_use_is_one_line_with_the_cure() -> None:
    """And exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with emulate("--port", port) as process:
            out, err = await process.communicate()
    assert (process.returncode, out) == (1, b"")
    assert err.decode() == (
        f"Port {port} on 127.0.0.1 is in use: stop what listens there, or choose another with --port.\n"
    )


async def test_an_account_of_another_shape_is_one_line() -> None:
    """Twilio's own libraries would refuse it too."""
    async with emulate("--account-sid", "AC1") as process:
        _, err = await process.communicate()
    assert process.returncode == 2
    assert err.decode() == "--account-sid: expected AC and 32 hexadecimal digits (0-9, a-f).\n"
