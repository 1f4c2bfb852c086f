"""Names whose servers do not answer hold up no others for long."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

from sidecar.adapters import name_lookups
from sidecar.adapters.name_lookups import SLOW_THREADS, THREADS, NameLookups

FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443))]


class Names:
    """A system's look-up: names beginning with "hang" wait until they are released."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.asked: list[str] = []

    def __call__(self, host: str, _port: int, _family: int) -> list[Any]:
        self.asked.append(host)
        if host.startswith("hang"):
            assert self.release.wait(30)
        if host.startswith("bad"):
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return FOUND


async def find(lookups: NameLookups, host: str) -> list[Any]:
    return await lookups.find(host, 443, socket.AF_INET)


async def test_who_asks_for_the_same_name_at_once_shares_one_look_up() -> None:
    names = Names()
    lookups = NameLookups(names)
    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(find(lookups, "hang.example.com")) for _ in range(50)]
        impatient = tasks.create_task(find(lookups, "hang.example.com"))
        while not names.asked:
            await asyncio.sleep(0.001)
        impatient.cancel()
        names.release.set()
    assert [one.result() for one in asking] == [FOUND] * 50
    assert names.asked == ["hang.example.com"]
    assert await find(lookups, "hang.example.com") == FOUND
    assert len(names.asked) == 2, "nothing is remembered"


async def test_names_that_hung_once_have_few_threads_and_all_others_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_lookups, "SLOW_S", 0.0)
    names = Names()
    lookups = NameLookups(names)
    names.release.set()
    slow = [f"hang{n}.example.com" for n in range(THREADS * 2)]
    for host in slow:
        await find(lookups, host)
    monkeypatch.setattr(name_lookups, "SLOW_S", 60.0)
    names.release.clear()
    names.asked.clear()
    async with asyncio.TaskGroup() as tasks:
        for host in slow:
            tasks.create_task(find(lookups, host))
        await asyncio.sleep(0)
        assert await asyncio.wait_for(find(lookups, "crm.example.com"), 20) == FOUND
        assert len(set(names.asked) & set(slow)) <= SLOW_THREADS
        names.release.set()
    assert set(names.asked) == {*slow, "crm.example.com"}


async def test_no_more_names_are_looked_up_at_once_than_there_are_threads_and_none_is_forgotten() -> None:
    names = Names()
    lookups = NameLookups(names)
    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(find(lookups, f"hang{n}.example.com")) for n in range(THREADS * 2)]
        while len(names.asked) < THREADS:
            await asyncio.sleep(0.001)
        assert len(names.asked) == THREADS
        names.release.set()
    assert [one.result() for one in asking] == [FOUND] * THREADS * 2


async def test_a_name_that_is_not_there_is_told_to_all_who_asked_also_when_nobody_waits_any_more() -> None:
    lookups = NameLookups(Names())
    for _ in range(2):
        with pytest.raises(socket.gaierror):
            await find(lookups, "bad.example.com")
    async with asyncio.TaskGroup() as tasks:
        gone = tasks.create_task(find(lookups, "bad.example.com"))
        await asyncio.sleep(0)
        gone.cancel()
    with pytest.raises(socket.gaierror):
        await find(lookups, "bad.example.com")
