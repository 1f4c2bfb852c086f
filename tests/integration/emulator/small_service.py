"""A service for the emulator to call: scripted TwiML, a recording media socket, signatures checked by twilio's code."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from twilio.request_validator import RequestValidator

from sidecar.emulator.app import create_app
from sidecar.emulator.exchange import Exchange
from sidecar.emulator.keys import EXCHANGE
from sidecar.emulator.state import Account

ACCOUNT = Account("AC0f4be2a95d7c4318b6e2d0a97c5381fe", "an-invented-auth-token")
WAIT_S = 10.0
ALL_EVENTS = "start end join leave mute hold modify announcement"


class Socket:
    """What one media stream sent, and what the service says on it."""

    def __init__(self, ws: web.WebSocketResponse) -> None:
        self._ws = ws
        self.frames: list[dict[str, Any]] = []
        self.close_code: int | None = None
        self.ended = asyncio.Event()

    @property
    def media(self) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["event"] == "media"]

    @property
    def marks(self) -> list[str]:
        """Names that were echoed."""
        return [frame["mark"]["name"] for frame in self.frames if frame["event"] == "mark"]

    @property
    def stream_sid(self) -> str:
        return str(self.frames[1]["streamSid"])

    async def say(self, audio: bytes, mark: str = "") -> None:
        """Send audio, and a mark behind it."""
        payload = base64.b64encode(audio).decode()
        await self.send({"event": "media", "streamSid": self.stream_sid, "media": {"payload": payload}})
        if mark:
            await self.mark(mark)

    async def mark(self, name: str) -> None:
        await self.send({"event": "mark", "streamSid": self.stream_sid, "mark": {"name": name}})

    async def clear(self) -> None:
        await self.send({"event": "clear", "streamSid": self.stream_sid})

    async def send(self, message: Any) -> None:
        await self._ws.send_json(message)

    async def close(self, code: int = 1000) -> None:
        await self._ws.close(code=code)

    def audio(self, track: str = "inbound") -> bytes:
        return b"".join(base64.b64decode(f["media"]["payload"]) for f in self.media if f["media"]["track"] == track)


class SmallService:
    """Answers ``/voice`` with ``twiml``; takes callbacks and streams. ``refused`` counts bad signatures."""

    def __init__(self) -> None:
        self.base = ""
        self.twiml: str | Callable[[dict[str, str]], str] = "<Response><Hangup/></Response>"
        self.content_type = "text/xml"
        self.voice_status = 200
        self.recording = b""
        self.callback_status = 204
        self.requests: list[dict[str, str]] = []
        self.urls: list[str] = []
        self.tokens: list[str] = []
        self.callbacks: list[dict[str, str]] = []
        self.sockets: list[Socket] = []
        self.refused = 0
        self.on_socket: Callable[[web.WebSocketResponse, Socket], Awaitable[None]] | None = None
        self._validator = RequestValidator(ACCOUNT.auth_token)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/voice", self._voice)
        app.router.add_route("*", "/callbacks", self._callback)
        app.router.add_get("/media", self._media)
        app.router.add_get("/recording.wav", self._recording)
        app.router.add_get("/refuses", self._refuse)
        app.router.add_get("/moves", self._move)
        return app

    def stream(self, name: str = "frk-1-1", track: str = "inbound_track", path: str = "/media?gone=1") -> str:
        ws = self.base.replace("http", "ws", 1)
        return (
            f'<Start><Stream name="{name}" url="{ws}{path}" track="{track}" statusCallback="{self.base}/callbacks">'
            '<Parameter name="token" value="t-1"/></Stream></Start>'
        )

    def conference(self, label: str = "customer", room: str = "r-1", **options: str) -> str:
        extra = "".join(f" {name}='{value}'" for name, value in options.items())
        return (
            f"<Dial><Conference participantLabel='{label}' statusCallback='{self.base}/callbacks' "
            f"statusCallbackEvent='{ALL_EVENTS}'{extra}>{room}</Conference></Dial>"
        )

    def events(self, name: str) -> list[str]:
        return [form[name] for form in self.callbacks if name in form]

    def _signed(self, request: web.Request, form: dict[str, str], scheme: str = "http") -> bool:
        url = f"{scheme}://{request.host}{request.raw_path}"
        good = bool(self._validator.validate(url, form, request.headers.get("X-Twilio-Signature", "")))
        self.refused += not good
        return good

    async def _voice(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        if not self._signed(request, form):
            return web.Response(status=403)
        self.requests.append({**dict(request.query), **form})
        self.urls.append(request.raw_path)
        self.tokens.append(request.headers["I-Twilio-Idempotency-Token"])
        text = self.twiml if isinstance(self.twiml, str) else self.twiml(self.requests[-1])
        return web.Response(text=text, content_type=self.content_type, status=self.voice_status)

    async def _callback(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        if not self._signed(request, form):
            return web.Response(status=403)
        self.callbacks.append({**dict(request.query), **form})
        return web.Response(status=self.callback_status)

    async def _media(self, request: web.Request) -> web.StreamResponse:
        if not self._signed(request, {}, "ws"):
            return web.Response(status=403)
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        socket = Socket(ws)
        self.sockets.append(socket)
        if self.on_socket is not None:
            await self.on_socket(ws, socket)
        async for message in ws:
            if message.type is aiohttp.WSMsgType.TEXT:
                socket.frames.append(json.loads(message.data))
        socket.close_code = ws.close_code
        socket.ended.set()
        return ws

    async def _recording(self, _: web.Request) -> web.Response:
        return web.Response(body=self.recording, content_type="audio/wav", status=200 if self.recording else 404)

    async def _refuse(self, _: web.Request) -> web.Response:
        return web.Response(status=403)

    async def _move(self, _: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("/media")


class Small:
    """The emulator and the service, both listening, and a client for the control API."""

    def __init__(self, service: SmallService, exchange: Exchange, base: str, http: aiohttp.ClientSession) -> None:
        self.service, self.exchange, self.base, self.http = service, exchange, base, http

    async def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        async with self.http.post(self.base + path, json=body) as response:
            return response.status, await response.json() if response.status != 204 else None

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.http.get(self.base + path) as response:
            return response.status, await response.json()

    async def call(self, **order: Any) -> str:
        status, body = await self.post("/control/calls", {"voice_url": self.service.base + "/voice", **order})
        assert status == 201, body
        return str(body["call_sid"])

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not true():
                await self.exchange.ticker.next()

    async def in_room(self, call_sid: str) -> None:
        await self.until(lambda: self.exchange.state.conference_of(call_sid) is not None)

    async def hang_up(self, call_sid: str) -> None:
        assert (await self.post(f"/control/calls/{call_sid}/hangup"))[0] == 204
        await self.call_over(call_sid)

    def status(self, call_sid: str) -> str:
        return self.exchange.state.calls[call_sid].status.value

    async def call_over(self, call_sid: str) -> None:
        state = self.exchange.state
        await self.until(lambda: state.calls[call_sid].over)
        await self.until(lambda: all(stream.status.over for stream in state.streams_of(call_sid)))
        await self.until(lambda: self.exchange.callbacks.idle)

    def errors(self) -> list[int]:
        return [entry.error_code for entry in self.exchange.debugger.entries]


@asynccontextmanager
async def listening(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def small(*, pages_port: int = 0) -> AsyncIterator[Small]:
    """Both ends over real HTTP. Leaving the block stops the emulator first, then the service."""
    service, emulator = SmallService(), create_app(ACCOUNT, pages_port=pages_port)
    async with listening(service.app()) as service_base:
        service.base = service_base
        async with listening(emulator) as base, aiohttp.ClientSession() as http:
            yield Small(service, emulator[EXCHANGE], base, http)
