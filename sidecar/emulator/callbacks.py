"""Delivers status callbacks: in order per lane, lanes side by side. A failed one is noted and never stops a call."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from sidecar.emulator.debugger import Debugger, ErrorNumber
from sidecar.emulator.spawn import Spawn
from sidecar.emulator.state import StatusCallback
from sidecar.emulator.webhooks import WebhookFailed, Webhooks

# A lane is one conference or stream. When so many wait for a service that does not answer, the newest is dropped.
MAX_WAITING = 500


class Callbacks:
    """A queue per lane; a lane's task lives while something waits in it."""

    def __init__(self, webhooks: Webhooks, debugger: Debugger, spawn: Spawn) -> None:
        self._webhooks = webhooks
        self._debugger = debugger
        self._spawn = spawn
        self._lanes: dict[str, deque[tuple[StatusCallback, Mapping[str, str]]]] = {}

    def send(self, lane: str, callback: StatusCallback, form: Mapping[str, str]) -> None:
        """Queue one for delivery; ``lane`` is the id of the conference or stream it tells about."""
        waiting = self._lanes.get(lane)
        if waiting is not None and len(waiting) >= MAX_WAITING:
            self._debugger.note(ErrorNumber.HTTP_RETRIEVAL_FAILURE, lane, "Too many callbacks wait; one was dropped.")
            return
        if waiting is not None:
            waiting.append((callback, form))
            return
        self._lanes[lane] = deque([(callback, form)])
        self._spawn(lambda: self._deliver(lane), name=f"emulator-callbacks-{lane}")

    @property
    def idle(self) -> bool:
        """Has everything been delivered or given up?"""
        return not self._lanes

    async def _deliver(self, lane: str) -> None:
        waiting = self._lanes[lane]
        try:
            while waiting:
                callback, form = waiting[0]
                try:
                    await self._webhooks.ask(callback.url, form, callback.method)
                except WebhookFailed as failure:
                    self._debugger.note(failure.number, lane, f"Status callback: {failure.message}")
                waiting.popleft()
        finally:
            del self._lanes[lane]
