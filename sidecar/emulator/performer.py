"""Performs TwiML on a call, document by document, verb by verb. Who calls whom, and when it ends, is for ``calls``."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import NoReturn

import msgspec

from sidecar.domain.errors import SidecarError
from sidecar.emulator.assumptions import Assumptions
from sidecar.emulator.callbacks import Callbacks
from sidecar.emulator.clock import utc_now
from sidecar.emulator.conferences import JoinRefused, Rooms
from sidecar.emulator.debugger import Debugger, ErrorNumber
from sidecar.emulator.dialling import Source
from sidecar.emulator.line import Line, voice_form
from sidecar.emulator.sound.files import RecordingFailed, Recordings
from sidecar.emulator.sound.ticker import Ticker
from sidecar.emulator.sound.track import ticks_of
from sidecar.emulator.state import Account, CallStatus, StatusCallback, StreamOrder
from sidecar.emulator.streams.runner import Streams
from sidecar.emulator.streams.socket import Ending, StreamFailed
from sidecar.emulator.twiml import (
    Act,
    ConnectStream,
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

MAX_DOCUMENTS = 200  # a call whose documents redirect in a circle ends here
SPOKEN_CHARS_PER_S = 14.0
XML_TYPES = frozenset({"text/xml", "application/xml", "text/html"})  # what Twilio reads as TwiML

_JOIN_ERRORS = {
    "conference_label_invalid": ErrorNumber.CONFERENCE_LABEL_INVALID,
    "conference_label_taken": ErrorNumber.CONFERENCE_LABEL_TAKEN,
    "conference_coach_invalid": ErrorNumber.CONFERENCE_COACH_INVALID,
    "conference_over": ErrorNumber.CONFERENCE_NOT_IN_STATE,
}


class CallFailed(SidecarError):
    """The call cannot go on; it ends with status failed. Already noted in the debugger."""

    code = "call_failed"


class Performer:
    """Does what documents say, for all calls."""

    def __init__(
        self,
        account: Account,
        *,
        rooms: Rooms,
        webhooks: Webhooks,
        streams: Streams,
        callbacks: Callbacks,
        recordings: Recordings,
        ticker: Ticker,
        debugger: Debugger,
        assumptions: Assumptions,
    ) -> None:
        self._account, self._rooms = account, rooms
        self._webhooks, self._streams, self._callbacks = webhooks, streams, callbacks
        self._recordings, self._ticker, self._debugger = recordings, ticker, debugger
        self._assumptions = assumptions

    async def perform_all(self, line: Line, source: Source, on_answered: Callable[[], None]) -> None:
        """From the first document to the end of the last. ``on_answered``: the first is there. Raises CallFailed."""
        for _ in range(MAX_DOCUMENTS):
            redirect = await self._perform_document(line, source, on_answered)
            if redirect is None:
                return
            source = redirect
        self._fail(line, ErrorNumber.EMULATOR_LIMIT, f"The call went through {MAX_DOCUMENTS} documents.")

    async def _perform_document(self, line: Line, source: Source, on_answered: Callable[[], None]) -> Redirect | None:
        """Fetch and perform one document; the redirect that ended it, or None at its end or a hang-up."""
        if isinstance(source, DialConference):
            await self._dial(line, source, "")
            return None
        answer = await self._fetch(line, source) if isinstance(source, Redirect) else source
        document = self._parse(line, answer)
        if line.call.status is CallStatus.RINGING:
            on_answered()
            if line.application is not None:
                self._join_application(line, line.application.joins)
        for verb in document.verbs:
            if isinstance(verb, Redirect):
                return Redirect(absolute(answer.url, verb.url), verb.method)
            if isinstance(verb, Hangup):
                return None
            if isinstance(verb, ConnectStream):
                if not await self._connect(line, verb.order, answer.url):
                    return None
            else:
                await self._perform(line, verb, answer.url)
        return None

    async def _fetch(self, line: Line, source: Redirect) -> Answer:
        try:
            return await self._webhooks.ask(source.url, voice_form(self._account, line), source.method)
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
            line.playout.put(self._ticker.tick + 1, audio)
            await self._ticker.reach(self._ticker.tick + ticks_of(audio))

    def _start_stream(self, line: Line, order: StreamOrder, base: str) -> None:
        with contextlib.suppress(StreamFailed):  # noted already; the call goes on
            self._streams.start(line.call, _absolute_order(order, base), line.streamed)

    async def _connect(self, line: Line, order: StreamOrder, base: str) -> bool:
        """Stream both ways until that is over; does the call go on with its next verb?"""
        try:
            await self._streams.connect(line.call, _absolute_order(order, base), line.streamed)
        except StreamFailed as failure:  # noted already
            return failure.how is not Ending.LOST or self._assumptions.connection_lost == "next_verb"
        return True

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
            self._callbacks.tell(self._rooms.join(line.call, dial, utc_now()))
        except JoinRefused as refusal:
            self._debugger.note(_JOIN_ERRORS[refusal.code], line.call.sid, refusal.message)
            return
        line.put_out.clear()
        await line.put_out.wait()

    def _join_application(self, line: Line, dial: DialConference) -> None:
        """Into the room, where it stays while it performs."""
        try:
            self._callbacks.tell(self._rooms.join(line.call, dial, utc_now()))
        except JoinRefused as refusal:
            self._fail(line, _JOIN_ERRORS[refusal.code], refusal.message)

    def _fail(self, line: Line, number: ErrorNumber, text: str) -> NoReturn:
        self._debugger.note(number, line.call.sid, text)
        raise CallFailed(f"{int(number)} {text}")


def _absolute_order(order: StreamOrder, base: str) -> StreamOrder:
    callback = _absolute_callback(order.callback, base)
    return msgspec.structs.replace(order, url=absolute_stream(base, order.url), callback=callback)


def _absolute_callback(callback: StatusCallback | None, base: str) -> StatusCallback | None:
    return None if callback is None else msgspec.structs.replace(callback, url=absolute(base, callback.url))
