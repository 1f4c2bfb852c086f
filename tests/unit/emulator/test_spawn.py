"""Tasks that fail alone."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from sidecar.emulator.spawn import spawner


async def test_a_bug_in_one_task_leaves_the_others_alone() -> None:
    """It is logged with the task's name; the group goes on."""
    done = asyncio.Event()

    async def broken() -> None:
        raise ZeroDivisionError

    async def sound() -> None:
        await asyncio.sleep(0)
        done.set()

    with capture_logs() as lines:
        async with asyncio.TaskGroup() as tasks:
            spawn = spawner(tasks)
            spawn(broken, name="broken")
            spawn(sound, name="sound")
    assert done.is_set()
    assert [(line["event"], line["task"]) for line in lines] == [("emulator_task_crashed", "broken")]


async def test_cancelled_before_its_first_step_it_is_over_all_the_same() -> None:
    """The done callback comes even then; nothing of the work was begun."""
    over: list[object] = []
    begun: list[str] = []

    async def work() -> None:
        begun.append("work")

    async with asyncio.TaskGroup() as tasks:
        running = spawner(tasks)(work, name="work")
        running.add_done_callback(over.append)
        running.cancel()
    assert len(over) == 1
    assert begun == []
