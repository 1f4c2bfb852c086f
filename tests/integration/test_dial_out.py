"""Calling somebody into a conference: the whole service, twilio's own client, an emulated network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import soundfile
import structlog
from aiohttp import web

from sidecar.cli.children import free_ports
from sidecar.emulator.app import create_app
from sidecar.emulator.state import Account
from tests.fakes import ScriptedRecogniser
from tests.service import TOKEN, Service, running_service

ACCOUNT = Account("AC" + "1" * 32, TOKEN)
LIMIT_S = 20.0
NUMBER = "+442071838750"
POLICY = {"dial_out": "GB,us", "twilio_from": "+15550100", "dial_out_per_hour": 3}
Open = Callable[..., AbstractAsyncContextManager[Service]]


class Network:
    """The emulated Twilio, and services beside it, one after the other, on one store."""

    def __init__(self, folder: Path, base: str) -> None:
        self.folder, self.base = folder, base

    @asynccontextmanager
    async def service(self, **settings: Any) -> AsyncIterator[Service]:
        """A service that knows the account."""
        account: dict[str, Any] = {"twilio_account_sid": ACCOUNT.sid, "twilio_api_base_url": self.base}
        async with running_service(self.folder, ScriptedRecogniser(), **account, **settings) as service:
            yield service

    async def control(self, service: Service, path: str, body: dict[str, Any]) -> None:
        """An order to the emulator."""
        async with service.http.post(f"{self.base}/control/{path}", json=body) as answer:
            assert answer.status == 201, await answer.text()

    async def conference(self, service: Service) -> str:
        """The address of a conference of two people that goes on at the network."""
        soundfile.write(self.folder / "quiet.wav", [0.0] * 800, 8_000)
        people = [{"label": name, "says": [{"wav": str(self.folder / "quiet.wav")}]} for name in ("agent", "customer")]
        voice = f"{service.base}/twilio/voice"
        await self.control(
            service,
            "scenarios",
            {"room": "support", "voice_url": voice, "participants": people, "hang_up_after": 60},
        )
        await service.until("conference.started")
        [conference] = (await service.get("/v1/conferences"))["data"]
        return f"/v1/conferences/{conference['conference_sid']}"

    async def calls(self, service: Service) -> list[dict[str, Any]]:
        """Those that the service placed."""
        async with service.http.get(f"{self.base}/control/state") as answer:
            state = await answer.json()
        return [call for call in state["calls"] if call["to"] == NUMBER]


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[Network]:
    port = free_ports(1)
    runner = web.AppRunner(create_app(ACCOUNT), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield Network(tmp_path, f"http://127.0.0.1:{port}")
    finally:
        await runner.cleanup()


async def dial(service: Service, path: str, number: str = NUMBER, **headers: str) -> tuple[int, Any, Any]:
    """Status, body and headers of an answer."""
    body = {"to": number, "label": "agent"}
    async with service.http.post(f"{service.base}{path}/participants", json=body, headers=headers) as answer:
        return answer.status, await answer.json(), answer.headers


async def test_somebody_is_called_once_however_often_it_is_asked_and_never_beyond_the_caps(network: Network) -> None:
    """The callee joins with a label of its own; a restart forgets neither answers nor caps; no log holds the number."""
    with structlog.testing.capture_logs() as logs:
        async with network.service(**POLICY) as service:
            path = await network.conference(service)
            status, first, _ = await dial(service, path, **{"Idempotency-Key": "k1"})
            assert status == 202, first
            assert (first["participant"]["label"], first["participant"]["state"]) == ("agent-2", "expected")
            for _ in range(3):
                assert (await dial(service, path, **{"Idempotency-Key": "k1"}))[:2] == (202, first)
            assert [call["sid"] for call in await network.calls(service)] == [first["participant"]["call_sid"]]
            await joins(service, network, "agent-2")
            for number, code in (("+18765551234", "country_not_allowed"), ("+19005551234", "number_not_ordinary")):
                status, problem, _ = await dial(service, path, number)
                assert (status, problem["code"]) == (403, code)
            await network.control(
                service,
                "faults",
                {"kind": "fail_rest", "count": 1, "status": 400, "code": 21211, "path": "/Participants"},
            )
            for _ in range(2):  # what failed is not tried again, and its answer is for good too
                status, problem, _ = await dial(service, path, **{"Idempotency-Key": "k2"})
                assert (status, problem["code"]) == (502, "telephony_failed")
                assert "error 21211" in problem["detail"]
        async with network.service(**POLICY) as service:
            assert (await dial(service, path, **{"Idempotency-Key": "k1"}))[:2] == (202, first)
            assert (await dial(service, path))[0] == 202
            for key in ("k3", "k3"):
                status, problem, headers = await dial(service, path, **{"Idempotency-Key": key})
                assert (status, problem["code"]) == (429, "dial_out_cap")
                assert 3_000 < int(headers["Retry-After"]) <= 3_600
            assert len(await network.calls(service)) == 2
    ours = [entry for entry in logs if not entry["event"].startswith("emulator")]
    assert sum(entry["event"] == "dialling" for entry in ours) == 3
    assert NUMBER[1:] not in str(ours)


async def joins(service: Service, network: Network, label: str) -> None:
    """Until somebody of that label is in the room at the network."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            async with service.http.get(f"{network.base}/control/state") as answer:
                rooms = (await answer.json())["conferences"]
            if any(one["label"] == label for room in rooms for one in room["participants"].values()):
                return
            await asyncio.sleep(0.05)


async def test_nobody_is_called_unless_the_operator_wants_it(network: Network) -> None:
    """Off by default, and for what goes on nowhere."""
    async with network.service() as service:
        path = await network.conference(service)
        status, problem, _ = await dial(service, path)
        assert (status, problem["code"]) == (403, "dial_out_off")
        assert "SIDECAR_DIAL_OUT" in problem["detail"]
        assert (await dial(service, "/v1/conferences/cnf_nobody"))[0] == 404
        assert await network.calls(service) == []
