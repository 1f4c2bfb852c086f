"""A conversation with OpenAI's realtime model that outlives its connections.

A connection that breaks is replaced, and so is one that nears the hour at which the vendor ends it, while no answer is
under way. Each new one is given a new brief before anything else, for it knows nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from sidecar.adapters.realtime.openai_answer import Answer, failed
from sidecar.adapters.realtime.openai_connection import Connection, Dialler
from sidecar.adapters.vendor_problems import broken_off, refused, too_slow, unreadable
from sidecar.domain.errors import RealtimeFailed
from sidecar.ports.chat_model import ChatMessage
from sidecar.ports.realtime import Brief, Found, Lost, RealtimePiece
from sidecar.wire import openai_realtime as wire
from sidecar.wire.openai_realtime import ResponseCreated, ResponseDone, ServerEvent, SessionCreated, SessionUpdated

log = structlog.get_logger()

MAX_NEWS = 100  # if nobody reads them, the oldest are dropped
SETTINGS = "settings"  # the event_id of session.update
Awaited = TypeVar("Awaited", SessionCreated, SessionUpdated)


@dataclass(frozen=True)
class Limits:
    """Seconds."""

    connect_s: float = 5.0  # for the handshake, and for each step of preparing the session
    send_s: float = 3.0  # for one message
    first_s: float = 10.0  # from asking for an answer to its first piece
    stall_s: float = 8.0  # between two pieces
    free_s: float = 2.0  # for the end of an answer that was cancelled, before the next is asked for
    wait_s: float = 3.0  # for a connection, when an answer is asked for while there is none
    retry_s: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)  # before each try to connect; the last one stays
    settled_s: float = 30.0  # a connection that lived so long was a good one: waits begin anew
    # The vendor ends a session after 60 minutes: https://platform.openai.com/docs/guides/realtime-conversations
    rotate_s: float = 55 * 60.0  # from then on in the next pause between answers
    rotate_anyway_s: float = 4 * 60.0  # so much later


class OpenaiRealtimeSession:
    """Behind the RealtimeSession port. ``run`` keeps it connected."""

    def __init__(
        self,
        dialler: Dialler,
        brief: Callable[[int], Brief],
        *,
        voice: str,
        limits: Limits,
        turns: itertools.count[int],
    ) -> None:
        self._dialler = dialler
        self._brief = brief
        self._voice = voice
        self._limits = limits
        self._turns = turns
        self._instructions = ""
        self._connection: Connection | None = None
        self._known = asyncio.Event()  # whether it is connected, or will never be
        self._gone: RealtimeFailed | None = None
        self._was_connected = False
        self._heard_until: float | None = None  # when the last connection ended, on the loop's clock
        self._answer: Answer | None = None  # that somebody listens to
        self._unsettled: list[Answer] = []  # of which it is not said yet how much was heard: those of one turn
        self._asked = ""  # the event_id of the last response.create
        self._settled = asyncio.Event()  # nobody listens, and how much was heard is said
        self._free = asyncio.Event()  # the server has no answer under way
        self._settled.set()
        self._free.set()
        self._news: asyncio.Queue[Lost | Found | None] = asyncio.Queue(MAX_NEWS)

    def hear(self, audio: bytes) -> None:
        """Dropped, and counted, while there is no connection."""
        if self._connection is None:
            self._dialler.counts.dropped_audio_bytes += len(audio)
        else:
            self._connection.hear(audio)

    def tell(self, message: ChatMessage) -> None:
        """Dropped while there is no connection: the next brief holds it."""
        if self._connection is not None:
            _put_message(self._connection, message)

    async def answer(self, *, instructions: str = "") -> AsyncGenerator[RealtimePiece, None]:
        """One answer. Raises RealtimeFailed."""
        if self._answer is not None:
            raise RuntimeError("An answer is under way; it has to be closed first.")
        connection = await self._ready()
        answer = self._answer = Answer(f"turn_{next(self._turns)}", self._dialler.vendor)
        self._unsettled.append(answer)
        self._settled.clear()
        self._free.clear()
        self._asked = answer.id
        together = f"{self._instructions}\n\n{instructions}" if instructions else ""
        connection.put(wire.response_create(answer.id, together))
        what, wait_s = "an answer", self._limits.first_s
        try:
            while True:
                try:
                    async with asyncio.timeout(wait_s):
                        piece = await answer.next()
                except TimeoutError:
                    raise failed(too_slow(self._dialler.vendor, what, wait_s)) from None
                if piece is None:
                    return
                yield piece
                what, wait_s = "more of an answer", self._limits.stall_s
        finally:
            if answer.response and not self._free.is_set():
                connection.put(wire.response_cancel(answer.response))  # else it is stopped when it begins
            answer.end()
            self._answer = None

    def heard(self, ms: int) -> None:
        """On a connection that came later there is nothing to forget: its brief says what was heard."""
        for answer in self._unsettled:
            if self._connection is not None:
                for message in answer.forget_behind(ms):
                    self._connection.put(message)
            ms -= answer.audio_ms
        self._unsettled.clear()
        self._settled.set()

    async def news(self) -> AsyncIterator[Lost | Found]:
        """Until the session ends."""
        while (item := await self._news.get()) is not None:
            yield item

    async def opened(self) -> None:
        """Wait for the first connection. Raises RealtimeFailed when there is none."""
        await self._known.wait()
        if self._gone is not None:
            raise self._gone.again()

    async def run(self) -> None:
        """Stay connected, until it is cancelled or will never be connected again."""
        now, tries = asyncio.get_running_loop().time, 0
        try:
            while self._gone is None:
                began = now()
                try:
                    await self._one_connection()
                    self._dialler.counts.rotated += 1
                except RealtimeFailed as error:
                    self._lose(error)
                    tries = 0 if now() - began > self._limits.settled_s else tries
                    await asyncio.sleep(self._limits.retry_s[min(tries, len(self._limits.retry_s) - 1)])
                    tries += 1
        finally:
            self._tell_news(None)

    async def _one_connection(self) -> None:
        """From its beginning to its end. Raises RealtimeFailed; otherwise it is time for another one."""
        connection = await self._dialler.dial(self._limits.connect_s, send_s=self._limits.send_s)
        broke: RealtimeFailed | None = None
        try:
            async with asyncio.TaskGroup() as tasks, contextlib.aclosing(connection.events()) as events:
                tasks.create_task(connection.send_all(), name="realtime-sender")
                await self._prepare(connection, events)
                tasks.create_task(self._rotation(), name="realtime-rotation")
                async for event in events:
                    self._take(connection, event)
        except* _RotationDue:
            log.info("realtime_rotation")
        except* RealtimeFailed as errors:
            broke = _first(errors)
        finally:
            self._disconnect(broke or failed(broken_off(self._dialler.vendor)))
            await connection.close()
        if broke is not None:
            raise broke

    async def _prepare(self, connection: Connection, events: AsyncGenerator[ServerEvent, None]) -> None:
        """Settings and brief, in one go, so that whatever is told from now on comes behind them."""
        await self._until(SessionCreated, events)
        brief = self._brief(self._away_ms())
        self._instructions = brief.instructions
        tools = [wire.function_tool(tool.name, tool.description, tool.parameters) for tool in brief.tools]
        connection.put(
            wire.session_update(instructions=brief.instructions, voice=self._voice, tools=tools, event_id=SETTINGS)
        )
        for message in brief.history:
            _put_message(connection, message)
        self._connection = connection
        updated = await self._until(SessionUpdated, events)
        if any(audio_format != wire.PCMU for audio_format in updated.formats):
            raise failed(unreadable(self._dialler.vendor, "audio in another format than mu-law"))
        if self._heard_until is not None:
            self._tell_news(Found(self._away_ms()))
        self._was_connected = True
        self._known.set()

    async def _until(self, kind: type[Awaited], events: AsyncGenerator[ServerEvent, None]) -> Awaited:
        """The next event of a kind. Raises RealtimeFailed."""
        limit_s = self._limits.connect_s
        try:
            async with asyncio.timeout(limit_s):
                async for event in events:
                    if isinstance(event, kind):
                        return event
                    if isinstance(event, wire.Problem) and event.about in ("", SETTINGS):
                        raise failed(refused(self._dialler.vendor, 400, vendor_code=event.code))
        except TimeoutError:
            raise failed(too_slow(self._dialler.vendor, "a session", limit_s)) from None
        raise failed(broken_off(self._dialler.vendor))

    async def _rotation(self) -> None:
        """Raises _RotationDue when it is time: in a pause if there is one."""
        await asyncio.sleep(self._limits.rotate_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.rotate_anyway_s):
                await self._settled.wait()
        raise _RotationDue

    async def _ready(self) -> Connection:
        """A connection whose server has no answer under way. Raises RealtimeFailed."""
        try:
            async with asyncio.timeout(self._limits.wait_s):
                await self._known.wait()
        except TimeoutError:
            raise failed(too_slow(self._dialler.vendor, "a connection", self._limits.wait_s)) from None
        with contextlib.suppress(TimeoutError):  # it is asked all the same: perhaps it has forgotten to say so
            async with asyncio.timeout(self._limits.free_s):
                await self._free.wait()
        if self._gone is not None:
            raise self._gone.again()
        if self._connection is None:
            raise failed(broken_off(self._dialler.vendor))
        return self._connection

    def _take(self, connection: Connection, event: ServerEvent) -> None:
        answer = self._answer
        ours = answer if answer is not None and not answer.over else None
        match event:
            case ResponseCreated() if ours is not None and not ours.response and event.turn in ("", ours.id):
                ours.response = event.response
            case ResponseCreated():  # nobody asked for it, or nobody listens any more
                connection.put(wire.response_cancel(event.response))
            case wire.AudioDelta() | wire.TextDelta() | wire.CallDone() | ResponseDone():
                if ours is not None and event.response == ours.response:
                    ours.take(event)
                if isinstance(event, ResponseDone):
                    self._free.set()
            case wire.Problem():
                self._dialler.counts.problems += 1
                log.warning("realtime_problem", code=event.code[:60], about=event.about[:60])
                if event.about == self._asked:
                    self._free.set()
                    if ours is not None:
                        ours.fail(failed(refused(self._dialler.vendor, 400, vendor_code=event.code)))
            case _:
                pass

    def _away_ms(self) -> int:
        if self._heard_until is None:
            return 0
        return round((asyncio.get_running_loop().time() - self._heard_until) * 1000)

    def _disconnect(self, why: RealtimeFailed) -> None:
        """Nothing is heard any more, and what was being said is as long as it is."""
        self._connection = None
        self._known.clear()
        if self._was_connected:
            self._was_connected = False
            self._heard_until = asyncio.get_running_loop().time()
        if self._answer is not None:
            self._answer.fail(why)
        self._unsettled.clear()
        self._settled.set()
        self._free.set()

    def _lose(self, why: RealtimeFailed) -> None:
        """Try again, unless it cannot help; a first connection that fails is not tried again either."""
        for_good = why.permanent or self._heard_until is None
        self._dialler.counts.lost += 1
        log.warning("realtime_lost", code=why.code, for_good=for_good)
        self._tell_news(Lost(why.code, why.message, for_good))
        if for_good:
            self._gone = why
            self._known.set()

    def _tell_news(self, item: Lost | Found | None) -> None:
        if self._news.full():
            self._news.get_nowait()
        self._news.put_nowait(item)


class _RotationDue(Exception):
    """It is time for another connection."""


def _first(errors: BaseExceptionGroup[RealtimeFailed]) -> RealtimeFailed:
    """One of several; a TaskGroup in a TaskGroup makes groups of groups."""
    found = errors.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found


def _put_message(connection: Connection, message: ChatMessage) -> None:
    """A message of a conversation, as the items that it is made of."""
    if message.role == "tool":
        connection.put(wire.item_create(wire.call_output_item(message.tool_call_id or "", message.text)))
        return
    if message.text:
        connection.put(wire.item_create(wire.message_item(message.role, message.text)))
    for call in message.tool_calls:
        connection.put(wire.item_create(wire.call_item(call.id, call.name, call.arguments)))
