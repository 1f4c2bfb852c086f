"""Calls: an emulated caller asks a voice URL for TwiML and does what it says. One task per call; hang-up cancels it.

What a document says is done by ``performer``. A failing call ends alone. Calls that REST asks for wait their turn
(``dialling``), ring shortly and are answered by somebody who keeps silent.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping

from sidecar.domain.errors import SidecarError
from sidecar.emulator.callbacks import Callbacks
from sidecar.emulator.clock import utc_now
from sidecar.emulator.conferences import Leaving, Rooms
from sidecar.emulator.dialling import RING_S, DialOrder, Queue, Source, progress_form
from sidecar.emulator.faults.echo import Echoing
from sidecar.emulator.faults.orders import Echo
from sidecar.emulator.faults.pending import Faults
from sidecar.emulator.frames import FRAME_MS
from sidecar.emulator.line import MAX_CALL_S, Line, application_line, call_form, phone_line
from sidecar.emulator.performer import CallFailed, Performer
from sidecar.emulator.sids import new_sid
from sidecar.emulator.sound.hearing import Heard, Hearing
from sidecar.emulator.sound.ticker import Ticker
from sidecar.emulator.sound.track import AudioTrack
from sidecar.emulator.spawn import Spawn
from sidecar.emulator.state import Call, CallStatus, Direction, State, StatusCallback, Stream, StreamOrder, VoiceHook
from sidecar.emulator.streams.runner import Streams
from sidecar.emulator.twiml import Redirect


class CallOver(SidecarError):
    """Something was asked of a call that has ended (Twilio's 21220)."""

    code = "call_over"


class Calls:
    """Places and dials calls, redirects them, hangs them up."""

    def __init__(
        self,
        state: State,
        *,
        rooms: Rooms,
        hearing: Hearing,
        performer: Performer,
        streams: Streams,
        callbacks: Callbacks,
        ticker: Ticker,
        spawn: Spawn,
        faults: Faults,
    ) -> None:
        self._state, self._rooms, self._hearing, self._performer = state, rooms, hearing, performer
        self._streams, self._callbacks, self._ticker, self._spawn = streams, callbacks, ticker, spawn
        self._faults = faults
        self._queue = Queue()
        self._lines: dict[str, Line] = {}

    def place(self, *, voice_url: str, from_: str, to: str, label: str = "", inbound: AudioTrack | None = None) -> Call:
        """A caller dials in; returns at once, the call runs on its own. ``inbound``: speaks instead of recordings."""
        now = utc_now()
        call = Call(
            sid=new_sid("CA"),
            from_=from_,
            to=to,
            label=label,
            status=CallStatus.RINGING,
            created_at=now,
            updated_at=now,
            callback=callback_of(self._state.hook_of(to)),
        )
        line = phone_line(call, inbound)
        line.voice_url = voice_url
        self._open(line, Redirect(voice_url))
        return call

    def dial_out(self, order: DialOrder) -> Call:
        """Call somebody, at most one a second; returns at once. Raises QueueFull."""
        wait_s = self._queue.wait_s(asyncio.get_running_loop().time())
        now = utc_now()
        call = Call(
            sid=new_sid("CA"),
            from_=order.from_,
            to=order.to,
            label="",
            status=CallStatus.QUEUED,
            created_at=now,
            updated_at=now,
            direction=Direction.OUTBOUND,
            queue_ms=round(wait_s * 1000),
            callback=order.callback,
        )
        if order.application is None:
            line = phone_line(call)
        else:
            line = application_line(call, order.application, Heard(self._hearing, call.sid))
        line.answers_after_s, line.limit_s = wait_s, min(order.limit_s or MAX_CALL_S, MAX_CALL_S)
        line.dialled_for = order.joins
        self._open(line, order.source)
        return call

    def hang_up(self, call_sid: str) -> None:
        """The caller puts the phone down. Raises CallOver."""
        line = self._line(call_sid)
        if line.task is not None:
            line.task.cancel()

    def redirect(self, call_sid: str, source: Source) -> None:
        """Leave whatever the call is doing and go on with another document. Raises CallOver."""
        line = self._line(call_sid)
        if line.call.status is not CallStatus.IN_PROGRESS:
            raise CallOver(f"The call {call_sid} is not in progress.")
        if line.application is None:
            self._leave(line, Leaving.REDIRECTED)
        line.playout.clear()
        left = line.task
        self._perform_from(line, source)
        if left is not None:
            left.cancel()

    def put_out(self, call_sids: Iterable[str]) -> None:
        """These are no longer in their conference; each goes on with the verb after its <Dial>, an application ends."""
        for call_sid in call_sids:
            line = self._lines.get(call_sid)
            if line is not None and line.application is not None:
                self.hang_up(call_sid)
            elif line is not None:
                line.put_out.set()

    def play_to(self, call_sid: str, audio: bytes) -> None:
        """Let the call hear it now, instead of its conference; nothing happens to a call that is over."""
        if call_sid in self._lines:
            self._lines[call_sid].tracks["outbound"].put(self._ticker.tick + 1, audio)

    def hush(self, call_sid: str) -> None:
        """Let it hear no more of what was played to it."""
        if call_sid in self._lines:
            self._lines[call_sid].tracks["outbound"].clear()

    def say(self, call_sid: str, audio: bytes, at_tick: int) -> int:
        """Let the caller speak a recording from that tick on; returns the tick of its end. Raises CallOver."""
        return self._line(call_sid).tracks["inbound"].put(at_tick, audio)

    def echo(self, order: Echo) -> None:
        """Let a telephone return what it hears, for a while. Raises CallOver."""
        track, call_sid = self._line(order.call).tracks["inbound"], order.call
        echoing = Echoing(order, lambda tick: self._hearing.frame(call_sid, tick))
        end = self._ticker.tick + round(order.seconds * 1000 / FRAME_MS)

        async def last() -> None:
            track.under = echoing.under
            self._ticker.add(echoing.on_tick)
            try:
                await self._ticker.reach(end)
            finally:
                self._ticker.remove(echoing.on_tick)
                track.under = None

        self._spawn(last, name=f"emulator-echo-{call_sid}")

    def start_stream(self, call_sid: str, order: StreamOrder) -> Stream:
        """A one-way stream on a live call. Raises CallOver, StreamFailed."""
        line = self._line(call_sid)
        if line.call.status is not CallStatus.IN_PROGRESS:
            raise CallOver(f"The call {call_sid} is not in progress.")
        return self._streams.start(line.call, order, line.streamed)

    def tracks(self, call_sid: str) -> Mapping[str, AudioTrack] | None:
        """What is said and heard on a call in progress; None when it is over."""
        line = self._lines.get(call_sid)
        return None if line is None else line.tracks

    def voice_url(self, call_sid: str) -> str | None:
        """Where a call in progress first asked for TwiML; None when it is over, or was dialled."""
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

    def _open(self, line: Line, source: Source) -> None:
        self._state.forget_old()
        self._state.calls[line.call.sid] = line.call
        self._lines[line.call.sid] = line
        self._perform_from(line, source)

    def _perform_from(self, line: Line, source: Source) -> None:
        task = line.task = self._spawn(lambda: self._run(line, source), name=f"emulator-call-{line.call.sid}")

        def ended(done: asyncio.Task[None]) -> None:
            if line.task is task:  # else a redirect took its place
                self._end(line, CallStatus.COMPLETED if done.cancelled() else line.outcome)

        # Not in the task's own ``finally``: one that is cancelled before its first step never gets there.
        task.add_done_callback(ended)

    async def _run(self, line: Line, source: Source) -> None:
        line.outcome = CallStatus.FAILED  # as long as nothing better is known
        if line.answers_after_s is not None and not await self._ring(line, line.answers_after_s):
            return
        if line.ends_at is None:
            line.ends_at = asyncio.get_running_loop().time() + line.limit_s
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(line.ends_at):
                    await self._performer.perform_all(line, source, lambda: self._answered(line.call))
            line.outcome = CallStatus.COMPLETED
        except CallFailed as failure:
            line.call.failure = failure.message

    async def _ring(self, line: Line, wait_s: float) -> bool:
        """From the queue to the answer; False if there is none, because a fault says so."""
        line.answers_after_s = None
        await asyncio.sleep(wait_s)
        fault = self._faults.for_dial(line.call.to)
        self._progress(line.call, CallStatus.RINGING, "initiated")
        if fault is not CallStatus.FAILED:
            self._progress(line.call, CallStatus.RINGING, "ringing")
        if line.application is None or fault is CallStatus.NO_ANSWER:
            await asyncio.sleep(RING_S)
        if fault is not None:
            line.outcome = fault
        elif line.application is None:  # which answers with its document
            self._answered(line.call)
        return fault is None

    def _answered(self, call: Call) -> None:
        self._progress(call, CallStatus.IN_PROGRESS, "answered")

    def _progress(self, call: Call, status: CallStatus, *events: str) -> None:
        """The call is in another state; tell who asked to know."""
        now = utc_now()
        call.status, call.updated_at = status, now
        if status is CallStatus.IN_PROGRESS:
            call.answered_at = now
        if call.over:
            call.ended_at = now
        for event in events:
            if call.callback is not None and event in call.callback.events:
                form = call_form(self._state.account, call) | progress_form(call, event, now)
                call.callbacks_sent += 1
                self._callbacks.send(call.sid, call.callback, form)

    def _end(self, line: Line, status: CallStatus) -> None:
        call = line.call
        if call.over:
            return
        if status is CallStatus.COMPLETED and call.answered_at is None and call.direction is Direction.OUTBOUND:
            status = CallStatus.CANCELED
        self._progress(call, status, "completed")
        self._leave(line)
        if status.unanswered and call.answered_at is None and line.dialled_for is not None:
            self._callbacks.tell(self._rooms.not_added(call, line.dialled_for, utc_now()))
        self._streams.stop_all(call.sid)
        del self._lines[call.sid]

    def _leave(self, line: Line, how: Leaving = Leaving.HUNG_UP) -> None:
        departure = self._rooms.leave(line.call, utc_now(), how)
        self._callbacks.tell(departure.notices)
        self.put_out(departure.put_out)


def callback_of(hook: VoiceHook) -> StatusCallback | None:
    """Who hears of the end of a call to a number."""
    if not hook.status_callback:
        return None
    return StatusCallback(url=hook.status_callback, method=hook.status_callback_method, events=frozenset({"completed"}))
