"""All streams together: a cap, and an end within a second."""

from __future__ import annotations

import asyncio

import pytest

from sidecar.server import stream_hub
from sidecar.server.problems import RequestRefused
from sidecar.server.stream_hub import StreamHub


class FakeStream:
    """Ends when it is told to, or only when it is cut off."""

    def __init__(self, *, polite: bool, caller: str = "uss_1") -> None:
        self.polite = polite
        self.caller = caller
        self.only_own: str | None = None
        self.conferences: tuple[str, ...] = ()
        self.ended = asyncio.Event()
        self.calls: list[str] = []

    def close(self, reason: str = "") -> None:
        self.calls.append(f"close {reason}".strip())
        if self.polite:
            self.ended.set()

    def abort(self) -> None:
        self.calls.append("abort")
        self.ended.set()


async def live(hub: StreamHub, stream: FakeStream) -> None:
    with hub.holding(stream):
        await stream.ended.wait()


async def test_polite_streams_are_closed_and_stuck_ones_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_hub, "CLOSE_TIMEOUT_S", 0.02)
    hub = StreamHub()
    polite, stuck = FakeStream(polite=True), FakeStream(polite=False)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        for stream in (polite, stuck):
            group.create_task(live(hub, stream), name="stream")
        await asyncio.sleep(0)
        assert hub.open == 2
        await hub.close_all()
    assert (polite.calls, stuck.calls) == (["close"], ["close", "abort"])
    assert (hub.open, hub.opened) == (0, 2)


async def test_nothing_open_closes_at_once_and_nothing_is_admitted_after() -> None:
    hub = StreamHub()
    hub.admit()
    await hub.close_all()
    with pytest.raises(RequestRefused) as refused:
        hub.admit()
    assert (refused.value.status, refused.value.code, hub.refused) == (503, "stopping", 1)


async def test_the_cap_counts_only_streams_that_are_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_hub, "STREAMS_AT_ONCE", 1)
    hub = StreamHub()
    with hub.holding(FakeStream(polite=True)), pytest.raises(RequestRefused, match="1 event streams are open"):
        hub.admit()
    hub.admit()


def test_one_caller_is_sent_away_and_the_others_stay() -> None:
    hub = StreamHub()
    ana, ben = FakeStream(polite=True, caller="uss_ana"), FakeStream(polite=True, caller="uss_ben")
    with hub.holding(ana), hub.holding(ben):
        assert hub.callers == {"uss_ana", "uss_ben"}
        hub.close_of("uss_ana")
    assert (ana.calls, ben.calls) == (["close auth"], [])
    assert hub.callers == set()
