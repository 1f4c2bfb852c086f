"""A running service tells a receiver what happens in a call, and goes on when one of the two was away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from sidecar.adapters.clock import SystemClock
from sidecar.cli.children import free_ports
from sidecar.domain.events import ConferenceEnded, Draft, Event, UtteranceFinal
from sidecar.domain.webhooks import schedule
from sidecar.domain.webhooks.endpoints import DeliveryState, Endpoint, EndpointState
from sidecar.ports.directory import BoundFork
from sidecar.ports.webhooks import DeliveryFilter
from sidecar.server.app_keys import DIRECTORY, EVENT_LOG, EVENT_WRITER, WEBHOOK_DELIVERIES, WEBHOOK_ENDPOINTS
from sidecar.wire.standard_webhooks import new_secret
from tests.facts import fork_request, utterance
from tests.fakes import ScriptedRecogniser
from tests.service import Service, running_service

pytestmark = pytest.mark.traced(False)  # its parts are shown one by one elsewhere

CLOCK = SystemClock()
SECRET = new_secret()
SETTINGS: dict[str, Any] = {"webhook_allow_nets": "127.0.0.0/8", "webhook_allow_http": True}


class Receiver:
    """Verifies what it gets with the library, and answers as it is told."""

    def __init__(self) -> None:
        self.status = 204
        self.messages: dict[str, Any] = {}
        self.refused = 0
        self._came = asyncio.Event()

    async def receive(self, request: web.Request) -> web.Response:
        """Take it, or refuse it."""
        message = Webhook(SECRET).verify(await request.read(), dict(request.headers))
        if self.status < 300:
            assert request.headers["webhook-id"] not in self.messages, "told twice"
            self.messages[request.headers["webhook-id"]] = message
        else:
            self.refused += 1
        self._came.set()
        return web.Response(status=self.status)

    def seqs(self) -> list[int]:
        """Of all events that have come, those in batches too."""
        found = []
        for message in self.messages.values():
            events = message["data"] if message["type"] == "utterance.batch" else [message]
            found += [event["seq"] for event in events]
        return sorted(found)

    async def until(self, *, taken: int = 0, refused: int = 0) -> None:
        """So many messages have come."""
        async with asyncio.timeout(30):
            while len(self.messages) < taken or self.refused < refused:
                self._came.clear()
                await self._came.wait()


@asynccontextmanager
async def listening(receiver: Receiver, port: int) -> AsyncIterator[None]:
    app = web.Application()
    app.router.add_post("/hooks", receiver.receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def add_endpoint(service: Service, port: int) -> None:
    endpoint = Endpoint(
        id="whe_1", tenant="", url=f"http://127.0.0.1:{port}/hooks", description="", types=("*",),
        state=EndpointState.ENABLED, created_at=CLOCK.now(),
    )  # fmt: skip
    await service.app[WEBHOOK_ENDPOINTS].add(endpoint, secret=SECRET)


async def tell(service: Service, bound: BoundFork, *data: ConferenceEnded | UtteranceFinal) -> list[str]:
    """Events of a call, as its session hands them in; their ids."""
    drafts = [
        Draft(id=CLOCK.new_id("evt"), conference=bound.conference.id, timestamp=CLOCK.now(), data=each) for each in data
    ]
    await service.app[EVENT_WRITER].submit(drafts)
    return [each.id for each in drafts]


async def test_whatever_of_the_two_was_away_each_event_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the log of the endpoint, the event log and the receiver agree."""
    monkeypatch.setattr(schedule, "RETRIES", [timedelta(seconds=0.5)] * 9)
    receiver, port = Receiver(), free_ports(1)
    ended = ConferenceEnded(reason="completed", at_ms=1)
    async with running_service(tmp_path, ScriptedRecogniser(), **SETTINGS) as service:
        await add_endpoint(service, port)
        bound = await service.app[DIRECTORY].open_fork(fork_request("CA" + "1" * 32))
        async with listening(receiver, port):
            told = await tell(service, bound, ended)
            await tell(service, bound, *(utterance(bound, n, text=f"line {n}") for n in range(23)))
            await receiver.until(taken=3)  # a full batch, and what was left after a second
            receiver.status = 500
            told += await tell(service, bound, ended)
            await receiver.until(refused=1)
            receiver.status = 204
            await receiver.until(taken=4)
        told += await tell(service, bound, ended)  # nobody listens
        async with asyncio.timeout(10):
            while not await failed_once(service):
                await asyncio.sleep(0.05)
    async with running_service(tmp_path, ScriptedRecogniser(), **SETTINGS) as service, listening(receiver, port):
        told += await tell(service, bound, ended)
        stored: list[Event] = []
        async with asyncio.timeout(30):  # the service has something to say of the call, too
            while not stored or receiver.seqs() != [event.seq for event in stored]:
                await asyncio.sleep(0.05)
                stored = await service.app[EVENT_LOG].read(bound.conference.id)
        assert set(told) <= set(receiver.messages)
        log = await service.app[WEBHOOK_DELIVERIES].deliveries("whe_1", tenant="", wanted=DeliveryFilter(), limit=50)
        assert {each.message_id for each in log} == set(receiver.messages)


async def failed_once(service: Service) -> bool:
    """The newest delivery waits for its second attempt."""
    wanted = DeliveryFilter(states=[DeliveryState.PENDING])
    log = await service.app[WEBHOOK_DELIVERIES].deliveries("whe_1", tenant="", wanted=wanted, limit=1)
    return bool(log) and log[0].tries == 1
