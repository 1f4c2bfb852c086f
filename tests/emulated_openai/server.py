"""OpenAI's API over real sockets, as far as we use it, with faults to order. It checks what a client sends.

For tests in the same process (``running``) and for benchmarks as a process of its own (``python -m
tests.emulated_openai``).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from sidecar.cli.children import free_ports
from tests.emulated_openai import chat, speech
from tests.emulated_openai.chat import Brain, Reply
from tests.emulated_openai.realtime import RealtimeServer
from tests.emulated_speech import Speech, speak

KEY = "openai-test-key-5c1d"
MODEL = "emulated-model"
# The SDK leaves its generators to the loop, which ends them a few rounds later, one inside the other.
SETTLE = 10


@dataclass
class Request:
    """What one client asked, and how it went."""

    path: str
    body: Any
    headers: dict[str, str] = field(repr=False)
    ended: str = ""  # "answered", "left" (by the client); "" while it is under way


class EmulatedOpenai:
    """``replies`` and ``speeches``: for the next requests, one each; ``brain`` answers when no reply is left."""

    def __init__(
        self, *, brain: Brain = chat.echo, key: str = KEY, models: tuple[str, ...] = (MODEL,), old: bool = False
    ) -> None:
        """``old``: a server that refuses ``stream_options``. ``models``: that it has."""
        self.brain = brain
        self.replies: deque[Reply] = deque()
        self.speeches: deque[Speech] = deque()
        self.requests: list[Request] = []
        self.changed = asyncio.Condition()
        self.realtime = RealtimeServer(key, self._tell)
        self._key = key
        self._models = models
        self._old = old

    def app(self) -> web.Application:
        """To be served."""
        app = web.Application()
        app.router.add_get("/healthz", self._health)
        app.router.add_post("/v1/chat/completions", self._recorded(self._chat))
        app.router.add_post("/v1/audio/speech", self._recorded(self._speech))
        app.router.add_get("/v1/realtime", self.realtime.handle)
        return app

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is so; looked at when a request begins or ends."""
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(true)

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response(text="ok")

    def _recorded(
        self, handle: Callable[[web.Request, Any], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handler(request: web.Request) -> web.StreamResponse:
            asked = Request(request.path, await request.json(), dict(request.headers))
            self.requests.append(asked)
            await self._tell()
            try:
                if request.headers.get("Authorization") != f"Bearer {self._key}":
                    message = "Incorrect API key provided: " + request.headers.get("Authorization", "")
                    return _answer(chat.refusal(401, "invalid_api_key", message))
                response = await handle(request, asked.body)
                asked.ended = "answered"
                return response
            finally:
                asked.ended = asked.ended or "left"
                await self._tell()

        return handler

    async def _chat(self, request: web.Request, asked: Any) -> web.StreamResponse:
        reply = self.replies.popleft() if self.replies else None
        if reply is not None and reply.stall:
            await asyncio.Event().wait()
        problem = chat.problem_of(asked)
        if problem is None and self._old and "stream_options" in asked:
            problem = "Unrecognized request argument supplied: stream_options"
        if problem is not None:
            return _answer(chat.refusal(400, "invalid_request_error", problem))
        if asked["model"] not in self._models:
            return _answer(chat.refusal(404, "model_not_found", f"The model {asked['model']} does not exist"))
        reply = reply or self.brain(asked)
        return _answer(reply) if reply.status != 200 else await chat.send(request, reply)

    async def _speech(self, request: web.Request, asked: Any) -> web.StreamResponse:
        fault = self.speeches.popleft() if self.speeches else Speech()
        problem = speech.problem_of(asked)
        if problem is not None:
            return _answer(chat.refusal(400, "invalid_request_error", problem))
        if fault.status != 200:
            return _answer(chat.refusal(fault.status, fault.code))
        return await speak(request, speech.samples_of(asked["input"]), fault)

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()


def _answer(reply: Reply) -> web.Response:
    headers = {"x-request-id": "req_emulated", **reply.headers}
    if isinstance(reply.body, str):
        return web.Response(status=reply.status, text=reply.body, headers=headers)
    return web.json_response(reply.body, status=reply.status, headers=headers)


@asynccontextmanager
async def running(port: int | None = None, **options: Any) -> AsyncIterator[tuple[EmulatedOpenai, str]]:
    """A running emulator and its address, with the ``/v1`` that OpenAI's has."""
    emulator = EmulatedOpenai(**options)
    # A client that leaves ends its handler, so that ``Request.ended`` tells when it left.
    runner = web.AppRunner(emulator.app(), access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        port = port or free_ports(1)
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield emulator, f"http://127.0.0.1:{port}/v1"
    finally:
        await runner.cleanup()
        for _ in range(SETTLE):
            await asyncio.sleep(0)
