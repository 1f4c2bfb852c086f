"""The streams of all calls: takes orders, runs the sockets, tells about start, stop, error.

A call never notices what becomes of its forks, and waits for the end of a two-way stream.

Source for orders: https://www.twilio.com/docs/voice/twiml/stream and https://www.twilio.com/docs/voice/api/stream-resource.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import aiohttp
import msgspec
import structlog

from sidecar.emulator.assumptions import Assumptions
from sidecar.emulator.callbacks import Callbacks
from sidecar.emulator.clock import iso8601, utc_now
from sidecar.emulator.debugger import Debugger, ErrorNumber
from sidecar.emulator.faults.orders import (
    DelayMarks,
    DuplicateFrames,
    Gap,
    HalfOpen,
    LoseMarks,
    SecondSocket,
    Stall,
    StreamFault,
    UnknownMark,
)
from sidecar.emulator.faults.pending import Fault
from sidecar.emulator.frames import FRAME_MS
from sidecar.emulator.sids import new_sid
from sidecar.emulator.signing import Signer
from sidecar.emulator.sound.ticker import Ticker
from sidecar.emulator.sound.track import AudioTrack
from sidecar.emulator.spawn import Spawn
from sidecar.emulator.state import Call, State, Stream, StreamOrder, StreamStatus
from sidecar.emulator.streams.listener import Note, OneWay, StreamListener, TwoWay
from sidecar.emulator.streams.playout import Playout
from sidecar.emulator.streams.socket import Ending, MediaSocket, StreamFailed, stream_url, tracks_of

MAX_TRACKS_PER_CALL = 4  # https://www.twilio.com/docs/voice/media-streams
MAX_PARAMETER_CHARS = 500  # name and value together

_log = structlog.get_logger()


class Streams:
    """Owns the media sockets; each runs as a task of its own."""

    def __init__(
        self,
        state: State,
        *,
        http: aiohttp.ClientSession,
        signer: Signer,
        ticker: Ticker,
        callbacks: Callbacks,
        debugger: Debugger,
        spawn: Spawn,
        assumptions: Assumptions,
    ) -> None:
        self._state = state
        self._http, self._signer, self._ticker = http, signer, ticker
        self._callbacks, self._debugger, self._spawn = callbacks, debugger, spawn
        self._assumptions = assumptions
        self._sockets: dict[str, MediaSocket] = {}
        self._cut: set[str] = set()
        self._away_until: dict[str, datetime] = {}  # by call: streams asked for by REST before are refused

    def start(self, call: Call, order: StreamOrder, tracks: Mapping[str, AudioTrack]) -> Stream:
        """Begin a stream; it connects on its own. Raises StreamFailed, already noted, if the order cannot be kept."""
        media_socket = self._new(call, order, tracks)

        async def run() -> None:
            with contextlib.suppress(StreamFailed):
                await self._run(media_socket)

        self._spawn(run, name=f"emulator-stream-{media_socket.stream.sid}")
        return media_socket.stream

    async def connect(self, call: Call, order: StreamOrder, tracks: Mapping[str, AudioTrack]) -> None:
        """Run a two-way stream to its end; its outbound track is a Playout.

        Raises StreamFailed, already noted, if nobody stopped it. A cancel stops it; the last frames still go out.
        """
        media_socket = self._new(call, order, tracks)
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def run() -> None:
            try:
                await self._run(media_socket)
            except StreamFailed as failure:
                if not over.done():
                    over.set_exception(failure)
            finally:
                if not over.done():
                    over.set_result(None)

        self._spawn(run, name=f"emulator-stream-{media_socket.stream.sid}")
        try:
            await over
        finally:
            self.stop(media_socket.stream)

    def find(self, call_sid: str, name: str) -> Stream | None:
        """The newest stream of the call with that name or id; a live one comes first."""
        of_name = [s for s in self._state.streams_of(call_sid) if name in {s.sid, s.name}]
        live = [s for s in of_name if not s.status.over]
        newest_last = live or of_name
        return newest_last[-1] if newest_last else None

    def stop(self, stream: Stream) -> None:
        """End it with ``stop``; no error if it is over."""
        media_socket = self._sockets.get(stream.sid)
        if media_socket is not None:
            media_socket.stop()

    def press(self, call_sid: str, digits: str) -> bool:
        """Tell the call's two-way stream of keys that were pressed. False if it has none that is live."""
        for stream in self._state.streams_of(call_sid):
            if self.live(stream.sid, two_way=True):
                self._sockets[stream.sid].press(digits)
                return True
        return False

    def stop_all(self, call_sid: str) -> None:
        """The call is over, and its streams with it."""
        for stream in self._state.streams_of(call_sid):
            self.stop(stream)

    def cut(self, stream_sid: str, *, away_s: float = 0.0) -> bool:
        """Lose its connection without a close frame, and give its call no other for so long. False if it has none."""
        media_socket = self._sockets.get(stream_sid)
        if media_socket is None or not media_socket.cut():
            return False
        self._cut.add(stream_sid)
        self._away_until[self._state.streams[stream_sid].call_sid] = utc_now() + timedelta(seconds=away_s)
        return True

    def live(self, stream_sid: str, *, two_way: bool = False) -> bool:
        """Does it carry audio now? ``two_way``: and in both directions?"""
        stream = self._state.streams.get(stream_sid)
        if stream is None or stream_sid not in self._sockets or stream.status is not StreamStatus.LIVE:
            return False
        return stream.order.two_way or not two_way

    def suffer(self, fault: Fault, order: StreamFault) -> None:
        """Let a fault happen to the live stream that the order names."""
        media_socket = self._sockets[order.stream]
        match order:
            case Stall(seconds=seconds):
                media_socket.stall(seconds)
            case HalfOpen(seconds=seconds):
                self._cut.add(media_socket.stream.sid)
                media_socket.go_silent(seconds)
            case Gap(seconds=seconds):
                media_socket.lose_frames(seconds)
            case DuplicateFrames(count=count):
                media_socket.double_frames(count)
            case LoseMarks() | DelayMarks() | UnknownMark():
                media_socket.disturb_marks(order)
            case SecondSocket(seconds=seconds):
                self._spawn(
                    lambda: self._run_second(media_socket, seconds, fault), name=f"emulator-second-socket-{fault.id}"
                )

    def away(self, call_sid: str) -> bool:
        """Whether a call can have no stream just now, because a cut said so."""
        until = self._away_until.get(call_sid)
        return until is not None and utc_now() < until

    @property
    def idle(self) -> bool:
        """Has every socket been closed?"""
        return not self._sockets

    def _new(self, call: Call, order: StreamOrder, tracks: Mapping[str, AudioTrack]) -> MediaSocket:
        try:
            self._check(call, order)
        except StreamFailed as failure:
            self._debugger.note(failure.number, call.sid, failure.message)
            raise
        stream = Stream(
            sid=new_sid("MZ"), call_sid=call.sid, order=order, status=StreamStatus.CONNECTING, updated_at=utc_now()
        )
        self._state.streams[stream.sid] = stream
        media_socket = self._socket(stream, tracks, lambda: self._tell(stream, "stream-started"))
        self._sockets[stream.sid] = media_socket
        return media_socket

    def _socket(self, stream: Stream, tracks: Mapping[str, AudioTrack], on_start: Callable[[], None]) -> MediaSocket:
        return MediaSocket(
            stream,
            account_sid=self._state.account.sid,
            tracks=tracks,
            http=self._http,
            signer=self._signer,
            ticker=self._ticker,
            on_start=on_start,
            listener=_listener(
                stream, tracks["outbound"], lambda number, text: self._debugger.note(number, stream.sid, text)
            ),
        )

    async def _run_second(self, first: MediaSocket, seconds: float, fault: Fault) -> None:
        """Another socket of the same stream, with the same start; the first one and its status go on untouched."""
        copy = msgspec.structs.replace(first.stream, status=StreamStatus.CONNECTING, frames=0, dropped=0)
        second = self._socket(copy, {**first.tracks, "outbound": Playout()}, lambda: None)
        end = self._ticker.tick + round(seconds * 1000 / FRAME_MS)

        async def stop_in_time() -> None:
            await self._ticker.reach(end)
            second.stop()

        stopping = self._spawn(stop_in_time, name=f"emulator-second-socket-end-{fault.id}")
        try:
            await second.run()
            fault.outcome = f"open to its end, {copy.frames} frames"
        except StreamFailed as failure:
            fault.outcome = failure.message
        finally:
            stopping.cancel()

    def _check(self, call: Call, order: StreamOrder) -> None:
        stream_url(order.url)
        wanted = tracks_of(order.track)
        if order.two_way and wanted != ("inbound",):
            raise StreamFailed(ErrorNumber.STREAM_BAD_TRACK, "A two-way stream takes inbound_track only.")
        live = [s for s in self._state.streams_of(call.sid) if not s.status.over]
        in_use = sum(len(tracks_of(s.order.track)) for s in live)
        if in_use + len(wanted) > MAX_TRACKS_PER_CALL:
            text = f"The call streams {in_use} tracks; at most {MAX_TRACKS_PER_CALL} may run."
            raise StreamFailed(ErrorNumber.STREAM_BAD_TRACK, text)
        if any(len(name) + len(value) > MAX_PARAMETER_CHARS for name, value in order.parameters.items()):
            text = f"A stream parameter has more than {MAX_PARAMETER_CHARS} characters."
            self._debugger.note(ErrorNumber.TWIML_SCHEMA_WARNING, call.sid, text)
        if order.name and any(s.name == order.name for s in live):
            text = "A live stream has that name already; what Twilio does then is not documented."
            self._debugger.note(ErrorNumber.EMULATOR_LIMIT, call.sid, text)

    async def _run(self, media_socket: MediaSocket) -> None:
        """Until it is over, and told about. Raises StreamFailed, already noted, if nobody stopped it."""
        stream = media_socket.stream
        try:
            await media_socket.run()
        except StreamFailed as failure:
            self._finish(stream, StreamStatus.FAILED)
            if stream.sid not in self._cut:  # a cut is the tester's doing, not the service's mistake
                self._debugger.note(failure.number, stream.sid, failure.message)
            if self._as_stopped(stream, failure):
                self._tell(stream, "stream-stopped")
            else:
                self._tell(stream, "stream-error", f"{int(failure.number)} {failure.message}")
            raise
        else:
            self._finish(stream, StreamStatus.STOPPED)
            self._tell(stream, "stream-stopped")
        finally:
            self._finish(stream, StreamStatus.STOPPED)

    def _as_stopped(self, stream: Stream, failure: StreamFailed) -> bool:
        properly = stream.order.two_way and failure.how is Ending.CLOSED
        return properly and self._assumptions.service_closed == "stream-stopped"

    def _finish(self, stream: Stream, status: StreamStatus) -> None:
        if stream.status.over:
            return
        stream.status = status
        stream.updated_at = utc_now()
        del self._sockets[stream.sid]
        if stream.dropped:
            _log.warning("emulator_stream_dropped_frames", stream=stream.sid, frames=stream.dropped)

    def _tell(self, stream: Stream, event: str, error: str | None = None) -> None:
        callback = stream.order.callback
        if callback is None:
            return
        self._callbacks.send(
            stream.sid, callback, stream_form(self._state.account.sid, stream, event, utc_now(), error)
        )


def _listener(stream: Stream, outbound: AudioTrack, note: Note) -> StreamListener:
    if stream.order.two_way and isinstance(outbound, Playout):
        return TwoWay(stream.sid, outbound, note)
    return OneWay(note)


def stream_form(
    account_sid: str, stream: Stream, event: str, now: datetime, error: str | None = None
) -> dict[str, str]:
    """The fields of a stream status callback (https://www.twilio.com/docs/voice/twiml/stream#statuscallback)."""
    form = {
        "AccountSid": account_sid,
        "CallSid": stream.call_sid,
        "StreamSid": stream.sid,
        "StreamName": stream.name,
        "StreamEvent": event,
        "Timestamp": iso8601(now),
    }
    if error is not None:
        form["StreamError"] = error
    return form
