"""The processes of one run: a small Twilio, the service, and the emulated Deepgram in this process, over sockets."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import time
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import msgspec

from benchmarks.parts import HOST, TOKEN, cpu_seconds
from sidecar.cli.children import Child, free_ports, running
from sidecar.cli.demo.door import make_door
from sidecar.speech import g711
from tests.emulated_deepgram import server as deepgram
from tests.emulated_deepgram.ears import NumberedEar, some_manner

ACCOUNT = "AC" + "0" * 31 + "1"
CONTROL_TIMEOUT = aiohttp.ClientTimeout(total=30)
LOCK_WAIT_S = 10.0
# Alembic, which makes the schema, has one context per process.
_migrating = asyncio.Lock()


class Death(msgspec.Struct, kw_only=True):
    """One SIGKILL. ``at``: wall clock. ``ready_s``: from the new process's start to its readiness."""

    at: datetime
    ready_s: float
    ready_cpu_s: float
    committed: list[dict[str, Any]]  # what the store held when the process was dead


class Rig:
    """What a run needs to know and may do. ``conference``: its id, once there is one."""

    def __init__(
        self,
        folder: Path,
        http: aiohttp.ClientSession,
        children: tuple[Child, Child],
        ports: tuple[int, int],
        ears: deepgram.EmulatedDeepgram,
    ) -> None:
        self.folder, self.http, self.ears = folder, http, ears
        self._emulator, self.service = children
        self.base, self.twilio = (f"http://{HOST}:{port}" for port in ports)
        self.conference = self.conference_sid = ""
        self.calls: dict[str, str] = {}  # label -> call sid
        self.deaths: list[Death] = []
        self.calls_end = 0.0  # when nobody speaks any more (monotonic)
        self._dying = asyncio.Lock()
        self._born = time.monotonic()  # the present process of the service

    # -- Twilio ------------------------------------------------------------------------------------------------

    async def control(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The emulator's control API; None where there is no such thing (any more)."""
        url = f"{self.twilio}/control{path}"
        async with self.http.request(method, url, json=body, timeout=CONTROL_TIMEOUT) as answer:
            if answer.status in (404, 409):
                return None
            answer.raise_for_status()
            return await answer.json() if answer.content_type == "application/json" else None

    async def stream_of(self, label: str) -> str | None:
        """The live media stream of a participant."""
        streams = (await self.control("GET", "/state"))["streams"]
        live = [s["sid"] for s in streams if s["call_sid"] == self.calls[label] and s["status"] == "live"]
        return live[-1] if live else None

    async def mute(self, label: str, *, on: bool) -> None:
        """By REST, as a supervisor's desk would."""
        path = f"/2010-04-01/Accounts/{ACCOUNT}/Conferences/{self.conference_sid}/Participants/{label}.json"
        auth = aiohttp.encode_basic_auth(ACCOUNT, TOKEN)
        async with self.http.post(
            self.twilio + path,
            data={"Muted": str(on).lower()},
            headers={"Authorization": auth},
            timeout=CONTROL_TIMEOUT,
        ):
            pass

    # -- the service -------------------------------------------------------------------------------------------

    async def kill(self, lived_s: float) -> bool:
        """SIGKILL when it has lived for so long, a look at what is stored, and a new process. One at a time.

        False: by then nobody spoke any more.
        """
        async with self._dying:
            await asyncio.sleep(max(0.0, self._born + lived_s - time.monotonic()))
            if time.monotonic() > self.calls_end:
                return False
            os.kill(self.service.pid, signal.SIGKILL)
            at = datetime.now(UTC)
            await self.service.died()
            committed = self._stored_in_a_copy()
            begun = time.monotonic()
            await self.service.start()
            self._born = time.monotonic()
            ready_s = round(self._born - begun, 2)
            cpu_s = round(cpu_seconds(self.service.pid), 2)
            self.deaths.append(Death(at=at, ready_s=ready_s, ready_cpu_s=cpu_s, committed=committed))
            return True

    async def freeze(self, seconds: float) -> None:
        """SIGSTOP for so long. Nobody dies meanwhile."""
        async with self._dying:
            os.kill(self.service.pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(seconds)
            finally:
                os.kill(self.service.pid, signal.SIGCONT)

    async def lock(self, seconds: float) -> None:
        """Hold the database's write lock for so long."""
        with closing(self._connect(self.database)) as connection:
            await asyncio.to_thread(connection.execute, "BEGIN IMMEDIATE")
            await asyncio.sleep(seconds)
            connection.execute("ROLLBACK")

    @property
    def database(self) -> Path:
        return self.folder / "sidecar.sqlite3"

    def stored(self, database: Path | None = None) -> list[dict[str, Any]]:
        """The conference's events as they lie in the table."""
        with closing(self._connect(database or self.database)) as connection:
            rows = connection.execute(
                "SELECT seq, type, timestamp, data FROM events WHERE conference_id = ? ORDER BY seq", (self.conference,)
            ).fetchall()
        return [
            {"seq": seq, "type": type_, "timestamp": timestamp, "data": msgspec.json.decode(data)}
            for seq, type_, timestamp, data in rows
        ]

    def participants(self) -> dict[str, str]:
        """Label to id."""
        query = "SELECT label, id FROM participants WHERE conference_id = ?"
        with closing(self._connect(self.database)) as connection:
            return dict(connection.execute(query, (self.conference,)).fetchall())

    def clock_zero(self) -> datetime:
        """When the conference's clock began."""
        query = "SELECT clock_zero FROM conferences WHERE id = ?"
        with closing(self._connect(self.database)) as connection:
            return datetime.fromisoformat(connection.execute(query, (self.conference,)).fetchone()[0]).replace(
                tzinfo=UTC
            )

    def log(self) -> str:
        """What the service wrote."""
        return (self.folder / "service.log").read_text(errors="replace")

    def _stored_in_a_copy(self) -> list[dict[str, Any]]:
        """The file itself is left as the dead process left it: its successor has to cope with it."""
        copy = self.folder / "copy.sqlite3"
        for suffix in ("", "-wal"):
            source = Path(f"{self.database}{suffix}")
            if source.is_file():
                shutil.copy(source, f"{copy}{suffix}")
        try:
            return self.stored(copy)
        finally:
            for suffix in ("", "-wal", "-shm"):
                Path(f"{copy}{suffix}").unlink(missing_ok=True)

    def _connect(self, database: Path) -> sqlite3.Connection:
        return sqlite3.connect(database, timeout=LOCK_WAIT_S, isolation_level=None, check_same_thread=False)


@asynccontextmanager
async def running_rig(folder: Path, *, seed: int, jitter_ms: int) -> AsyncIterator[Rig]:
    """Everything started and ready; stopped at the end."""
    random, ports = Random(seed), free_ports(3)
    pages, twilio = f"http://{HOST}:{ports}", f"http://{HOST}:{ports + 1}"

    def ear() -> NumberedEar:
        return NumberedEar(some_manner(random, jitter_ms))

    async with deepgram.running(ports + 2, ear=ear, max_sessions=100_000) as (ears, deepgram_url):
        database_url = f"sqlite:///{folder / 'sidecar.sqlite3'}"
        async with _migrating:
            door = await make_door(database_url, pages)
        shared = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN}
        own = {
            "TWILIO_API_BASE_URL": twilio,
            "SIDECAR_PUBLIC_URL": pages,
            "SIDECAR_DATABASE_URL": database_url,
            "SIDECAR_STT": "deepgram",
            "SIDECAR_STT_FALLBACK": "none",  # the local recogniser hears no numbers
            "DEEPGRAM_API_KEY": deepgram.KEY,
            "DEEPGRAM_BASE_URL": deepgram_url,
        }
        emulator = Child(
            "emulator", ["emulate", "--port", str(ports + 1)],
            health_url=f"{twilio}/control/health", log_file=folder / "emulator.log", env=shared,
        )  # fmt: skip
        service = Child(
            "service", ["serve", "--port", str(ports)],
            health_url=f"{pages}/healthz", log_file=folder / "service.log", env=shared | own,
        )  # fmt: skip
        async with aiohttp.ClientSession(headers=door.headers) as http, running(emulator, service):
            yield Rig(folder, http, (emulator, service), (ports, ports + 1), ears)


def write_wav(path: Path, ulaw: bytes) -> None:
    """Telephone audio that the emulator reads back byte for byte."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(g711.SAMPLE_RATE)
        file.writeframes(g711.decode(ulaw).astype("<i2").tobytes())
