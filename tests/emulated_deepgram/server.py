"""Deepgram's ``/v1/listen`` over a real socket, with its refusals, time limits and close codes, and faults to order.

``/v1/speak`` is in ``speaker``.
For tests in the same process (``running``) and for benchmarks as a process of its own (``python -m
tests.emulated_deepgram``). It checks what a client sends: key, query, frames.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from sidecar.cli.children import free_ports
from tests.emulated_deepgram.ears import Ear, SoundEar
from tests.emulated_deepgram.speaker import Speaker
from tests.emulated_deepgram.transcriber import REQUEST_ID, Message, Transcriber

KEY = "deepgram-test-key"
COUNTING = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
# What the service may ask for, and nothing else: a misspelt parameter is an error, not a default.
EXPECTED = {
    "model": "nova-3",
    "encoding": "mulaw",
    "sample_rate": "8000",
    "channels": "1",
    "interim_results": "true",
    "vad_events": "true",
    "smart_format": "true",
}
FREE = {"endpointing", "utterance_end_ms", "language", "keyterm"}


@dataclass(frozen=True)
class Fault:
    """What goes wrong on one connection. Times are ms of audio received."""

    refuse: int = 0  # HTTP status instead of the upgrade
    stall_handshake: bool = False
    silent: bool = False  # hears, but tells nothing and answers nothing, not even the end
    close_at: tuple[int, int, str] | None = None  # when, code, reason
    drop_at: int | None = None  # the TCP connection is gone
    say: tuple[str, ...] = ()  # told at the first audio, word for word
    ignore_finalize: bool = False
    stuck: bool = False  # reads nothing more


@dataclass
class Connection:
    """What one client did."""

    query: list[tuple[str, str]]
    headers: dict[str, str]
    frames: int = 0
    audio_ms: int = 0
    controls: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)  # frozen and told
    latest: str = ""  # word heard, told or not
    open: bool = False
    close_code: int | None = None


class EmulatedDeepgram:
    """``faults``: for the next connections, one each. ``connections``: all so far."""

    def __init__(
        self, *, ear: Callable[[], Ear] | None = None, key: str = KEY, max_sessions: int = 50, idle_s: float = 10.0
    ) -> None:
        self._ear = ear or (lambda: SoundEar(COUNTING))
        self._key = key
        self._max_sessions = max_sessions
        self._idle_s = idle_s
        self._over = asyncio.Event()
        self.faults: deque[Fault] = deque()
        self.connections: list[Connection] = []
        self._talks: list[_Talk] = []  # under way, oldest first
        self.changed = asyncio.Condition()
        self.speaker = Speaker(key, self._tell)

    def app(self) -> web.Application:
        """To be served."""
        app = web.Application()
        app.router.add_get("/v1/listen", self._listen)
        app.router.add_post("/v1/speak", self.speaker.handle)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/control/connections", self._connections)
        app.on_shutdown.append(self._stop)
        return app

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is so; looked at after each frame and each beginning and end of a connection."""
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(true)

    def strike(self, fault: Fault, on: Callable[[Connection], bool]) -> bool:
        """Let something go wrong on the newest live connection like that, with its next audio; False: there is none."""
        for talk in reversed(self._talks):
            if on(talk.connection):
                talk.fault = fault
                return True
        return False

    async def _stop(self, _: web.Application) -> None:
        self._over.set()

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _connections(self, _: web.Request) -> web.Response:
        """For another process: what was heard on each connection."""
        return web.json_response([vars(connection) | {"headers": {}} for connection in self.connections])

    async def _listen(self, request: web.Request) -> web.StreamResponse:
        fault = self.faults.popleft() if self.faults else Fault()
        connection = Connection(list(request.query.items()), dict(request.headers))
        self.connections.append(connection)
        await self._tell()
        if fault.stall_handshake:
            await self._over.wait()
        status, problem = self._judge(connection, fault)
        if status:
            headers = {"dg-error": problem, "dg-request-id": REQUEST_ID}
            return web.json_response({"err_code": problem, "request_id": REQUEST_ID}, status=status, headers=headers)
        socket = web.WebSocketResponse(compress=False, autoclose=not fault.silent, autoping=not fault.silent)
        socket.headers["dg-request-id"] = REQUEST_ID
        try:
            await socket.prepare(request)
        except ConnectionResetError:
            return socket  # the client died meanwhile
        connection.open = True
        talk = _Talk(self, request, socket, connection, fault)
        self._talks.append(talk)
        try:
            await talk.run()
        finally:
            self._talks.remove(talk)
            connection.open = False
            connection.close_code = socket.close_code
            await self._tell()
        return socket

    def _judge(self, connection: Connection, fault: Fault) -> tuple[int, str]:
        query = dict(connection.query)
        wrong = {name for name, value in EXPECTED.items() if query.get(name) != value}
        if fault.refuse:
            return fault.refuse, "ORDERED"
        if connection.headers.get("Authorization") != f"Token {self._key}":
            return 401, "INVALID_AUTH"
        if wrong or set(query) - set(EXPECTED) - FREE:
            return 400, f"Bad request: {', '.join(sorted(wrong))}"
        if sum(other.open for other in self.connections) >= self._max_sessions:
            return 429, "TOO_MANY_REQUESTS"
        return 0, ""

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()


class _Talk:
    """The talk on one socket."""

    def __init__(
        self,
        emulator: EmulatedDeepgram,
        request: web.Request,
        socket: web.WebSocketResponse,
        connection: Connection,
        fault: Fault,
    ) -> None:
        self._emulator = emulator
        self._request = request
        self._socket = socket
        self.connection = connection
        self.fault = fault
        query = dict(connection.query)
        self._transcriber = Transcriber(
            emulator._ear(),
            endpointing_ms=int(query.get("endpointing", "10")),
            utterance_end_ms=int(query.get("utterance_end_ms", "1000")),
        )

    async def run(self) -> None:
        """Until either side has enough."""
        try:
            # Without any audio, messages of other kinds do not help: the first wait is not begun again by them.
            async with asyncio.timeout(self._emulator._idle_s) as limit:
                while True:
                    if self.fault.stuck and self.connection.frames:
                        await self._emulator._over.wait()
                    message = await self._socket.receive()
                    if message.type not in (WSMsgType.BINARY, WSMsgType.TEXT):
                        return
                    if self.connection.frames or message.type is WSMsgType.BINARY:
                        limit.reschedule(asyncio.get_running_loop().time() + self._emulator._idle_s)
                    over = await (
                        self._hear(message.data) if message.type is WSMsgType.BINARY else self._obey(message.data)
                    )
                    await self._emulator._tell()
                    if over:
                        return
        except TimeoutError:
            await self._close(WSCloseCode.INTERNAL_ERROR, "NET-0001: no audio was received within the time limit")

    async def _hear(self, audio: bytes) -> bool:
        connection, fault = self.connection, self.fault
        if not audio:
            return await self._close(WSCloseCode.POLICY_VIOLATION, "DATA-0000: empty frame")
        if not connection.frames:
            for text in fault.say:
                await self._socket.send_str(text)
        connection.frames += 1
        messages = self._transcriber.feed(audio)
        connection.audio_ms, connection.latest = self._transcriber.audio_ms, self._transcriber.latest
        await self._say(messages)
        if fault.drop_at is not None and connection.audio_ms >= fault.drop_at:
            assert self._request.transport is not None
            self._request.transport.abort()
            return True
        if fault.close_at is not None and connection.audio_ms >= fault.close_at[0]:
            return await self._close(fault.close_at[1], fault.close_at[2])
        return False

    async def _obey(self, text: str) -> bool:
        try:
            kind = str(json.loads(text)["type"])
        except (ValueError, KeyError, TypeError):
            kind = "?"
        self.connection.controls.append(kind)
        match kind:
            case "KeepAlive":
                pass
            case "Finalize":
                await self._say([] if self.fault.ignore_finalize else self._transcriber.finalize())
            case "CloseStream":
                await self._say(self._transcriber.close())
                return not self.fault.silent and await self._close(WSCloseCode.OK, "")
            case _:
                await self._say([{"type": "Error", "variant": "SchemaError", "description": "unknown message"}])
        return False

    async def _say(self, messages: list[Message]) -> None:
        if self.fault.silent:
            return
        for message in messages:
            if message.get("is_final"):
                self.connection.words += message["channel"]["alternatives"][0]["transcript"].split()
            await self._socket.send_str(json.dumps(message))

    async def _close(self, code: int, reason: str) -> bool:
        await self._socket.close(code=code, message=reason.encode())
        return True


@asynccontextmanager
async def running(port: int | None = None, **options: Any) -> AsyncIterator[tuple[EmulatedDeepgram, str]]:
    """A running emulator and its address."""
    emulator = EmulatedDeepgram(**options)
    runner = web.AppRunner(emulator.app(), access_log=None, shutdown_timeout=1.0, handler_cancellation=True)
    await runner.setup()
    try:
        port = port or free_ports(1)
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield emulator, f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()
