"""The service in this process on a real port, for tests that talk to it as Twilio does."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Middleware
from twilio.request_validator import RequestValidator
from yarl import URL

from sidecar.app import build
from sidecar.cli.children import free_ports
from sidecar.config import load
from sidecar.domain.access.callers import NameRefused
from sidecar.ports.recogniser import Recogniser
from sidecar.runtime.assistant.desk import Engines
from sidecar.server.app_keys import ACCOUNTS, SWITCHBOARD
from sidecar.server.connections import GuardedSite
from sidecar.server.strangers import STRANGERS
from tests.callers import BEARER, add_key
from tests.contract import Contract, event_breaches
from tests.stores import lay_out

# How long a connection waits for the rest of a body that nobody reads, even when its client is gone.
LINGER_S = 0.1
TOKEN = "0123456789abcdef0123456789abcdef"
# A frame of sound: a line at rest is not handed to a recogniser for its own sake.
SOUND = base64.b64encode(b"\x10\x90" * 80).decode()
GOLDEN = Path(__file__).parent / "golden" / "twilio"


class Service:
    """A running service, and requests to it that are signed as Twilio signs them. ``http`` carries an API key."""

    def __init__(
        self, app: web.Application | None, http: aiohttp.ClientSession, port: int, contract: Contract | None = None
    ) -> None:
        """``app`` None: it runs in a process of its own. ``contract``: what watches its answers."""
        self._app = app
        self.http = http
        self.contract = contract or Contract()
        self.base = f"http://127.0.0.1:{port}"
        self.socket_url = f"ws://127.0.0.1:{port}/twilio/media"
        self._validator = RequestValidator(TOKEN)

    @property
    def app(self) -> web.Application:
        """What runs in this process."""
        assert self._app is not None
        return self._app

    @property
    def refusals(self) -> Mapping[str, int]:
        """What was turned away, by reason."""
        return self.app[SWITCHBOARD].refusals + self.app[STRANGERS].refusals

    def signature(self, url: str, form: Mapping[str, str] | None = None) -> dict[str, str]:
        """The header that proves a request."""
        signed: str = self._validator.compute_signature(url, dict(form or {}))
        return {"X-Twilio-Signature": signed}

    async def post(self, path: str, form: Mapping[str, str]) -> tuple[int, str]:
        """A signed form post; status and body."""
        url = self.base + path
        async with self.http.post(URL(url, encoded=True), data=form, headers=self.signature(url, form)) as answer:
            return answer.status, await answer.text()

    async def get(self, path: str) -> Any:
        """JSON of the API."""
        async with self.http.get(self.base + path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def call(self, call_sid: str, room: str = "support", label: str = "agent") -> str:
        """A call fetches its TwiML; the token in it."""
        form = {"CallSid": call_sid, "From": "+15550100", "To": "+15550199"}
        status, twiml = await self.post(f"/twilio/voice?room={room}&label={label}", form)
        assert status == 200, twiml
        return twiml.split('name="token" value="')[1].split('"')[0]

    async def socket(self, headers: Mapping[str, str] | None = None) -> aiohttp.ClientWebSocketResponse:
        """A media socket; signed unless other headers are given."""
        signed = self.signature(self.socket_url) if headers is None else headers
        return await self.http.ws_connect(self.socket_url, headers=signed)

    async def events(self, room: str = "support") -> list[dict[str, Any]]:
        """The durable events of a room's conference so far, by SSE."""
        found = await self.get(f"/v1/conferences?room={room}")
        if not found["data"]:
            return []
        conference = found["data"][0]
        events: list[dict[str, Any]] = []
        topic = f"conference:{conference['id']}"
        async with self.http.get(self.base + "/v1/stream", params={"topic": topic}) as answer:
            while len(events) < conference["last_seq"]:
                line = (await answer.content.readline()).decode()
                if line.startswith("data: ") and '"seq":' in line:
                    event = json.loads(line[6:])
                    if event.get("seq") is not None:
                        assert event_breaches(event) == []
                        events.append(event)
        return events

    async def until(self, type_: str, room: str = "support") -> list[dict[str, Any]]:
        """The events up to now, as soon as one of that type is among them."""
        async with asyncio.timeout(10):
            while True:
                events = await self.events(room)
                if any(event["type"] == type_ for event in events):
                    return events
                await asyncio.sleep(0.05)


@asynccontextmanager
async def running_service(
    folder: Path,
    recogniser: Recogniser,
    fallback: Recogniser | None = None,
    /,
    *,
    engines: Engines | None = None,
    innermost: Middleware | None = None,
    **settings: Any,
) -> AsyncIterator[Service]:
    """Start it with a SQLite file in ``folder``, on a free port unless told which; stop it in order.

    Whatever it answers under ``/v1`` has to be as docs/openapi.yaml says. ``engines``: of the assistant.
    ``innermost``: sees what got past everything, just before its handler; then answers may be anything.
    """
    port = settings.pop("port", None) or free_ports(1)
    values = {
        "port": port,
        "database_url": lay_out(folder / "sidecar.sqlite3"),
        "twilio_auth_token": TOKEN,
    }
    app = build(load(**(values | settings)), recogniser=recogniser, fallback=fallback, engines=engines)
    contract = Contract()
    if innermost is not None:
        app.middlewares.append(innermost)
    else:
        contract.watch(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, lingering_time=LINGER_S)
    await runner.setup()
    try:
        await GuardedSite(runner, "127.0.0.1", port, connections=app[STRANGERS].connections).start()
        with suppress(NameRefused):  # a service that goes on where another stopped
            await add_key(app[ACCOUNTS])
        async with aiohttp.ClientSession(headers=BEARER) as http:
            yield Service(app, http, port, contract)
    finally:
        await runner.cleanup()
    assert not contract.breaches, "\n".join(contract.breaches)


def start_frame(call_sid: str, token: str, **changes: Any) -> str:
    """The golden start frame for this call and token; ``changes`` go into its mediaFormat."""
    frame = json.loads((GOLDEN / "media" / "start.json").read_text())
    frame["start"] |= {"callSid": call_sid, "customParameters": {"token": token}}
    frame["start"]["mediaFormat"] |= changes
    return json.dumps(frame)


def media_frame(n: int, payload: str = SOUND) -> str:
    """The n-th frame of 20 ms, of sound unless told otherwise."""
    body = {"track": "inbound", "chunk": str(n + 1), "timestamp": str(n * 20), "payload": payload}
    return json.dumps({"event": "media", "sequenceNumber": str(n + 2), "media": body})
