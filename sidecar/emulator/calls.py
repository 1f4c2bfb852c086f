"""Calls: an emulated caller asks a voice URL for TwiML and performs it. One task per call; hang-up cancels it.

Source for the request: https://www.twilio.com/docs/voice/twiml#request-parameters. A failing call ends alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import NoReturn

import msgspec

from sidecar.domain.errors import SidecarError
from sidecar.emulator.audio import AudioTrack, ticks_of
from sidecar.emulator.callbacks import Callbacks
from sidecar.emulator.clock import utc_now
from sidecar.emulator.conferences import JoinRefused, Notice, Rooms
from sidecar.emulator.debugger import Debugger, ErrorNumber
from sidecar.emulator.media_socket import StreamFailed
from sidecar.emulator.recordings import RecordingFailed, Recordings
from sidecar.emulator.sids import new_sid
from sidecar.emulator.spawn import Running, Spawn
from sidecar.emulator.state import Account, Call, CallStatus, State, StatusCallback, Stream, StreamOrder
from sidecar.emulator.streams import Streams
from sidecar.emulator.ticker import Ticker
from sidecar.emulator.twiml import (
    Act,
    DialConference,
    Document,
    Hangup,
    Pause,
    Play,
    Redirect,
    Say,
    StartStream,
    StopStream,
    TwimlUnparsable,
    parse,
)
from sidecar.emulator.urls import absolute, absolute_stream
from sidecar.emulator.webhooks import Answer, WebhookFailed, Webhooks

API_VERSION = "2010-04-01"
MAX_CALL_S = 4 * 3600.0  # Twilio's own limit
MAX_DOCUMENTS = 200  # a call whose documents redirect in a circle ends here
SPOKEN_CHARS_PER_S = 14.0
XML_TYPES = frozenset({"text/xml", "application/xml", "text/html"})  # what Twilio reads as TwiML

_JOIN_ERRORS = {
    "conference_label_invalid": ErrorNumber.CONFERENCE_LABEL_INVALID,
    "conference_label_taken": ErrorNumber.CONFERENCE_LABEL_TAKEN,
    "conference_coach_invalid": ErrorNumber.CONFERENCE_COACH_INVALID,
}


class CallFailed(SidecarError):
    """The call cannot go on; it ends with status failed. Already noted in the debugger."""

    code = "call_failed"


class CallOver(SidecarError):
    """Something was asked of a call that has ended (Twilio's 21220)."""

    code = "call_over"


class Line(msgspec.Struct):
    """A call in progress: where it first asked for TwiML, what its caller says and hears (by track), and its task."""

    call: Call
    voice_url: str
    tracks: dict[str, AudioTrack]
    put_out: asyncio.Event
    task: Running | None = None


class Calls:
    """Places calls, performs their TwiML, hangs them up."""

    def __init__(
        self,
        state: State,
        *,
        webhooks: Webhooks,
        streams: Streams,
        callbacks: Callbacks,
        recordings: Recordings,
        ticker: Ticker,
        debugger: Debugger,
        spawn: Spawn,
    ) -> None:
        self._state = state
        self._rooms = Rooms(state)
        self._webhooks, self._streams, self._callbacks = webhooks, streams, callbacks
        self._recordings, self._ticker, self._debugger = recordings, ticker, debugger
        self._spawn = spawn
        self._lines: dict[str, Line] = {}

    def place(self, *, voice_url: str, from_: str, to: str, label: str = "", inbound: AudioTrack | None = None) -> Call:
        """A caller dials in; returns at once, the call runs on its own. ``inbound``: speaks instead of recordings."""
        now = utc_now()
        self._state.forget_old()
        call = Call(
            sid=new_sid("CA"),
            from_=from_,
            to=to,
            label=label,
            status=CallStatus.RINGING,
            created_at=now,
            updated_at=now,
        )
        self._state.calls[call.sid] = call
        tracks = {"inbound": inbound or AudioTrack(), "outbound": AudioTrack()}
        line = Line(call, voice_url, tracks, asyncio.Event())
        self._lines[call.sid] = line
        line.task = self._spawn(lambda: self._run(line, voice_url), name=f"emulator-call-{call.sid}")
        # A task that is cancelled before its first step never reaches its own ``finally``.
        line.task.add_done_callback(lambda _: self._end(line, CallStatus.COMPLETED))
        return call

    def hang_up(self, call_sid: str) -> None:
        """The caller puts the phone down. Raises CallOver."""
        line = self._line(call_sid)
        if line.task is not None:
            line.task.cancel()

    def say(self, call_sid: str, audio: bytes, at_tick: int) -> int:
        """Let the caller speak a recording from that tick on; returns the tick of its end. Raises CallOver."""
        return self._line(call_sid).tracks["inbound"].put(at_tick, audio)

    def start_stream(self, call_sid: str, order: StreamOrder) -> Stream:
        """A one-way stream on a live call. Raises CallOver, StreamFailed."""
        line = self._line(call_sid)
        if line.call.status is not CallStatus.IN_PROGRESS:
            raise CallOver(f"The call {call_sid} is not in progress.")
        return self._streams.start(line.call, order, line.tracks)

    def tracks(self, call_sid: str) -> Mapping[str, AudioTrack] | None:
        """What is said and heard on a call in progress; None when it is over."""
        line = self._lines.get(call_sid)
        return None if line is None else line.tracks

    def voice_url(self, call_sid: str) -> str | None:
        """Where a call in progress first asked for TwiML; None when it is over."""
        line = self._lines.get(call_sid)
        return None if line is None else line.voice_url

    @property
    def idle(self) -> bool:
        """Is nobody on the line?"""
        return not self._lines

    def hang_up_all(self) -> None:
        """End every call."""
        for call_sid in list(self._lines):
            self.hang_up(call_sid)

    def _line(self, call_sid: str) -> Line:
        line = self._lines.get(call_sid)
        if line is None:
            raise CallOver(f"The call {call_sid} is over or unknown.")
        return line

    async def _run(self, line: Line, voice_url: str) -> None:
        call = line.call
        status = CallStatus.FAILED
        try:
            async with asyncio.timeout(MAX_CALL_S):
                await self._perform_all(line, voice_url)
            status = CallStatus.COMPLETED
        except CallFailed as failure:
            call.failure = failure.message
        except TimeoutError:
            status = CallStatus.COMPLETED
        except asyncio.CancelledError:
            status = CallStatus.COMPLETED
            raise
        finally:
            self._end(line, status)

    def _end(self, line: Line, status: CallStatus) -> None:
        if line.call.over:
            return
        line.call.status = status
        line.call.ended_at = line.call.updated_at = utc_now()
        self._leave(line)
        self._streams.stop_all(line.call.sid)
        del self._lines[line.call.sid]

    async def _perform_all(self, line: Line, url: str) -> None:
        source = Redirect(url)
        for _ in range(MAX_DOCUMENTS):
            redirect = await self._perform_document(line, source)
            if redirect is None:
                return
            source = redirect
        self._fail(line, ErrorNumber.EMULATOR_LIMIT, f"The call went through {MAX_DOCUMENTS} documents.")

    async def _perform_document(self, line: Line, source: Redirect) -> Redirect | None:
        """Fetch and perform one document; the redirect that ended it, or None at its end or a hang-up."""
        answer = await self._fetch(line, source)
        document = self._parse(line, answer)
        if line.call.status is CallStatus.RINGING:
            line.call.status = CallStatus.IN_PROGRESS
            line.call.updated_at = utc_now()
        for verb in document.verbs:
            if isinstance(verb, Redirect):
                return Redirect(absolute(answer.url, verb.url), verb.method)
            if isinstance(verb, Hangup):
                return None
            await self._perform(line, verb, answer.url)
        return None

    async def _fetch(self, line: Line, source: Redirect) -> Answer:
        try:
            return await self._webhooks.ask(source.url, voice_form(self._state.account, line.call), source.method)
        except WebhookFailed as failure:
            self._fail(line, failure.number, failure.message)

    def _parse(self, line: Line, answer: Answer) -> Document:
        if answer.content_type not in XML_TYPES:
            self._fail(line, ErrorNumber.TWIML_CONTENT_TYPE, f"TwiML came as {answer.content_type}; expected text/xml.")
        try:
            document = parse(answer.body)
        except TwimlUnparsable as error:
            self._fail(line, ErrorNumber.TWIML_UNPARSABLE, error.message)
        for warning in document.warnings:
            self._debugger.note(ErrorNumber.TWIML_SCHEMA_WARNING, line.call.sid, warning)
        return document

    async def _perform(self, line: Line, verb: Act, base: str) -> None:
        match verb:
            case Say(text, loop):
                await asyncio.sleep(loop * len(text) / SPOKEN_CHARS_PER_S)
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Play(url, loop):
                await self._play(line, absolute(base, url), loop)
            case StartStream(order):
                self._start_stream(line, order, base)
            case StopStream(name):
                self._stop_stream(line, name)
            case DialConference():
                await self._dial(line, verb, base)

    async def _play(self, line: Line, url: str, loop: int) -> None:
        try:
            audio = await self._recordings.fetch(url)
        except RecordingFailed as failure:
            self._debugger.note(ErrorNumber.HTTP_RETRIEVAL_FAILURE, line.call.sid, failure.message)
            return
        for _ in range(loop):
            line.tracks["outbound"].put(self._ticker.tick + 1, audio)
            await self._ticker.reach(self._ticker.tick + ticks_of(audio))

    def _start_stream(self, line: Line, order: StreamOrder, base: str) -> None:
        callback = _absolute_callback(order.callback, base)
        order = msgspec.structs.replace(order, url=absolute_stream(base, order.url), callback=callback)
        with contextlib.suppress(StreamFailed):  # noted already; the call goes on
            self._streams.start(line.call, order, line.tracks)

    def _stop_stream(self, line: Line, name: str) -> None:
        stream = self._streams.find(line.call.sid, name)
        if stream is None:
            text = "<Stop><Stream> names no stream of this call."
            self._debugger.note(ErrorNumber.TWIML_SCHEMA_WARNING, line.call.sid, text)
            return
        self._streams.stop(stream)

    async def _dial(self, line: Line, dial: DialConference, base: str) -> None:
        """In the room until the conference ends; a hang-up cancels the wait."""
        dial = msgspec.structs.replace(dial, callback=_absolute_callback(dial.callback, base))
        try:
            notices = self._rooms.join(line.call, dial, utc_now())
        except JoinRefused as refusal:
            self._debugger.note(_JOIN_ERRORS[refusal.code], line.call.sid, refusal.message)
            return
        self._deliver(notices)
        line.put_out.clear()
        await line.put_out.wait()

    def _leave(self, line: Line) -> None:
        departure = self._rooms.leave(line.call, utc_now())
        self._deliver(departure.notices)
        for call_sid in departure.put_out:
            self._lines[call_sid].put_out.set()

    def _deliver(self, notices: Iterable[Notice]) -> None:
        for notice in notices:
            self._callbacks.send(notice.conference_sid, notice.callback, notice.form)

    def _fail(self, line: Line, number: ErrorNumber, text: str) -> NoReturn:
        self._debugger.note(number, line.call.sid, text)
        raise CallFailed(f"{int(number)} {text}")


def voice_form(account: Account, call: Call) -> dict[str, str]:
    """The fields of a request for TwiML (https://www.twilio.com/docs/voice/twiml#request-parameters)."""
    return {
        "AccountSid": account.sid,
        "ApiVersion": API_VERSION,
        "CallSid": call.sid,
        "CallStatus": call.status.value,
        "Called": call.to,
        "Caller": call.from_,
        "Direction": "inbound",
        "From": call.from_,
        "To": call.to,
    }


def _absolute_callback(callback: StatusCallback | None, base: str) -> StatusCallback | None:
    return None if callback is None else msgspec.structs.replace(callback, url=absolute(base, callback.url))
