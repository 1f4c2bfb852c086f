"""``/twilio/assistant-media``: the assistant's line, a two-way media stream.

The story is that of ``media_socket``: signed upgrade, ``start`` within 5 s, a token bound to the call. Then marks come
and what the leg hears come in, and audio, marks and clears go out. What the leg hears is the mix: who said what, the
forks tell, but a realtime model listens to it. However the socket ends, the assistant's session hears of it once.
"""

from __future__ import annotations

import asyncio

import structlog
from aiohttp import WSCloseCode, web

from sidecar.domain.assistant.stay import LineRefused
from sidecar.domain.errors import SidecarError
from sidecar.runtime.assistant.line import LineLost
from sidecar.runtime.assistant.session import AssistantSession
from sidecar.server.app_keys import ASSISTANTS, SWITCHBOARD
from sidecar.server.strangers import STRANGERS, Full
from sidecar.server.twilio.media_socket import (
    CLOSE_TIMEOUT_S,
    MAX_BAD_FRAMES,
    RETRY_AFTER_S,
    START_TIMEOUT_S,
    start_of,
    text_of,
)
from sidecar.server.twilio.signed import check_upgrade
from sidecar.wire.media_stream import (
    MAX_MESSAGE_BYTES,
    Marked,
    Media,
    MediaStream,
    MediaStreamError,
    Stopped,
    clear_frame,
    mark_frame,
    media_frame,
)

log = structlog.get_logger()


class SocketLine:
    """Fulfils ``runtime.assistant.line.Line`` by a WebSocket of Twilio's."""

    def __init__(self, ws: web.WebSocketResponse, stream_sid: str) -> None:
        self._ws = ws
        self._stream_sid = stream_sid

    async def play(self, audio: bytes) -> None:
        """One media frame."""
        await self._send(media_frame(self._stream_sid, audio))

    async def mark(self, name: str) -> None:
        """One mark frame."""
        await self._send(mark_frame(self._stream_sid, name))

    async def clear(self) -> None:
        """One clear frame."""
        await self._send(clear_frame(self._stream_sid))

    async def close(self) -> None:
        """The leg goes on with its TwiML."""
        await self._ws.close()

    async def _send(self, frame: str) -> None:
        try:
            await self._ws.send_str(frame)
        except (ConnectionError, RuntimeError) as error:  # aiohttp: RuntimeError for one that is closing
            raise LineLost("The socket of the assistant's line is closed.") from error


async def assistant_socket(request: web.Request) -> web.StreamResponse:
    """Carry one line. Refusals are counted by reason in ``Switchboard.refusals``."""
    check_upgrade(request)
    switchboard, stream = request.app[SWITCHBOARD], MediaStream()
    try:
        started_or_gone = request.app[STRANGERS].socket_waits(request)
    except Full as error:
        switchboard.refusals[error.code] += 1
        return web.Response(status=503, text=f"{error.code}\n", headers={"Retry-After": str(RETRY_AFTER_S)})
    ws = web.WebSocketResponse(
        compress=False, decode_text=False, max_msg_size=MAX_MESSAGE_BYTES, timeout=CLOSE_TIMEOUT_S
    )
    try:
        await ws.prepare(request)
        async with asyncio.timeout(START_TIMEOUT_S):
            started = await start_of(ws, stream)
        session = await request.app[ASSISTANTS].bind(
            token=started.parameters.get("token", ""), call_sid=started.call_sid
        )
    except (SidecarError, TimeoutError) as error:
        reason = error.code if isinstance(error, SidecarError) else "start_late"
        switchboard.refusals[reason] += 1
        log.warning("assistant_line_refused", reason=reason)
        theirs = isinstance(error, LineRefused | MediaStreamError | TimeoutError)
        await ws.close(code=WSCloseCode.POLICY_VIOLATION if theirs else WSCloseCode.TRY_AGAIN_LATER)
        return ws
    finally:
        started_or_gone()
    line = SocketLine(ws, started.stream_sid)
    try:
        if session.line_came(line):
            await _pump(ws, stream, session, line)
    finally:
        session.line_went(line)
    await ws.close()
    return ws


async def _pump(ws: web.WebSocketResponse, stream: MediaStream, session: AssistantSession, line: SocketLine) -> None:
    """Marks and sound to the session until the stream stops or the socket ends. Wrong frames are skipped."""
    bad_frames = 0
    async for message in ws:
        try:
            received = stream.receive(text_of(message))
        except MediaStreamError as error:
            bad_frames += 1
            log.warning("assistant_frame_refused", assistant=session.assistant.id, reason=error.code)
            if error.fatal or bad_frames > MAX_BAD_FRAMES:
                return
            continue
        if type(received) is Marked:
            session.conversation.mouth.marked(line, received.name)
        elif type(received) is Media:
            session.conversation.hear_line(line, received.audio)
        elif type(received) is Stopped:
            return
