"""Browsers on the line, over WebSockets: ``/softphone/socket`` speaks and hears, ``/listen/socket`` hears.

Audio both ways is binary messages of 160 bytes, 20 ms of mu-law; how things stand is JSON text, sent when it changes.
Whoever closes the socket hangs up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp
import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from sidecar.emulator.exchange import Exchange
from sidecar.emulator.keys import EXCHANGE, PHONES
from sidecar.emulator.phone.softphone import Listener, NotJoinable, Phone, Report, Softphone, find_conference
from sidecar.emulator.sound.hearing import Take
from sidecar.emulator.state import Conference

MAX_PHONES = 50  # more are told so, and sent away
# 1 s. A browser that does not read loses the oldest frames; they are counted, and the tick never waits.
MAX_WAITING_FRAMES = 50
MAX_MESSAGE_BYTES = 1024
REPORT_TICKS = 10
SEND_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0
HEARTBEAT_S = 15.0

PickUp = Callable[[Exchange, web.Request, Take], Phone]


class Earpiece:
    """What this browser is to hear, waiting for its socket."""

    def __init__(self) -> None:
        self.skipped = 0
        self._frames: asyncio.Queue[bytes] = asyncio.Queue(MAX_WAITING_FRAMES)

    def take(self, frame: bytes) -> None:
        """20 ms; never waits."""
        if self._frames.full():
            self._frames.get_nowait()
            self.skipped += 1
        self._frames.put_nowait(frame)

    async def next(self) -> bytes:
        """The next frame, in order."""
        return await self._frames.get()


def add_phone_sockets(app: web.Application) -> None:
    """Register both, and their end."""
    app[PHONES] = set()
    app.router.add_get("/softphone/socket", softphone_socket)
    app.router.add_get("/listen/socket", listen_socket)
    app.on_shutdown.append(_send_away)


async def softphone_socket(request: web.Request) -> web.WebSocketResponse:
    """``?conference=CF…`` or ``?room=…``, and ``&name=…``: a call leg of its own in that conference."""
    return await _serve(request, lambda e, r, take: Softphone(e, _wanted(e, r), r.query.get("name", "").strip(), take))


async def listen_socket(request: web.Request) -> web.WebSocketResponse:
    """``?conference=CF…`` or ``?room=…``: what is said there, without being there."""
    return await _serve(request, lambda e, r, take: Listener(e, _wanted(e, r), take))


async def _serve(request: web.Request, pick_up: PickUp) -> web.WebSocketResponse:
    exchange, phones, earpiece = request.app[EXCHANGE], request.app[PHONES], Earpiece()
    ws = web.WebSocketResponse(
        heartbeat=HEARTBEAT_S, timeout=CLOSE_TIMEOUT_S, max_msg_size=MAX_MESSAGE_BYTES, compress=False
    )
    await ws.prepare(request)
    if len(phones) >= MAX_PHONES:
        return await _refuse(ws, f"Browsers on the line: {MAX_PHONES}, and no more can be.")
    try:
        phone = pick_up(exchange, request, earpiece.take)
    except NotJoinable as error:
        return await _refuse(ws, error.message)
    phones.add(ws)
    try:
        await _talk(ws, phone, earpiece, exchange)
    finally:
        phones.discard(ws)
        phone.put_down()
    return ws


async def _talk(ws: web.WebSocketResponse, phone: Phone, earpiece: Earpiece, exchange: Exchange) -> None:
    """Until either side ends it."""
    async with asyncio.TaskGroup() as tasks:
        sender = tasks.create_task(_send_audio(ws, earpiece), name="phone-audio")
        reporter = tasks.create_task(_report(ws, phone, exchange), name="phone-report")
        async for message in ws:
            if message.type is WSMsgType.BINARY:
                phone.hear_from(message.data)
        sender.cancel()
        reporter.cancel()


async def _send_audio(ws: web.WebSocketResponse, earpiece: Earpiece) -> None:
    while not ws.closed:
        frame = await earpiece.next()
        if not await _sent(ws, frame):
            return


async def _report(ws: web.WebSocketResponse, phone: Phone, exchange: Exchange) -> None:
    """Tell what has changed; at the end of the call, close."""
    told: Report | None = None
    while not ws.closed:
        report = phone.look()
        if report != told and not await _sent(ws, msgspec.json.encode(report).decode()):
            return
        told = report
        if report.state == "over":
            await ws.close()
            return
        await exchange.ticker.reach(exchange.ticker.tick + REPORT_TICKS)


async def _sent(ws: web.WebSocketResponse, message: bytes | str) -> bool:
    """False, and the socket closed, when the browser is gone or has not read for SEND_TIMEOUT_S."""
    try:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await (ws.send_bytes(message) if isinstance(message, bytes) else ws.send_str(message))
    except (TimeoutError, ConnectionError, aiohttp.ClientError):
        await ws.close(code=WSCloseCode.GOING_AWAY)
        return False
    return True


async def _refuse(ws: web.WebSocketResponse, reason: str) -> web.WebSocketResponse:
    """A browser cannot read the answer to a refused upgrade, so it is told inside."""
    await _sent(ws, msgspec.json.encode(Report(state="over", reason=reason)).decode())
    await ws.close()
    return ws


async def _send_away(app: web.Application) -> None:
    phones: set[web.WebSocketResponse] = app[PHONES]
    for ws in tuple(phones):
        await ws.close(code=WSCloseCode.GOING_AWAY)


def _wanted(exchange: Exchange, request: web.Request) -> Conference:
    return find_conference(exchange, sid=request.query.get("conference", ""), room=request.query.get("room", ""))
