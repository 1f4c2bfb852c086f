"""``GET /v1/stream``: the events of up to 20 topics as server-sent events, conferences resumed without hole or double.

Subscribe first, then read the rows behind the client's position, then drain what the bus kept meanwhile, skipping
what was sent. Partials pass by without an id. A client that cannot keep up is closed and comes back by itself.
The topic ``wallboard`` is state: a snapshot, then what changed, as much at once as the client is behind.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Collection, Sequence

import msgspec
import structlog
from aiohttp import web

from sidecar.domain.errors import SidecarError
from sidecar.domain.events import Ping, encode
from sidecar.runtime.event_bus import (
    WALLBOARD,
    SubscriberTooSlow,
    Subscription,
    SubscriptionClosed,
    Told,
    TopicEnded,
    conference_topic,
)
from sidecar.runtime.wallboard import WallboardReader
from sidecar.server.app_keys import CLOCK, EVENT_BUS, EVENT_LOG, STREAM_HUB, WALLBOARD_STATE
from sidecar.server.auth.caller import CALLER
from sidecar.server.problems import request_id
from sidecar.server.stream_hub import StreamHub
from sidecar.server.stream_request import Start, asked_position, asked_topics, asked_types, visible_conferences
from sidecar.server.stream_tickets import TICKET
from sidecar.wire import sse
from sidecar.wire.sse import Positions

__all__ = ["StreamHub", "stream"]

log = structlog.get_logger()

RETRY_MS = 2_000
HEARTBEAT_S = 15.0
# How often a stream with nothing to say looks whether its client is still there; aiohttp does not tell.
LOOK_S = 5.0
# A write of at most WRITE_BYTES that takes longer is a client that does not read.
WRITE_TIMEOUT_S = 10.0
WRITE_BYTES = 65_536
# So little is taken at once by a connection for which nothing waits, so nobody needs to look how long that takes.
AT_ONCE_BYTES = 16_384
# TCP_USER_TIMEOUT: how long sent bytes may stay unacknowledged before the peer counts as dead.
DEAD_PEER_MS = 30_000
REPLAY_PAGE_EVENTS = 250
# All clients are told to come back within this span, each at another moment.
CLOSING_RETRY_MS = (500, 2_500)

HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}


async def stream(request: web.Request) -> web.StreamResponse:
    """``?topic=conference:<id>|wallboard[&topic=…][&types=…]``, and where to go on, if anywhere; or ``?ticket=…``.

    That is the header ``Last-Event-ID``, else ``last_event_id=…``, else ``epoch=…&after=<conference id>:<seq>``, the
    last repeated per conference: what ``stream.ready`` and the events said, for a client that reads for several pages.
    400 for no or bad topics, 404 for an unknown conference, 503 when there are too many streams.
    """
    request.app[STREAM_HUB].admit()
    topics = request[TICKET].topics if TICKET in request else asked_topics(request)
    types = request[TICKET].types if TICKET in request else asked_types(request)
    conferences = await visible_conferences(request, topics)
    epoch = await request.app[EVENT_LOG].epoch()
    start = Start(epoch, conferences, asked_position(request))

    response = web.StreamResponse(headers=HEADERS | {"X-Request-Id": request_id(request)})
    if request.method == "HEAD":
        return response
    followed = [*map(conference_topic, start.seqs), *({WALLBOARD} & set(topics))]
    with request.app[EVENT_BUS].subscribe(followed) as subscription:
        try:
            await response.prepare(request)
        except ConnectionResetError:
            return response  # whoever asked hung up before the store had answered
        _notice_dead_peer(request)
        live = _LiveStream(request, response, subscription, start, types)
        with request.app[STREAM_HUB].holding(live):
            async with asyncio.TaskGroup() as tasks:  # a task of its own: events wake it, not every middleware
                tasks.create_task(live.run(), name=f"stream:{request_id(request)}")
    return response


class _LiveStream:
    """One client, from the first byte to the last."""

    def __init__(
        self,
        request: web.Request,
        response: web.StreamResponse,
        subscription: Subscription,
        start: Start,
        types: frozenset[str] | None,
    ) -> None:
        self._request = request
        self._response = response
        self._subscription = subscription
        self._start = start
        self._types = types
        self._log = request.app[EVENT_LOG]
        self._hub = request.app[STREAM_HUB]
        self._clock = request.app[CLOCK]
        self._sent = dict(start.seqs)
        self._unsaved: dict[str, int] = {}
        caller = request[CALLER]
        self.caller, self.only_own = caller.id, caller.only_own
        self._board: WallboardReader | None = None
        if WALLBOARD in subscription.topics:
            self._board = WallboardReader(request.app[WALLBOARD_STATE], caller.tenant, agent=caller.only_own)
        self._next_look: asyncio.TimerHandle | None = None
        self._closing: str | None = None
        self._gone: str | None = None

    @property
    def conferences(self) -> Collection[str]:
        """The ids of those that it follows."""
        return self._sent.keys()

    def close(self, reason: str = "") -> None:
        """``run`` says ``stream.closing`` with this reason and returns."""
        self._closing = reason
        self._subscription.close()

    def abort(self) -> None:
        """Cut the connection; ``run`` returns with its next write."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def run(self) -> None:
        """Returns when the client is gone, cannot keep up, or the service stops."""
        try:
            await self._greet()
            for conference in self._sent:
                await self._replay(conference)
            await self._follow()
        except SubscriberTooSlow:
            self._hub.too_slow += 1
            self.abort()
        except TopicEnded as ended:
            self._closing, self._gone = "deleted", ended.topic
            await self._say_closing()
        except SubscriptionClosed:
            await self._say_closing()
        except TimeoutError:
            self._hub.stalled += 1
            self.abort()
        except SidecarError as error:
            # The store cannot be read just now. The client comes back with the position that it has.
            log.warning("stream_interrupted", code=error.code, request_id=request_id(self._request))
            await self._say_closing()
        except ConnectionError:
            pass  # the client is gone; so are we

    async def _greet(self) -> None:
        start = self._start
        ready = {"resumed": start.resumed, "epoch": start.epoch, "from": start.seqs}
        hello = sse.retry(RETRY_MS) + sse.frame("stream.ready", msgspec.json.encode(ready))
        self._hub.resumed += start.resumed
        if start.gap_reason is not None:
            hello += self._gap(start.gap_reason, start.gap_in)
        await self._write(hello + self._board_change())

    def _gap(self, reason: str, conferences: Sequence[str]) -> bytes:
        """History that the client has is void or was lost: it reads these conferences anew. They follow from seq 1."""
        self._hub.gaps += 1
        topics = [conference_topic(conference) for conference in conferences]
        return sse.frame("stream.gap", msgspec.json.encode({"reason": reason, "topics": topics}))

    async def _replay(self, conference: str) -> None:
        """Send the stored events behind what was sent."""
        while self._closing is None and not self._hub.closing:
            async with self._hub.replays:
                events = await self._log.read(conference, after=self._sent[conference], limit=REPLAY_PAGE_EVENTS)
            frames = []
            for event in events:
                seq = event.seq or 0
                if self._sent[conference] and seq != self._sent[conference] + 1:
                    frames.append(self._gap("history_gone", [conference]))
                frames.append(self._durable(conference, seq, event.type, encode(event)))
            await self._write(b"".join(frames))
            if len(events) < REPLAY_PAGE_EVENTS:
                return

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        heartbeat_at = loop.time() + HEARTBEAT_S
        self._look()
        try:
            while self._request.transport is not None:
                await self._deliver(await self._subscription.next_batch())
                if loop.time() >= heartbeat_at:
                    heartbeat_at = loop.time() + HEARTBEAT_S
                    await self._write(sse.comment("hb") + self._ping())
        finally:
            if self._next_look is not None:
                self._next_look.cancel()

    def _look(self) -> None:
        """Stir now and then: one timer for hundreds of events, where a timeout per wait would cost more than they."""
        self._subscription.stir()
        self._next_look = asyncio.get_running_loop().call_later(min(LOOK_S, HEARTBEAT_S), self._look)

    async def _deliver(self, batch: Sequence[Told]) -> None:
        """One write for all that waited."""
        frames: list[bytes] = []
        for told in batch:
            event, conference = told.event, told.event.conference
            if isinstance(event.data, Ping):
                self._unsaved[conference] = event.data.unsaved
                frames.append(self._ping())
            elif event.seq is None:
                frames.append(sse.frame(event.type, told.data) if self._wants(event.type) else b"")
            elif event.seq == self._sent[conference] + 1:
                frames.append(self._durable(conference, event.seq, event.type, told.data))
            elif event.seq > self._sent[conference]:
                # Stored by somebody whose bus is not ours: the rows know.
                await self._write(b"".join(frames))
                frames.clear()
                await self._replay(conference)
        frames.append(self._board_change())
        await self._write(b"".join(frames))

    def _board_change(self) -> bytes:
        """What the client does not have of the wallboard, if it follows that; no bytes when it has all."""
        change = self._board.change() if self._board is not None else b""
        return sse.frame(WALLBOARD, change) if change else b""

    def _wants(self, type_: str) -> bool:
        return self._types is None or type_ in self._types

    def _durable(self, conference: str, seq: int, type_: str, data: bytes) -> bytes:
        """No bytes for a type that is not wanted: the position of the next frame says that it was passed over."""
        self._sent[conference] = seq
        if not self._wants(type_):
            return b""
        return sse.frame(type_, data, id_=str(Positions(self._start.epoch, self._sent)))

    def _ping(self) -> bytes:
        waiting = {conference: count for conference, count in self._unsaved.items() if count}
        ping = Ping(time=self._clock.now(), unsaved=sum(waiting.values()), unsaved_in=waiting)
        return sse.frame("ping", msgspec.json.encode(ping))

    async def _say_closing(self) -> None:
        """Native EventSource takes ``retry``, our page the data; both come back, not all at once."""
        first, last = CLOSING_RETRY_MS
        retry_ms = first + secrets.randbelow(last - first)
        why = {"reason": self._closing} if self._closing else {}
        gone = {"topics": [self._gone]} if self._gone else {}
        data = msgspec.json.encode({"retry_ms": retry_ms, **why, **gone})
        try:
            await self._write(sse.frame("stream.closing", data, retry_ms=retry_ms))
        except (TimeoutError, ConnectionError):
            self.abort()

    async def _write(self, data: bytes) -> None:
        """Raises TimeoutError for a client that does not read, ConnectionError for one that is gone."""
        transport = self._request.transport
        if 0 < len(data) <= AT_ONCE_BYTES and transport is not None and transport.get_write_buffer_size() == 0:
            await self._response.write(data)
            return
        for offset in range(0, len(data), WRITE_BYTES):
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                await self._response.write(data[offset : offset + WRITE_BYTES])


def _notice_dead_peer(request: web.Request) -> None:
    """Let the kernel give up a peer that vanished without a word (Linux); elsewhere its own patience decides."""
    connection = request.get_extra_info("socket")
    if connection is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_PEER_MS)
