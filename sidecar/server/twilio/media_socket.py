"""``/twilio/media``: one WebSocket per media stream, from the signed upgrade to the last frame.

The story: the upgrade is signed - ``start`` comes within 5 s - its token binds the stream to a fork - frames go to the
fork session - however the socket ends, the fork session hears of it once. Nothing is ever sent to Twilio on a fork.
"""

from __future__ import annotations

import asyncio
from collections import Counter

import structlog
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from sidecar.domain.conference.facts import EndReason
from sidecar.domain.errors import ForkRefused, SidecarError
from sidecar.runtime.fork_session import ForkSession
from sidecar.runtime.switchboard import NoRoom
from sidecar.server.app_keys import SWITCHBOARD
from sidecar.server.strangers import STRANGERS, Full
from sidecar.server.twilio.signed import check_upgrade
from sidecar.wire.media_stream import MAX_MESSAGE_BYTES, Media, MediaStream, MediaStreamError, Started, Stopped

log = structlog.get_logger()

START_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 2.0
RETRY_AFTER_S = 10
# A stream with more wrong frames than this is closed; the fork is then opened again.
MAX_BAD_FRAMES = 50
_ENDS = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED)


async def media_socket(request: web.Request) -> web.StreamResponse:
    """Carry one media stream. 503 when there is no room. Refusals are counted by reason in ``Switchboard.refusals``."""
    check_upgrade(request)
    switchboard, stream = request.app[SWITCHBOARD], MediaStream()
    try:
        switchboard.check_room()
        started_or_gone = request.app[STRANGERS].socket_waits(request)
    except (NoRoom, Full) as error:
        return _no_room(request, error)
    ws = web.WebSocketResponse(
        compress=False, decode_text=False, max_msg_size=MAX_MESSAGE_BYTES, timeout=CLOSE_TIMEOUT_S
    )
    try:
        await ws.prepare(request)
        async with asyncio.timeout(START_TIMEOUT_S):
            started = await start_of(ws, stream)
        conference, fork = await switchboard.bind(
            token=started.parameters.get("token", ""), call_sid=started.call_sid, stream_sid=started.stream_sid
        )
    except (SidecarError, TimeoutError) as error:
        reason = error.code if isinstance(error, SidecarError) else "start_late"
        switchboard.refusals[reason] += 1
        log.warning("stream_refused", reason=reason)
        theirs = isinstance(error, ForkRefused | MediaStreamError | TimeoutError)
        await ws.close(code=WSCloseCode.POLICY_VIOLATION if theirs else WSCloseCode.TRY_AGAIN_LATER)
        return ws
    finally:
        started_or_gone()
    ended = EndReason.LOST
    try:
        async with asyncio.TaskGroup() as tasks:  # a task of its own: each frame wakes the pump, not every middleware
            ended = await tasks.create_task(_pump(ws, stream, fork, switchboard.refusals), name=f"pump:{fork.fork.id}")
    finally:
        log.info("stream_ended", fork=fork.fork.id, stream_sid=started.stream_sid, reason=ended, frames=fork.frames)
        await conference.detach(fork, ended)
    await ws.close()
    return ws


def _no_room(request: web.Request, error: SidecarError) -> web.Response:
    """The answer to a socket for which there is no room: the call goes on, and Twilio reports a stream error."""
    request.app[SWITCHBOARD].refusals[error.code] += 1
    log.warning("stream_refused", reason=error.code)
    return web.Response(status=503, text=f"{error.code}\n", headers={"Retry-After": str(RETRY_AFTER_S)})


async def start_of(ws: web.WebSocketResponse, stream: MediaStream) -> Started:
    """The start message; only ``connected`` and unknown events may come before it."""
    async for message in ws:
        started = stream.receive(text_of(message))
        if isinstance(started, Started):
            return started
    raise MediaStreamError("The socket closed before start.", code="closed_before_start", fatal=True)


async def _pump(ws: web.WebSocketResponse, stream: MediaStream, fork: ForkSession, refusals: Counter[str]) -> EndReason:
    """Frames to the fork session until the stream stops or the socket ends. Wrong frames are counted and skipped."""
    bad_frames = 0
    while (message := await ws.receive()).type not in _ENDS:  # as ``async for``, without its coroutine per frame
        try:
            received = stream.receive(text_of(message))
            if type(received) is Media:
                fork.receive(received.sequence, received.timestamp_ms, received.audio)
            elif type(received) is Stopped:
                return EndReason.STOPPED
        except ForkRefused as error:
            refusals[error.code] += 1
            break
        except MediaStreamError as error:
            bad_frames += 1
            refusals[error.code] += 1
            log.warning("frame_refused", fork=fork.fork.id, reason=error.code, frames=fork.frames)
            if error.fatal or bad_frames > MAX_BAD_FRAMES:
                break
    return EndReason.LOST


def text_of(message: WSMessage) -> bytes:
    """The text of a frame, as bytes. aiohttp itself closes a socket that breaks the protocol or the size limit."""
    if message.type is WSMsgType.TEXT:
        text: bytes = message.data
        return text
    if message.type is WSMsgType.ERROR:
        too_big = getattr(message.data, "code", None) == WSCloseCode.MESSAGE_TOO_BIG
        code = "media_too_big" if too_big else "media_protocol_error"
        raise MediaStreamError("The socket broke the protocol.", code=code, fatal=True)
    raise MediaStreamError("A binary frame came on a media stream.", code="media_not_json")
