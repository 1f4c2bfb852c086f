"""Callbacks go on to the customer's own URL: signed for it, in order, tried again within bounds, losses counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from twilio.request_validator import RequestValidator

from sidecar.adapters import event_forwarder
from sidecar.adapters.event_forwarder import HttpEventForwarder

TOKEN = "0123456789abcdef0123456789abcdef"
CF = "CF" + "0" * 32


class Customer:
    """Their server: what came, and with which status it answers."""

    def __init__(self) -> None:
        self.url = ""
        self.statuses: list[int] = []
        self.came: list[dict[str, str]] = []
        self.tokens: list[str] = []
        self.hang = asyncio.Event()
        self.hang.set()

    async def take(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        url = f"http://{request.host}{request.raw_path}"
        assert RequestValidator(TOKEN).validate(url, form, request.headers["X-Twilio-Signature"])
        self.came.append(form)
        self.tokens.append(request.headers.get("I-Twilio-Idempotency-Token", ""))
        await self.hang.wait()
        return web.Response(status=self.statuses.pop(0) if self.statuses else 204)


@pytest.fixture
async def customer(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Customer]:
    """A server of the customer's own, whose address has a query and escapes."""
    monkeypatch.setattr(event_forwarder, "RETRY_WAITS_S", (0.01, 0.01))
    there = Customer()
    app = web.Application()
    app.router.add_post("/events", there.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    there.url = f"http://127.0.0.1:{runner.addresses[0][1]}/events?of=a%2Fb&x="
    yield there
    there.hang.set()
    await runner.cleanup()


@asynccontextmanager
async def forwarding(url: str) -> AsyncIterator[HttpEventForwarder]:
    """To that address, while the block runs."""
    forwarder = HttpEventForwarder(url, token=TOKEN)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(forwarder.run())
        yield forwarder
        running.cancel()


def told(n: int) -> dict[str, str]:
    """A callback with a field that is empty and one that is not ASCII."""
    return {"ConferenceSid": CF, "SequenceNumber": str(n), "FriendlyName": "Büro 1 + 2", "Reason": ""}


async def test_a_callback_goes_on_as_it_came_and_signed_for_its_new_address(customer: Customer) -> None:
    async with forwarding(customer.url) as forwarder:
        forwarder.forward(told(1), about=CF, idempotency_token="token-1")
        await forwarder.flush(10)
    assert customer.came == [told(1)]
    assert customer.tokens == ["token-1"]
    assert forwarder.outcomes == {"delivered": 1}


async def test_those_of_one_conference_keep_their_order_even_when_one_is_tried_again(customer: Customer) -> None:
    customer.statuses = [204, 503, 429]
    async with forwarding(customer.url) as forwarder:
        for n in (1, 2, 3):
            forwarder.forward(told(n), about=CF, idempotency_token="")
        await forwarder.flush(10)
    assert [form["SequenceNumber"] for form in customer.came] == ["1", "2", "2", "2", "3"]
    assert forwarder.outcomes == {"delivered": 3}


@pytest.mark.parametrize(("statuses", "tries"), [([500, 500, 500], 3), ([404], 1), ([302], 1)])
async def test_what_is_refused_is_given_up_and_counted(customer: Customer, statuses: list[int], tries: int) -> None:
    """An error of the server is worth another try; a refusal, or a redirect, says the same each time."""
    customer.statuses = statuses
    async with forwarding(customer.url) as forwarder:
        forwarder.forward(told(1), about=CF, idempotency_token="")
        await forwarder.flush(10)
    assert len(customer.came) == tries
    assert forwarder.outcomes == {"failed": 1}


async def test_nobody_there_is_a_failure_and_never_an_error_of_ours(
    unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_forwarder, "RETRY_WAITS_S", (0.01, 0.01))
    async with forwarding(f"http://127.0.0.1:{unused_tcp_port}/") as forwarder:
        forwarder.forward(told(1), about=CF, idempotency_token="")
        await forwarder.flush(20)
    assert forwarder.outcomes == {"failed": 1}


async def test_a_receiver_that_hangs_costs_its_lane_only_and_what_does_not_fit_is_counted(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Handing in never waits; what is left when the service stops is counted, too."""
    monkeypatch.setattr(event_forwarder, "MAX_WAITING", 2)
    customer.hang.clear()
    async with forwarding(customer.url) as forwarder:
        forwarder.forward(told(0), about=CF, idempotency_token="")
        async with asyncio.timeout(10):
            while not customer.came:
                await asyncio.sleep(0.01)
        for n in (1, 2, 3, 4):
            forwarder.forward(told(n), about=CF, idempotency_token="")
        assert forwarder.outcomes == {"dropped": 2}
        await forwarder.flush(0.05)
        assert forwarder.outcomes == {"dropped": 4}
    assert forwarder.outcomes == {"dropped": 5}
