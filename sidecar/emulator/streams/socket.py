"""One media stream over its WebSocket: connects, starts, sends what the ticker brings, takes what comes, stops.

Source: https://www.twilio.com/docs/voice/media-streams. A stuck or broken socket delays nobody: the ticker only fills
this stream's own bounded queue. Never reconnects (Twilio does not) and never touches the call.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable, Mapping
from enum import Enum

import aiohttp
from aiohttp import WSMsgType
from yarl import URL

from sidecar.domain.errors import SidecarError
from sidecar.emulator.debugger import ErrorNumber
from sidecar.emulator.faults.orders import MarkFault, UnknownMark
from sidecar.emulator.frames import FRAME_MS, FrameWriter
from sidecar.emulator.signing import Signer
from sidecar.emulator.sound.ticker import Ticker
from sidecar.emulator.sound.track import AudioTrack
from sidecar.emulator.state import Stream, StreamStatus
from sidecar.emulator.streams.listener import StreamListener
from sidecar.emulator.streams.playout import MAX_MARKS
from sidecar.emulator.urls import is_loopback, request_url
from sidecar.emulator.webhooks import UpgradeRedirected

HANDSHAKE_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 5.0  # to get the last frames, ``stop`` and the close handshake through
# 10 s of one track. A service so far behind does not read: the newest frame is dropped, a hole in the numbers.
MAX_WAITING_FRAMES = 500

_TRACKS = {
    "inbound_track": ("inbound",),
    "outbound_track": ("outbound",),
    "both_tracks": ("inbound", "outbound"),
}


class Ending(Enum):
    """How a stream ended that nobody stopped."""

    NEVER_OPENED = "never_opened"
    LOST = "lost"
    CLOSED = "closed"


class StreamFailed(SidecarError):
    """The stream ended for a reason that Twilio numbers; ``number`` goes to the debugger and the status callback.

    ``how``: never_opened; lost, the connection is gone without a close; closed, by the service and properly.
    """

    code = "stream_failed"

    def __init__(self, number: ErrorNumber, message: str, how: Ending = Ending.NEVER_OPENED) -> None:
        super().__init__(message)
        self.number = number
        self.how = how


def tracks_of(track: str) -> tuple[str, ...]:
    """The tracks behind the attribute's value. Raises StreamFailed (31941)."""
    try:
        return _TRACKS[track]
    except KeyError:
        raise StreamFailed(
            ErrorNumber.STREAM_BAD_TRACK, "The track is not inbound_track, outbound_track or both_tracks."
        ) from None


def stream_url(text: str) -> URL:
    """Where to connect: without query, as Twilio drops it. Raises StreamFailed (31922, 31923)."""
    try:
        url = request_url(text)
    except ValueError as error:
        raise StreamFailed(ErrorNumber.STREAM_URL_MALFORMED, f"The stream URL is malformed: {error}.") from None
    if url.scheme != "wss" and not (url.scheme == "ws" and is_loopback(url.host)):
        raise StreamFailed(ErrorNumber.STREAM_NOT_WSS, "The stream URL is not wss (ws is for loopback hosts only).")
    return url.with_query(None)


class MediaSocket:
    """Runs one stream; ``run`` is its task. ``tracks`` maps inbound and outbound to what is heard there.

    ``on_start``: the stream is open and ``start`` has left. ``listener`` is told what the service says.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        account_sid: str,
        tracks: Mapping[str, AudioTrack],
        http: aiohttp.ClientSession,
        signer: Signer,
        ticker: Ticker,
        on_start: Callable[[], None],
        listener: StreamListener,
    ) -> None:
        self.stream = stream
        self._names = tracks_of(stream.order.track)
        self._url = stream_url(stream.order.url)
        self.tracks = tracks
        self._http, self._signer, self._ticker = http, signer, ticker
        self._on_start, self._listener = on_start, listener
        self._writer = FrameWriter(account_sid=account_sid, call_sid=stream.call_sid, stream_sid=stream.sid)
        # A clear echoes all marks that wait in one burst; none of them may be lost to a service that reads.
        room = MAX_WAITING_FRAMES + (MAX_MARKS if stream.order.two_way else 0)
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue(room)
        self._first_tick = 0
        self._stopping = False
        self._sending: asyncio.Timeout | None = None
        self._lost: StreamFailed | None = None
        # Faults: until these ticks frames are held back, nothing happens at all, frames are lost; so many come twice.
        self._stalled_until = self._silent_until = self._gap_until = 0
        self._twice = 0
        self._reader: asyncio.Task[None] | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    def stop(self) -> None:
        """Send what waits, then ``stop``, then close. Returns at once; ``run`` ends within CLOSE_TIMEOUT_S."""
        if self._stopping:
            return
        self._stopping = True
        self._ticker.remove(self._on_tick)
        self._listener.end()
        if self._sending is not None:
            self._sending.reschedule(asyncio.get_running_loop().time() + CLOSE_TIMEOUT_S)
        self._wake()

    def cut(self) -> bool:
        """Lose the connection as a dead network would, without a close frame. False if there is none."""
        if self._socket is None or self._socket.closed:
            return False
        transport_socket = self._socket.get_extra_info("socket")
        if transport_socket is None:
            return False
        # A duplicate of the descriptor, as neither asyncio nor uvloop lets go of its own.
        with socket.fromfd(transport_socket.fileno(), transport_socket.family, socket.SOCK_STREAM) as same:
            same.shutdown(socket.SHUT_RDWR)
        return True

    def press(self, digits: str) -> None:
        """Tell of keys that were pressed."""
        for digit in digits:
            self._put(self._writer.dtmf(digit))

    def stall(self, seconds: float) -> None:
        """Hold back all frames for so long; then they come at once."""
        self._stalled_until = self._tick_in(seconds)

    def go_silent(self, seconds: float) -> None:
        """Send, read and answer nothing for so long, as a half-open connection would; then it is cut."""
        self._silent_until = self._tick_in(seconds)
        if self._reader is not None:
            self._reader.cancel()

    def lose_frames(self, seconds: float) -> None:
        """Lose what is to be heard for so long; the numbers go on."""
        self._gap_until = self._tick_in(seconds)

    def double_frames(self, count: int) -> None:
        """Send each of the next frames twice, byte for byte."""
        self._twice = count

    def disturb_marks(self, order: MarkFault) -> None:
        """Let echoes of marks come late, never, or unasked for."""
        if isinstance(order, UnknownMark):
            self._echo([order.name])
        else:
            self._listener.suffer(order)

    async def run(self) -> None:
        """Until the stream is over. Raises StreamFailed if it could not open or broke; the caller tells about it."""
        ws = await self._connect()
        self._socket = ws
        try:
            async with asyncio.TaskGroup() as tasks:
                self._reader = tasks.create_task(self._read(ws), name=f"emulator-stream-reader-{self.stream.sid}")
                await self._send(ws)
                self._reader.cancel()
        finally:
            self._ticker.remove(self._on_tick)
            self._socket = None
            self._listener.end()
            await _close(ws)
        if self._lost is not None:
            raise self._lost

    async def _connect(self) -> aiohttp.ClientWebSocketResponse:
        # Signed over the ws(s) URL (https://github.com/twilio-labs/twilio-aspnet/issues/162).
        headers = self._signer.headers(str(self._url))
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
                return await self._http.ws_connect(
                    self._url, headers=headers, compress=0, timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S)
                )
        except TimeoutError:
            raise StreamFailed(ErrorNumber.STREAM_NO_ANSWER, "The WebSocket upgrade got no answer.") from None
        except aiohttp.WSServerHandshakeError as error:
            text = f"The WebSocket upgrade was answered with status {error.status}; expected 101."
            raise StreamFailed(ErrorNumber.STREAM_HANDSHAKE, text) from None
        except UpgradeRedirected:
            text = "The WebSocket upgrade was answered with a redirect; expected 101."
            raise StreamFailed(ErrorNumber.STREAM_HANDSHAKE, text) from None
        except (aiohttp.ClientError, ValueError) as error:  # ValueError: a host name that no resolver takes
            text = f"The WebSocket connection was refused: {type(error).__name__}."
            raise StreamFailed(ErrorNumber.STREAM_REFUSED, text) from None

    async def _send(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        """Until ``stop`` or the loss of the connection."""
        try:
            async with asyncio.timeout(None) as self._sending:  # ``stop`` sets the deadline
                await ws.send_frame(self._writer.connected(), WSMsgType.TEXT)
                start = self._writer.start(tracks=self._names, parameters=self.stream.order.parameters)
                await ws.send_frame(start, WSMsgType.TEXT)
                if not self._stopping:
                    self._go_live()
                while not self._stopping and self._lost is None:
                    frame = await self._frames.get()
                    await self._suffer()
                    if self._lost is None:
                        await self._send_one(ws, frame)
                if self._lost is None:
                    await self._send_rest(ws)
        except TimeoutError:
            return  # a service that does not read cannot be told; closing is all that is left
        except (aiohttp.ClientError, ConnectionError) as error:
            self._lose(f"The connection was lost: {type(error).__name__}.")

    async def _suffer(self) -> None:
        """Let a fault last that holds back what is to be sent."""
        while self._ticker.tick < max(self._stalled_until, self._silent_until) and not self._stopping:
            await self._ticker.next()
        if self._silent_until:
            self.cut()
            self._lose("The connection was half open, then lost.")

    def _go_live(self) -> None:
        self.stream.status = StreamStatus.LIVE
        self._first_tick = self._ticker.tick + 1
        self._ticker.add(self._on_tick)
        self._on_start()

    async def _send_one(self, ws: aiohttp.ClientWebSocketResponse, frame: bytes | None) -> None:
        if frame is not None:
            await ws.send_frame(frame, WSMsgType.TEXT)
            self.stream.frames += 1

    async def _send_rest(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        while not self._frames.empty():
            await self._send_one(ws, self._frames.get_nowait())
        await ws.send_frame(self._writer.stop(), WSMsgType.TEXT)

    async def _read(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        """Until the close, which is the stream's end."""
        async for message in ws:
            if message.type is WSMsgType.ERROR:
                self._lose("The service broke the WebSocket protocol.", ErrorNumber.STREAM_PROTOCOL)
                return
            self._echo(self._listener.hear(message.data if message.type is WSMsgType.TEXT else None))
        if not self._stopping:
            how = Ending.LOST if ws.close_code in {None, aiohttp.WSCloseCode.ABNORMAL_CLOSURE} else Ending.CLOSED
            self._lose(f"The service closed the WebSocket (close code {ws.close_code}).", how=how)

    def _on_tick(self, tick: int) -> None:
        timestamp_ms = (tick - self._first_tick) * FRAME_MS
        for name in self._names:
            frame = self._writer.media(name, timestamp_ms, self.tracks[name].base64_frame(tick))
            times = 0 if tick < self._gap_until else 2 if self._twice else 1
            self._twice -= times == 2
            for _ in range(times):
                self._put(frame)
        self._echo(self._listener.play(tick))

    def _echo(self, marks: Iterable[str]) -> None:
        for name in marks:
            self._put(self._writer.mark(name))

    def _put(self, frame: bytes) -> None:
        try:
            self._frames.put_nowait(frame)
        except asyncio.QueueFull:
            self.stream.dropped += 1

    def _tick_in(self, seconds: float) -> int:
        return self._ticker.tick + 1 + round(seconds * 1000 / FRAME_MS)

    def _lose(
        self, text: str, number: ErrorNumber = ErrorNumber.STREAM_CLOSED_BY_SERVICE, how: Ending = Ending.LOST
    ) -> None:
        if self._lost is None:
            self._lost = StreamFailed(number, text, how)
        self._wake()

    def _wake(self) -> None:
        if self._frames.empty():
            self._frames.put_nowait(None)


async def _close(ws: aiohttp.ClientWebSocketResponse) -> None:
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await ws.close()
    except (TimeoutError, aiohttp.ClientError, ConnectionError):
        return
