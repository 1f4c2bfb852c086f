"""The order and the losses of status callbacks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from structlog.testing import capture_logs

from sidecar.emulator import callbacks as callbacks_module
from sidecar.emulator.callbacks import Callbacks
from sidecar.emulator.debugger import Debugger, ErrorNumber
from sidecar.emulator.faults.pending import Faults
from sidecar.emulator.spawn import spawner
from sidecar.emulator.state import StatusCallback
from sidecar.emulator.webhooks import Answer, WebhookFailed, Webhooks

CALLBACK = StatusCallback(url="https://h.example/c")


class SlowWebhooks(Webhooks):
    """A service that answers when ``open`` is set; forms with ``fail`` it refuses."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.got: list[str] = []

    async def ask(self, url: str, form: Mapping[str, str], method: str = "POST", token: str = "") -> Answer:
        if form["n"].startswith("a"):
            await self.open.wait()
        self.got.append(form["n"])
        if form["n"] == "a2":
            raise WebhookFailed(ErrorNumber.HTTP_BAD_STATUS, "answered with status 500.")
        return Answer(url, "text/plain", b"")


async def test_a_slow_lane_keeps_its_order_and_holds_up_no_other() -> None:
    """A failure is noted and the next one follows."""
    webhooks, debugger = SlowWebhooks(), Debugger()
    with capture_logs():
        async with asyncio.TaskGroup() as tasks:
            callbacks = Callbacks(webhooks, debugger, spawner(tasks), Faults())
            for n in ("a1", "a2", "a3"):
                callbacks.send("CFa", CALLBACK, {"n": n})
            callbacks.send("CFb", CALLBACK, {"n": "b1"})
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert webhooks.got == ["b1"]
            assert not callbacks.idle
            webhooks.open.set()
    assert webhooks.got == ["b1", "a1", "a2", "a3"]
    assert [(entry.error_code, entry.sid) for entry in debugger.entries] == [(11217, "CFa")]
    assert callbacks.idle


async def test_a_full_lane_drops_the_newest_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers in the forms show the hole."""
    monkeypatch.setattr(callbacks_module, "MAX_WAITING", 2)
    webhooks, debugger = SlowWebhooks(), Debugger()
    with capture_logs():
        async with asyncio.TaskGroup() as tasks:
            callbacks = Callbacks(webhooks, debugger, spawner(tasks), Faults())
            for n in ("a1", "a3", "a4"):
                callbacks.send("CFa", CALLBACK, {"n": n})
            webhooks.open.set()
    assert webhooks.got == ["a1", "a3"]
    assert [(entry.error_code, entry.sid) for entry in debugger.entries] == [(11200, "CFa")]
