"""The demo as a user runs it: a process of its own, met through its output and its addresses."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import sys
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import aiohttp

from sidecar.cli.children import free_ports


def recording(name: str) -> Path:
    """A recording from the wheel of the local recogniser."""
    spec = find_spec("moonshine_voice")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "assets" / name


class Demo:
    """A running ``sidecar demo``; ``said`` is what it printed so far, ``key`` its API key as soon as it is there."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.base = f"http://127.0.0.1:{port}"
        self.twilio = f"http://127.0.0.1:{port + 1}"
        self.said: list[str] = []
        self.key = ""

    async def line(self, pattern: str) -> re.Match[str]:
        """The next printed line that matches. Fails when the demo ends before."""
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            while raw := await self._process.stdout.readline():
                self.said.append(raw.decode().rstrip())
                if key := re.search(r"sck_\w+", self.said[-1]):
                    self.key = key[0]
                if found := re.search(pattern, self.said[-1]):
                    return found
        raise AssertionError("the demo ended:\n" + "\n".join(self.said))

    async def hang_up(self) -> None:
        """All who are on a call."""
        for one in (await get(f"{self.twilio}/control/state"))["calls"]:
            async with aiohttp.ClientSession() as http:
                await http.post(f"{self.twilio}/control/calls/{one['sid']}/hangup")

    async def stop(self) -> int:
        """Ctrl-C; one that does not listen is killed, and that is an error."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)
        try:
            async with asyncio.timeout(30):
                return await self._process.wait()
        except TimeoutError:
            self._process.kill()
            raise


@contextlib.asynccontextmanager
async def running_demo(*arguments: str) -> AsyncIterator[Demo]:
    """Start it on free ports; stop it at the end."""
    port = free_ports(2)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sidecar", "demo", "--port", str(port), *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    demo = Demo(process, port)
    try:
        yield demo
    finally:
        await demo.stop()


async def run_sidecar(*arguments: str) -> tuple[int, str, str]:
    """A command that ends by itself: status, stdout, stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sidecar", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def get(url: str, *, key: str = "") -> Any:
    """JSON from an address."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with aiohttp.ClientSession(headers=headers) as http, http.get(url) as answer:
        assert answer.status == 200
        return await answer.json()
