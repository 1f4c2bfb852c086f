"""``sidecar webhooks listen``: the events of all calls, from their first on, in order, over a service that restarts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from standardwebhooks import Webhook

from sidecar.adapters.clock import SystemClock
from sidecar.cli.children import free_ports
from sidecar.cli.service_client import ServiceClient
from sidecar.cli.webhooks.feed import Feed
from sidecar.cli.webhooks.forward import Forwarder, secret_of
from sidecar.server.app_keys import WALLBOARD_STATE
from tests.callers import KEY
from tests.commands import run_here
from tests.fakes import ScriptedRecogniser
from tests.service import Service, running_service
from tests.waiting import eventually

FIRST, SECOND = "CA" + "1" * 32, "CA" + "2" * 32


async def begin(service: Service, call_sid: str, room: str) -> None:
    """A call is in its room, which is in progress."""
    await service.call(call_sid, room=room)
    told = {"ConferenceSid": "CF" + call_sid[2:], "FriendlyName": room, "CallSid": call_sid, "SequenceNumber": "1"}
    for event in ("participant-join", "conference-start"):
        status, _ = await service.post("/twilio/conference-events", told | {"StatusCallbackEvent": event})
        assert status == 204


async def end(service: Service, call_sid: str, room: str) -> None:
    """The room is closed."""
    told = {"ConferenceSid": "CF" + call_sid[2:], "FriendlyName": room, "StatusCallbackEvent": "conference-end"}
    status, _ = await service.post("/twilio/conference-events", told | {"SequenceNumber": "2"})
    assert status == 204


async def test_a_call_that_goes_on_is_heard_from_now_and_a_new_one_from_its_first_event(tmp_path: Path) -> None:
    port = free_ports(1)
    heard: list[dict[str, Any]] = []
    said: list[str] = []

    def of(room: str) -> list[str]:
        return [event["type"] for event in heard if event["conference"] == ids[room]]

    async def ids_of(service: Service) -> dict[str, str]:
        return {one["room"]: one["id"] for one in (await service.get("/v1/conferences"))["data"]}

    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as http:
        feed = Feed(ServiceClient(http, f"http://127.0.0.1:{port}", KEY), said.append)

        async def listen() -> None:
            async for event in feed.events():
                heard.append(event)  # noqa: PERF401 - one by one, for the test looks at it meanwhile

        async with asyncio.TaskGroup() as tasks:
            async with running_service(tmp_path, ScriptedRecogniser(), port=port) as service:
                await begin(service, FIRST, "early")
                await service.until("conference.started", "early")
                board = service.app[WALLBOARD_STATE]
                await eventually(lambda: [row.state for row in board.rows(tenant="")] == ["live"])
                listening = tasks.create_task(listen(), name="listen")
                await eventually(lambda: feed.following == 1)
                await begin(service, SECOND, "late")
                ids = await ids_of(service)
                await eventually(lambda: "conference.started" in of("late"))
                await end(service, FIRST, "early")
                await eventually(lambda: "conference.ended" in of("early"))
            async with running_service(tmp_path, ScriptedRecogniser(), port=port) as service:
                await end(service, SECOND, "late")
                await eventually(lambda: "transcript.completed" in of("late"), timeout_s=30)
                assert [event["type"] for event in await service.events("late")] == of("late")
            listening.cancel()
    assert "conference.started" not in of("early")
    assert all("does not answer" in line for line in said)


async def test_what_is_forwarded_is_signed_tried_once_and_its_answer_is_printed() -> None:
    got: list[Any] = []
    secret = secret_of(KEY)

    async def receive(request: web.Request) -> web.Response:
        got.append(Webhook(secret).verify(await request.read(), dict(request.headers)))
        return web.Response(status=204 if len(got) == 1 else 503)

    app = web.Application()
    app.router.add_post("/", receive)
    runner, port = web.AppRunner(app), free_ports(1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        wish = ("webhooks", "trigger", "transcript.gap", "--to", f"http://127.0.0.1:{port}/", "--key", KEY)
        status, out, _ = await asyncio.to_thread(run_here, *wish)
        assert (status, got[0]["type"], got[0]["conference"]) == (0, "transcript.gap", "cnf_sample")
        there, back = out.splitlines()
        assert "--> transcript.gap" in there
        assert "<-- 204" in back
        assert got[0]["id"] in there
        status, out, _ = await asyncio.to_thread(run_here, *wish, "--json")
        assert (status, len(got)) == (1, 2)
        assert '"status": 503' in out
    finally:
        await runner.cleanup()
    async with aiohttp.ClientSession() as http:
        away = Forwarder(http, f"http://127.0.0.1:{port}/", secret, SystemClock(), as_json=True)
        assert not await away.forward(got[0])
