"""Child processes of ``sidecar demo``: started, waited for until they answer, watched, and taken down together."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import aiohttp

from sidecar.domain.errors import SidecarError

READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 12.0
POLL_S = 0.1


class ChildFailed(SidecarError):
    """A process of the demo did not start, or did not answer in time."""

    code = "demo_child_failed"


class Child:
    """One ``python -m sidecar …`` process. Its output goes to a file; its last lines are shown when it fails."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        health_url: str,
        log_file: Path,
        env: Mapping[str, str],
        tls: ssl.SSLContext | bool = True,
    ) -> None:
        """``tls``: what its certificate is checked by, where it has one."""
        self.name = name
        self._tls = tls
        self._arguments = arguments
        self._health_url = health_url
        self._log_file = log_file
        self._env = {**os.environ, **env}
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The id of the process; 0 before its start."""
        return self._process.pid if self._process else 0

    async def start(self) -> None:
        """Start it, in a group of its own so that Ctrl-C reaches only the demo, and wait until it answers."""
        with self._log_file.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "sidecar", *self._arguments,
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
                env=self._env, start_new_session=True,
            )  # fmt: skip
        try:
            async with asyncio.timeout(READY_TIMEOUT_S), aiohttp.ClientSession() as http:
                while not await self._answers(http):
                    if self._process.returncode is not None:
                        raise ChildFailed(f"The {self.name} stopped at once:\n{self._last_lines()}")
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise ChildFailed(
                f"The {self.name} did not answer within {READY_TIMEOUT_S:.0f} s:\n{self._last_lines()}"
            ) from None

    async def died(self) -> int:
        """Wait until the process is gone; its exit status."""
        assert self._process is not None  # noqa: S101 - only after start
        return await self._process.wait()

    async def stop(self) -> None:
        """Ask it to stop, then insist."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _answers(self, http: aiohttp.ClientSession) -> bool:
        try:
            async with http.get(self._health_url, ssl=self._tls, timeout=aiohttp.ClientTimeout(total=2)) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _last_lines(self) -> str:
        return "\n".join(self._log_file.read_text(errors="replace").splitlines()[-12:])


@contextlib.asynccontextmanager
async def running(*children: Child) -> AsyncIterator[None]:
    """Start children one after the other; stop all of them at the end, however it comes."""
    try:
        for child in children:
            await child.start()
        yield
    finally:
        for child in reversed(children):
            await child.stop()


def free_ports(count: int) -> int:
    """The first of ``count`` ports in a row that nobody uses at this moment; no other caller gets them from here.

    Chosen below the ports that systems give to outgoing connections (32768 and up on Linux, 49152 elsewhere): one of
    those could be taken by any connection before a child listens on it, or while the service is being restarted.
    """
    for _ in range(1_000):
        first = 20_000 + secrets.randbelow(12_000)
        if all(is_free(first + n) for n in range(count)) and _reserve(range(first, first + count)):
            return first
    raise ChildFailed(f"No {count} free ports between 20000 and 32000 were found.")


def _reserve(ports: range) -> bool:
    """Keep others that call ``free_ports`` away until this process ends: whoever has the UDP port has the TCP port."""
    places = [socket.socket(type=socket.SOCK_DGRAM) for _ in ports]
    try:
        for place, port in zip(places, ports, strict=True):
            place.bind(("127.0.0.1", port))
    except OSError:
        for place in places:
            place.close()
        return False
    for place in places:
        place.detach()  # open for as long as the process lives
    return True


def is_free(port: int) -> bool:
    """Whether somebody could listen on this port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
