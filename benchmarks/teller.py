"""Inside of the benchmark's service: one endpoint, and events for it at a steady pace, as a busy service has them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from aiohttp import web

from benchmarks.receiver import TYPE
from sidecar.domain.conference.values import Role
from sidecar.domain.events import Draft, TranscriptGap
from sidecar.domain.webhooks.endpoints import Endpoint, EndpointState
from sidecar.ports.directory import ForkRequest
from sidecar.server.app_keys import CLOCK, DIRECTORY, EVENT_WRITER, WEBHOOK_ENDPOINTS
from sidecar.wire.standard_webhooks import new_secret

STEP_S = 0.02


class Teller:
    """``told``: events that were stored."""

    def __init__(self, app: web.Application) -> None:
        self._app = app
        self.told = 0

    async def add_endpoint(self, url: str) -> None:
        """Which wants these events only."""
        endpoint = Endpoint(
            id="whe_bench", tenant="", url=url, description="", types=(TYPE,), state=EndpointState.ENABLED,
            created_at=datetime.now(UTC),
        )  # fmt: skip
        await self._app[WEBHOOK_ENDPOINTS].add(endpoint, secret=new_secret())

    async def tell(self, per_s: float) -> None:
        """So many events a second of a call in which nobody is forked, until cancelled."""
        clock, writer = self._app[CLOCK], self._app[EVENT_WRITER]
        now = clock.now()
        bound = await self._app[DIRECTORY].open_fork(
            ForkRequest(
                conference_id=clock.new_id("cnf"), participant_id=clock.new_id("par"), fork_id=clock.new_id("frk"),
                tenant="", room="told", call_sid="CA" + "f" * 32, label="agent", name="Agent", role=Role.AGENT,
                token_hash="-", token_expires_at=now, now=now,
            )
        )  # fmt: skip
        loop = asyncio.get_running_loop()
        began, sent = loop.time(), 0
        while True:
            due = int((loop.time() - began) * per_s)
            for number in range(sent, due):
                gap = TranscriptGap(
                    participant=bound.participant.id, fork=bound.fork.id, from_ms=number, to_ms=number,
                    reason="stream_lost",
                )  # fmt: skip
                draft = Draft(id=clock.new_id("evt"), conference=bound.conference.id, timestamp=clock.now(), data=gap)
                writer.submit_nowait([draft])
                self.told += 1
            sent = due
            await asyncio.sleep(STEP_S)
