"""One live connection to Deepgram: where the traps of its SDK end.

The SDK (7.17) rides on the old client of ``websockets``, whose limits cannot be set: a handshake that is never answered
takes 20 s to fail, and leaving the connection while the peer is silent takes 30 s. So a connection is opened and left
by a task of its own, nobody waits for it longer than he wants to, and what is left behind is cut at the transport.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from deepgram.core.api_error import ApiError
from deepgram.listen.v1.socket_client import AsyncV1SocketClient
from websockets.exceptions import ConnectionClosed, WebSocketException

from sidecar.adapters.deepgram_account import DeepgramAccount, client_of
from sidecar.domain.errors import RecogniserUnavailable
from sidecar.wire.deepgram_listen import MessageUnreadable, Piece, UtteranceEnd, read_message

log = structlog.get_logger()

MODEL = "nova-3"
SAMPLE_RATE = 8000
# A pause this long ends an utterance; Deepgram's default of 10 ms is for bots that answer at once.
# https://developers.deepgram.com/docs/endpointing
ENDPOINTING_MS = 300
UTTERANCE_END_MS = 1_000  # the least that makes sense: https://developers.deepgram.com/docs/utterance-end

TOO_MANY = 429
_NEXT_STEPS = {
    400: ("deepgram_bad_request", "Check SIDECAR_LANGUAGE and SIDECAR_KEYTERMS."),
    401: ("deepgram_unauthorized", "Check DEEPGRAM_API_KEY."),
    402: ("deepgram_out_of_credit", "Add credit to the Deepgram project."),
    403: ("deepgram_unauthorized", "Check what DEEPGRAM_API_KEY is allowed to do."),
    TOO_MANY: ("deepgram_too_many_sessions", "Lower SIDECAR_STT_MAX_SESSIONS below the limit of your Deepgram plan."),
}
# https://developers.deepgram.com/docs/stt-troubleshooting-websocket-data-and-net-errors
_CLOSE_CODES = {
    1008: ("deepgram_audio_refused", "Deepgram could not decode the audio (DATA-0000); please report this."),
    1011: ("deepgram_gave_up", "Deepgram ran into a time limit (NET-0000, NET-0001); a new stream is opened."),
}
CANCEL_AGAIN_S = 0.1
# Refusals that no second try mends.
PERMANENT = frozenset({"deepgram_unauthorized", "deepgram_out_of_credit", "deepgram_bad_request"})


@dataclass
class Counts:
    """Since the process began; ``sessions``: connections, and tries to open one, of now."""

    sessions: int = 0
    opened: int = 0
    not_opened: int = 0
    without_place: int = 0
    sent_bytes: int = 0
    unreadable: int = 0


class Connection:
    """An open connection. Every method raises RecogniserUnavailable when the connection is gone."""

    def __init__(self, socket: AsyncV1SocketClient, released: asyncio.Event, counts: Counts) -> None:
        self._socket = socket
        self._released = released
        self._counts = counts

    async def send_audio(self, audio: bytes) -> None:
        """Mu-law 8 kHz. Never empty: Deepgram takes an empty frame for the end of the stream."""
        await self._send(self._socket.send_media(audio))
        self._counts.sent_bytes += len(audio)

    async def keep_alive(self) -> None:
        """Nothing is said just now, but we are here."""
        await self._send(self._socket.send_keep_alive())

    async def finalize(self) -> None:
        """Ask for finals of everything that was sent so far. Usually answered."""
        await self._send(self._socket.send_finalize())

    async def close_stream(self) -> None:
        """No more audio: finals of everything, then Metadata, then the end of ``messages``."""
        await self._send(self._socket.send_close_stream())

    async def messages(self, base_ms: int) -> AsyncIterator[Piece | UtteranceEnd | None]:
        """What the server says, None for what says nothing to us, until it closes the connection in order.

        Unknown types, which the SDK hands on as None, and messages without their fields are passed over.
        """
        try:
            async for message in self._socket:
                try:
                    yield read_message(message, base_ms)
                except MessageUnreadable as error:
                    self._counts.unreadable += 1
                    log.warning("deepgram_message_unreadable", problem=str(error))
        except ConnectionClosed as error:
            raise _closed(error) from None
        except (OSError, WebSocketException) as error:
            raise _lost(error) from None

    def release(self) -> None:
        """Leave. Not waited for; a peer that does not answer is cut off."""
        self._released.set()

    def abort(self) -> None:
        """Leave without a closing handshake, which a silent peer would draw out for 30 s."""
        _abort(self._socket)
        self._released.set()

    async def _send(self, sending: Any) -> None:
        try:
            await sending
        except ConnectionClosed as error:
            raise _closed(error) from None
        except (OSError, WebSocketException) as error:
            raise _lost(error) from None


class Dialler:
    """Opens connections. ``tasks``: the group in which each lives until it is left."""

    def __init__(
        self, account: DeepgramAccount, tasks: asyncio.TaskGroup, *, language: str, keyterms: Sequence[str]
    ) -> None:
        self._listen = client_of(
            account
        ).listen.v1  # loads a quarter of a second's worth of modules: now, not in a call
        self.counts = Counts()
        self._tasks = tasks
        self._language = language
        self._keyterms = list(keyterms) or None
        self._tasks_open: set[asyncio.Task[None]] = set()
        self._connections: set[Connection] = set()

    async def dial(self, timeout_s: float) -> Connection:
        """A new connection. Raises RecogniserUnavailable; after ``timeout_s`` seconds it waits no longer."""
        opened: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        task = self._tasks.create_task(self._hold(opened), name="deepgram-connection")
        self._tasks_open.add(task)
        task.add_done_callback(self._tasks_open.discard)
        connection = None
        try:
            async with asyncio.timeout(timeout_s):
                connection = await opened
        except TimeoutError:
            raise RecogniserUnavailable(
                f"Deepgram did not answer the handshake within {timeout_s:g} s.",
                code="deepgram_handshake_timeout",
                next_step="Check the network and DEEPGRAM_BASE_URL.",
            ) from None
        finally:
            if connection is not None:
                self.counts.opened += 1
            else:
                self.counts.not_opened += 1
                task.cancel()  # takes 10 s more in the client's own cleaning up, for which nobody waits
        return connection

    async def close(self, timeout_s: float) -> None:
        """Give connections that are being left this long, then cut them off. No connection is in use any more."""
        if self._tasks_open:
            await asyncio.wait(self._tasks_open, timeout=timeout_s)
        for connection in list(self._connections):
            connection.abort()
        while self._tasks_open:  # a handshake that hangs is cancelled twice: once for itself, once for its cleaning up
            for task in list(self._tasks_open):
                task.cancel()
            await asyncio.wait(self._tasks_open, timeout=CANCEL_AGAIN_S)

    async def _hold(self, opened: asyncio.Future[Connection]) -> None:
        """Open, hand out, and leave when the connection is released."""
        released = asyncio.Event()
        try:
            async with self._listen.connect(
                model=MODEL,
                encoding="mulaw",
                sample_rate=SAMPLE_RATE,
                channels=1,
                language=self._language,
                keyterm=self._keyterms,
                interim_results=True,
                endpointing=ENDPOINTING_MS,
                utterance_end_ms=UTTERANCE_END_MS,
                vad_events=True,
                smart_format=True,
            ) as socket:
                connection = Connection(socket, released, self.counts)
                self._connections.add(connection)
                try:
                    opened.set_result(connection)
                    await released.wait()
                finally:
                    self._connections.discard(connection)
        except ApiError as error:
            _fail(opened, _refused(error))
        except (OSError, WebSocketException, TimeoutError) as error:
            _fail(opened, _lost(error))


def _fail(opened: asyncio.Future[Connection], error: RecogniserUnavailable) -> None:
    if not opened.done():
        opened.set_exception(error)


def _abort(socket: AsyncV1SocketClient) -> None:
    """The SDK has no way to do this, so its connection is asked directly; without it leaving takes longer, no more."""
    transport = getattr(getattr(socket, "_websocket", None), "transport", None)
    if transport is not None:
        transport.abort()


def _refused(error: ApiError) -> RecogniserUnavailable:
    """The handshake was answered with an HTTP status. The answer's headers are on the error behind the SDK's."""
    status = error.status_code or 0
    code, next_step = _NEXT_STEPS.get(status, ("deepgram_refused", "It is tried again."))
    headers = getattr(error.__context__, "headers", None) or {}
    told = [f"{name} {str(headers[name])[:200]}" for name in ("dg-error", "dg-request-id") if name in headers]
    return RecogniserUnavailable(
        f"Deepgram refused a stream: {', '.join([f'HTTP {status}', *told])}.",
        code=code,
        next_step=next_step,
        gap_reason="recogniser_overloaded" if status == TOO_MANY else "recogniser_failed",
        permanent=code in PERMANENT,
    )


def _closed(error: ConnectionClosed) -> RecogniserUnavailable:
    """The peer closed the connection, or it broke (no close frame)."""
    if error.rcvd is None:
        return _lost(error)
    code, next_step = _CLOSE_CODES.get(error.rcvd.code, ("deepgram_closed", "A new stream is opened."))
    return RecogniserUnavailable(
        f"Deepgram closed a stream: {error.rcvd.code} {error.rcvd.reason[:200]}".rstrip() + ".",
        code=code,
        next_step=next_step,
    )


def _lost(error: Exception) -> RecogniserUnavailable:
    return RecogniserUnavailable(
        f"Deepgram cannot be reached ({type(error).__name__}).",
        code="deepgram_unreachable",
        next_step="Check the network and DEEPGRAM_BASE_URL.",
    )
