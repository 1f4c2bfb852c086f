"""Tasks that fail alone. Every task of the emulator is started here, named, in the exchange's TaskGroup."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import structlog

_log = structlog.get_logger()

Work = Callable[[], Awaitable[None]]


class Running(Protocol):
    """Work under way; an asyncio task, of which nobody needs more than this."""

    def cancel(self) -> bool:
        """End it as soon as it waits."""
        ...

    def add_done_callback(self, fn: Callable[[Any], object], /) -> None:
        """Call it when the work is over, even if it was cancelled before its first step."""
        ...


class Spawn(Protocol):
    """Starts the work as a task of that name."""

    def __call__(self, work: Work, *, name: str) -> Running:
        """The running work."""
        ...


def spawner(tasks: asyncio.TaskGroup) -> Spawn:
    """Starts tasks in the group; a bug in one of them is logged whole and does not end the group."""

    async def contained(work: Work, name: str) -> None:
        try:
            await work()
        except Exception:  # noqa: BLE001 - a TaskGroup would cancel every call for a bug in one
            _log.exception("emulator_task_crashed", task=name)

    def spawn(work: Work, *, name: str) -> Running:
        return tasks.create_task(contained(work, name), name=name)

    return spawn
