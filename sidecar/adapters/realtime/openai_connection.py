"""One live connection to OpenAI's Realtime API, through its SDK: opened, prepared, written to, read, and left.

The SDK's own reconnecting is not used: what it would send again is audio of the past, to a session that knows nothing.
Messages are read as bytes, because the SDK guesses a class for types that it does not know.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import openai
import structlog
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from sidecar.adapters.openai_account import OpenaiAccount, client_of
from sidecar.adapters.realtime.openai_answer import failed
from sidecar.adapters.vendor_problems import Problem, Vendor, broken_off, header, refused, too_slow, unreachable
from sidecar.wire.openai_realtime import EventUnreadable, ServerEvent, append, read_event

log = structlog.get_logger()
# At the level debug, frames and handshakes would be logged: what people say, and the key.
_frames = logging.getLogger(f"{__name__}.frames")
_frames.setLevel(logging.INFO)

MAX_MESSAGE_BYTES = 4 * 1024 * 1024  # an audio delta is some kilobytes
# What waits to be sent. Audio beyond this is dropped, oldest first: the model shall hear the present.
MAX_WAITING_AUDIO_BYTES = 2 * 8_000
MAX_WAITING_MESSAGES = 1_000  # beyond this the connection is taken for dead
CLOSE_TIMEOUT_S = 1.0


@dataclass
class Counts:
    """Since the process began."""

    opened: int = 0
    lost: int = 0
    rotated: int = 0
    dropped_audio_bytes: int = 0
    unreadable: int = 0
    problems: int = 0


class Connection:
    """An open connection. ``put`` and ``hear`` never wait; ``send_all`` and ``events`` are to be run beside them."""

    def __init__(self, socket: Any, vendor: Vendor, counts: Counts, *, send_s: float) -> None:
        self._socket = socket
        self._vendor = vendor
        self._counts = counts
        self._send_s = send_s
        self._messages: deque[str] = deque()
        self._audio = bytearray()
        self._news = asyncio.Event()

    def put(self, message: str) -> None:
        """Behind the audio that waits already."""
        self._take_audio()
        self._messages.append(message)
        self._news.set()

    def hear(self, audio: bytes) -> None:
        """Audio in real time; what waits too long is dropped, and counted."""
        self._audio += audio
        too_much = len(self._audio) - MAX_WAITING_AUDIO_BYTES
        if too_much > 0:
            del self._audio[:too_much]
            self._counts.dropped_audio_bytes += too_much
        self._news.set()

    async def send_all(self) -> None:
        """For as long as it lasts. Raises RealtimeFailed when the connection takes no more."""
        while True:
            await self._news.wait()
            self._news.clear()
            self._take_audio()
            while self._messages:
                if len(self._messages) > MAX_WAITING_MESSAGES:
                    raise failed(too_slow(self._vendor, "room for what is told", self._send_s))
                await self._send(self._messages.popleft())

    async def events(self) -> AsyncGenerator[ServerEvent, None]:
        """What the server says. Raises RealtimeFailed when the connection ends, however it does."""
        while True:
            try:
                message = await self._socket.recv_bytes()
            except ConnectionClosed as error:
                raise failed(_closed(error, self._vendor)) from None
            except (OSError, WebSocketException, openai.OpenAIError) as error:
                raise failed(unreachable(self._vendor, type(error).__name__)) from None
            try:
                yield read_event(message)
            except EventUnreadable as error:
                self._counts.unreadable += 1
                log.warning("realtime_event_unreadable", problem=str(error))

    async def close(self) -> None:
        """Leave, within CLOSE_TIMEOUT_S."""
        with contextlib.suppress(TimeoutError, OSError, WebSocketException, openai.OpenAIError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._socket.close()

    def _take_audio(self) -> None:
        if self._audio:
            self._messages.append(append(bytes(self._audio)))
            self._audio.clear()

    async def _send(self, message: str) -> None:
        try:
            async with asyncio.timeout(self._send_s):
                await self._socket.send_raw(message)
        except TimeoutError:
            raise failed(too_slow(self._vendor, "room for what is told", self._send_s)) from None
        except ConnectionClosed as error:
            raise failed(_closed(error, self._vendor)) from None
        except (OSError, WebSocketException, openai.OpenAIError) as error:
            raise failed(unreachable(self._vendor, type(error).__name__)) from None


class Dialler:
    """Opens connections."""

    def __init__(self, account: OpenaiAccount, model: str) -> None:
        self._client = client_of(account)
        self.vendor = account.vendor
        self.counts = Counts()
        self._model = model

    async def dial(self, timeout_s: float, *, send_s: float) -> Connection:
        """A new connection, as yet without settings. Raises RealtimeFailed."""
        options: Any = {
            "max_size": MAX_MESSAGE_BYTES,
            "compression": None,
            "close_timeout": CLOSE_TIMEOUT_S,
            "open_timeout": timeout_s,
            "logger": _frames,
        }
        connecting = self._client.realtime.connect(model=self._model, websocket_connection_options=options)
        try:
            async with asyncio.timeout(timeout_s):
                socket = await connecting.enter()
        except TimeoutError:
            raise failed(too_slow(self.vendor, "a connection", timeout_s)) from None
        except InvalidStatus as error:
            headers = error.response.headers
            raise failed(
                refused(
                    self.vendor,
                    error.response.status_code,
                    request_id=header(headers, "x-request-id"),
                )
            ) from None
        except (OSError, WebSocketException, openai.OpenAIError) as error:
            raise failed(unreachable(self.vendor, type(error).__name__)) from None
        self.counts.opened += 1
        return Connection(socket, self.vendor, self.counts, send_s=send_s)

    async def close(self) -> None:
        """Free what the client keeps. May be called twice."""
        await self._client.close()


def _closed(error: ConnectionClosed, vendor: Vendor) -> Problem:
    if error.rcvd is None:
        return unreachable(vendor, "the connection was dropped")
    return broken_off(vendor, f"close code {error.rcvd.code}")
