"""Whether the service can do its work, with a stable word for each thing that it cannot."""

from __future__ import annotations

import asyncio

import msgspec

from sidecar.domain.errors import RecogniserUnavailable, SidecarError
from sidecar.ports.storage import Storage
from sidecar.runtime.event_writer import EventWriter
from sidecar.runtime.switchboard import Switchboard

# A store that takes longer to answer a question is not ready.
STORE_TIMEOUT_S = 2.0
# Answers are remembered for so long: asking often costs nothing.
REMEMBERED_S = 1.0
# SQLite needs room for its log besides the events; a busy day of 100 participants writes some 50 MB.
DISK_LOW_BYTES = 200_000_000


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that the service needs. ``reason``: a stable word, absent when it is fine."""

    ok: bool
    reason: str | None = None


class Readiness:
    """Asks store, recogniser and disk, at most once per REMEMBERED_S; whether the service stops is always fresh."""

    def __init__(self, *, storage: Storage, writer: EventWriter, switchboard: Switchboard) -> None:
        self._storage = storage
        self._writer = writer
        self._switchboard = switchboard
        self._asking = asyncio.Lock()
        self._asked_at = -REMEMBERED_S
        self._answers: dict[str, Check] = {}

    @property
    def draining(self) -> bool:
        """Whether the service is stopping."""
        return self._switchboard.draining

    async def checks(self) -> dict[str, Check]:
        """By name: store, recogniser, disk, draining."""
        async with self._asking:
            now = asyncio.get_running_loop().time()
            if now - self._asked_at >= REMEMBERED_S:
                self._answers = {"store": await self._store(), "recogniser": self._speech(), "disk": self._disk()}
                self._asked_at = asyncio.get_running_loop().time()
        return self._answers | {"draining": Check(False, "draining") if self.draining else Check(True)}

    async def _store(self) -> Check:
        if self._writer.stuck:
            return Check(False, "store_stuck")
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S):
                await self._storage.check()
        except (SidecarError, TimeoutError):
            return Check(False, "store_unavailable")
        return Check(True)

    def _speech(self) -> Check:
        try:
            self._switchboard.engines.check()
        except RecogniserUnavailable as error:
            return Check(False, error.code)
        return Check(True)

    def _disk(self) -> Check:
        free = self._storage.free_bytes()
        return Check(True) if free is None or free >= DISK_LOW_BYTES else Check(False, "disk_nearly_full")
