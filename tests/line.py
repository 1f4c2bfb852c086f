"""The service beside an emulated Twilio, both in this process on real ports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import soundfile
from aiohttp import web

from sidecar.cli.children import free_ports
from sidecar.emulator.app import create_app
from sidecar.emulator.state import Account
from sidecar.ports.recogniser import Recogniser
from sidecar.runtime.assistant.desk import Engines
from tests.fakes import ScriptedRecogniser
from tests.service import TOKEN, Service, running_service

ACCOUNT = Account("AC" + "1" * 32, TOKEN)
LIMIT_S = 30.0


class Line:
    """The service, and the control API of the Twilio that it talks to."""

    def __init__(self, service: Service, twilio: str, quiet: Path) -> None:
        self.service, self._twilio, self._quiet = service, twilio, quiet

    async def order(self, kind: str, **fields: Any) -> None:
        """A fault."""
        await self.control("/control/faults", {"kind": kind, **fields})

    async def play(
        self,
        seconds: float,
        steps: list[dict[str, Any]] | None = None,
        *,
        room: str = "support",
        labels: Sequence[str] = ("agent", "customer"),
    ) -> None:
        """These people in a room for so long."""
        people = [{"label": name, "says": [{"wav": str(self._quiet)}]} for name in labels]
        voice = f"{self.service.base}/twilio/voice"
        body = {"room": room, "voice_url": voice, "participants": people, "hang_up_after": seconds}
        await self.control("/control/scenarios", body | {"steps": steps or []})

    async def call(self, voice_url: str, **order: Any) -> str:
        """One call to that address; its sid."""
        return str((await self.control("/control/calls", {"voice_url": voice_url, **order}))["call_sid"])

    async def rest(self, path: str, **form: str) -> tuple[int, dict[str, Any]]:
        """A POST to the REST API, as the customer's own application would send it."""
        url = f"{self._twilio}/2010-04-01/Accounts/{ACCOUNT.sid}{path}.json"
        key = {"Authorization": aiohttp.encode_basic_auth(ACCOUNT.sid, ACCOUNT.auth_token)}
        async with self.service.http.post(url, data=form, headers=key) as answer:
            return answer.status, await answer.json()

    async def hang_up(self, call_sid: str) -> None:
        """The caller puts the phone down."""
        await self.control(f"/control/calls/{call_sid}/hangup", None)

    async def state(self) -> dict[str, Any]:
        """All that the emulator knows."""
        async with self.service.http.get(self._twilio + "/control/state") as answer:
            state: dict[str, Any] = await answer.json()
        return state

    async def until(self, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The emulator's state as soon as that is so."""
        async with asyncio.timeout(LIMIT_S):
            while not true(state := await self.state()):
                await asyncio.sleep(0.05)
        return state

    async def ended(self, room: str = "support") -> list[dict[str, Any]]:
        """All events, once the transcript is complete."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                events = await self.service.events(room)
                if any(event["type"] == "transcript.completed" for event in events):
                    return events
                await asyncio.sleep(0.1)

    async def download(self, path: str) -> bytes:
        """A file of the emulator's."""
        async with self.service.http.get(self._twilio + path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.read()

    async def control(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """An order to the emulator."""
        async with self.service.http.post(self._twilio + path, json=body) as answer:
            assert answer.status in (200, 201, 204), await answer.text()
            return await answer.json() if answer.status != 204 else None


class TwimlApp:
    """A TwiML application at the emulator, for a service that begins later than it."""

    def __init__(self, twilio: str) -> None:
        self._url = f"{twilio}/2010-04-01/Accounts/{ACCOUNT.sid}/Applications"
        self.sid = ""

    async def create(self) -> None:
        """It leads nowhere yet."""
        self.sid = (await self._post(f"{self._url}.json", {"FriendlyName": "assistant"}))["sid"]

    async def lead_to(self, base: str) -> None:
        """Its calls ask the service."""
        await self._post(f"{self._url}/{self.sid}.json", {"VoiceUrl": f"{base}/twilio/assistant"})

    async def _post(self, url: str, form: dict[str, str]) -> Any:
        auth = {"Authorization": aiohttp.encode_basic_auth(ACCOUNT.sid, TOKEN)}
        async with aiohttp.ClientSession(headers=auth) as http, http.post(url, data=form) as answer:
            assert answer.status in (200, 201), await answer.text()
            return await answer.json()


@asynccontextmanager
async def running_twilio() -> AsyncIterator[str]:
    """The emulator; its address."""
    port = free_ports(1)
    runner = web.AppRunner(create_app(ACCOUNT), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def running_beside(
    twilio: str, folder: Path, recogniser: Recogniser | None = None, engines: Engines | None = None, **settings: Any
) -> AsyncIterator[Line]:
    """The service beside an emulator that runs; with the same folder it goes on where another one stopped.

    ``engines``: of the assistant; with these, it can be invited.
    """
    soundfile.write(folder / "quiet.wav", [0.0] * 800, 8_000)
    known: dict[str, Any] = {"twilio_account_sid": ACCOUNT.sid, "twilio_api_base_url": twilio} | settings
    application = TwimlApp(twilio)
    if engines is not None:
        await application.create()
        known |= {"twilio_twiml_app_sid": application.sid, "twilio_from": "+12025550100"}
    async with running_service(folder, recogniser or ScriptedRecogniser(), engines=engines, **known) as service:
        if engines is not None:
            await application.lead_to(service.base)
        yield Line(service, twilio, folder / "quiet.wav")


@asynccontextmanager
async def running_line(
    folder: Path, recogniser: Recogniser | None = None, engines: Engines | None = None, **settings: Any
) -> AsyncIterator[Line]:
    """Both, until the block ends."""
    async with running_twilio() as twilio, running_beside(twilio, folder, recogniser, engines, **settings) as line:
        yield line
