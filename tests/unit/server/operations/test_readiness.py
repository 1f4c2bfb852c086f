"""Readiness: a stable word for each thing that is wrong, and few questions however often it is asked."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sidecar.domain.errors import StoreUnavailable
from sidecar.server.operations import readiness
from sidecar.server.operations.readiness import DISK_LOW_BYTES, Readiness
from tests.fakes import ScriptedRecogniser
from tests.unit.server.operations.test_metrics import sources


class FakeStorage:
    """A store that answers as told."""

    def __init__(self) -> None:
        self.free: int | None = DISK_LOW_BYTES
        self.fails = self.hangs = False
        self.asked = 0

    async def check(self) -> None:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.fails:
            raise StoreUnavailable("The disk at /secret/place is gone.")

    def free_bytes(self) -> int | None:
        return self.free


def readiness_of(folder: Path, storage: FakeStorage, *, refuse: int = 0) -> Readiness:
    parts = sources(folder, ScriptedRecogniser(refuse=refuse))
    return Readiness(storage=storage, writer=parts.writer, switchboard=parts.switchboard)


async def wrong(ready: Readiness) -> dict[str, str | None]:
    return {name: check.reason for name, check in (await ready.checks()).items() if not check.ok}


async def test_a_service_that_has_all_it_needs_is_ready(tmp_path: Path) -> None:
    ready = readiness_of(tmp_path, FakeStorage())
    assert list(await ready.checks()) == ["store", "recogniser", "disk", "draining"]
    assert await wrong(ready) == {}


async def test_each_thing_that_is_wrong_has_its_word_and_no_more(tmp_path: Path) -> None:
    """The error's own sentence may hold a path: it stays inside."""
    storage = FakeStorage()
    storage.fails, storage.free = True, DISK_LOW_BYTES - 1
    assert await wrong(readiness_of(tmp_path, storage, refuse=9)) == {
        "store": "store_unavailable",
        "recogniser": "recogniser_unavailable",
        "disk": "disk_nearly_full",
    }


async def test_a_store_that_never_answers_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "STORE_TIMEOUT_S", 0.01)
    storage = FakeStorage()
    storage.hangs = True
    assert await wrong(readiness_of(tmp_path, storage)) == {"store": "store_unavailable"}


async def test_a_database_server_has_no_disk_of_ours(tmp_path: Path) -> None:
    storage = FakeStorage()
    storage.free = None
    assert await wrong(readiness_of(tmp_path, storage)) == {}


async def test_many_questions_at_once_are_one_question_to_the_store(tmp_path: Path) -> None:
    storage = FakeStorage()
    ready = readiness_of(tmp_path, storage)
    async with asyncio.TaskGroup() as tasks:
        for n in range(20):
            tasks.create_task(ready.checks(), name=f"asks-{n}")
    assert storage.asked == 1
