"""Delivers status callbacks: in order per lane, lanes side by side. A failed one is noted and never stops a call.

Faults may delay, double or turn round what waits (``faults``); nothing else ever changes the order.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections import deque
from collections.abc import Iterable, Mapping

import msgspec

from sidecar.emulator.conferences import Notice
from sidecar.emulator.debugger import Debugger, ErrorNumber
from sidecar.emulator.faults.orders import DelayCallbacks, DuplicateCallbacks, ReorderCallbacks
from sidecar.emulator.faults.pending import Faults
from sidecar.emulator.spawn import Spawn
from sidecar.emulator.state import StatusCallback
from sidecar.emulator.webhooks import WebhookFailed, Webhooks

# A lane is one conference, call or stream. When so many wait for a service that does not answer, the newest is dropped.
MAX_WAITING = 500


class Waiting(msgspec.Struct, frozen=True):
    """One callback that is to be delivered."""

    callback: StatusCallback
    form: Mapping[str, str]


class Lane:
    """What waits about one id, oldest first. ``arrived`` is set whenever another one comes."""

    def __init__(self) -> None:
        self.waiting: deque[Waiting] = deque()
        self.arrived = asyncio.Event()


class Callbacks:
    """A queue per lane; a lane's task lives while something waits in it."""

    def __init__(self, webhooks: Webhooks, debugger: Debugger, spawn: Spawn, faults: Faults) -> None:
        self._webhooks = webhooks
        self._debugger = debugger
        self._spawn = spawn
        self._faults = faults
        self._lanes: dict[str, Lane] = {}

    def send(self, sid: str, callback: StatusCallback, form: Mapping[str, str]) -> None:
        """Queue one for delivery; ``sid`` is the id of the conference, call or stream it tells about: its lane."""
        lane = self._lanes.get(sid)
        if lane is None:
            lane = self._lanes[sid] = Lane()
            self._spawn(lambda: self._deliver(sid), name=f"emulator-callbacks-{sid}")
        if len(lane.waiting) >= MAX_WAITING:
            self._debugger.note(ErrorNumber.HTTP_RETRIEVAL_FAILURE, sid, "Too many callbacks wait; one was dropped.")
            return
        lane.waiting.append(Waiting(callback, form))
        lane.arrived.set()

    def tell(self, notices: Iterable[Notice]) -> None:
        """Queue what conferences have to tell."""
        for notice in notices:
            self.send(notice.conference_sid, notice.callback, notice.form)

    @property
    def idle(self) -> bool:
        """Has everything been delivered or given up?"""
        return not self._lanes

    async def _deliver(self, sid: str) -> None:
        lane = self._lanes[sid]
        try:
            while lane.waiting:
                times = await self._suffer(sid, lane)
                next_one = lane.waiting[0]
                token = str(uuid.uuid4())
                for _ in range(times):
                    await self._ask(sid, next_one, token)
                lane.waiting.popleft()
        finally:
            del self._lanes[sid]

    async def _suffer(self, sid: str, lane: Lane) -> int:
        """Let the fault happen that is due, if one is; how many times the next callback is to be delivered."""
        call_sid = lane.waiting[0].form.get("CallSid", "")
        match self._faults.for_callback({sid, call_sid} - {""}):
            case DelayCallbacks(seconds=seconds):
                await asyncio.sleep(seconds)
            case DuplicateCallbacks():
                return 2
            case ReorderCallbacks(count=count, seconds=seconds):
                await self._turn_round(lane, count, seconds)
            case _:
                pass
        return 1

    async def _turn_round(self, lane: Lane, count: int, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while len(lane.waiting) < count:
                    lane.arrived.clear()
                    await lane.arrived.wait()
        first = [lane.waiting.popleft() for _ in range(min(count, len(lane.waiting)))]
        lane.waiting.extendleft(first)  # which turns them round

    async def _ask(self, sid: str, waiting: Waiting, token: str) -> None:
        try:
            await self._webhooks.ask(waiting.callback.url, waiting.form, waiting.callback.method, token)
        except WebhookFailed as failure:
            self._debugger.note(failure.number, sid, f"Status callback: {failure.message}")
