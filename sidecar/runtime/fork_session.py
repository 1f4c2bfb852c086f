"""One media stream of one fork: frames in, audio to the recogniser, holes to gaps, until the stream ends.

The media socket calls ``begin``, then ``receive`` for each frame, then ``end`` once - whatever ended it.
A fork outlives its streams: the conference session makes a new ForkSession for each.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum

import msgspec
import structlog

from sidecar.domain.conference import Fork
from sidecar.domain.errors import ForkRefused
from sidecar.domain.events import ForkInterrupted, ForkResumed, ForkStarted, ForkStopped, TranscriptGap
from sidecar.domain.stream_clock import StreamClock, loses_speech
from sidecar.ports.recogniser import Recogniser
from sidecar.runtime.recogniser_session import FINISH_TIMEOUT_S, RecogniserSession
from sidecar.runtime.recorder import Recorder

log = structlog.get_logger()

ULAW_SILENCE = b"\xff"
# Audio goes on in pieces of 100 ms: one hand-over per five frames.
BATCH_BYTES = 800
# How often the store learns that nothing was missed so far.
COVERAGE_EVERY_MS = 2_000


class EndReason(StrEnum):
    """Why a stream ended. ``lost``: without a stop from the network, so the call may well go on."""

    STOPPED = "stopped"
    CONFERENCE_ENDED = "conference_ended"
    LEFT = "participant_left"
    LOST = "stream_lost"
    SUPERSEDED = "superseded"
    SHUTDOWN = "service_stopping"


# After these the fork is over; after the others another stream of it goes on, here or in the next process.
FINAL = frozenset({EndReason.STOPPED, EndReason.CONFERENCE_ENDED, EndReason.LEFT})


class LostStream(msgspec.Struct, frozen=True):
    """An earlier stream of a fork is gone: from where on nobody listened, and why (a key of GAP_REASONS)."""

    from_ms: int
    reason: str


class ForkSession:
    """``lost``: what happened to the stream before this one; None for the first."""

    def __init__(
        self, fork: Fork, *, recogniser: Recogniser, recorder: Recorder, lost: LostStream | None = None
    ) -> None:
        self.fork = fork
        self._recorder = recorder
        self._tally = recorder.tally
        self._lost = lost
        self.timeline = StreamClock(recorder.now_ms())
        self._recogniser = RecogniserSession(
            recogniser=recogniser, fork=fork, timeline=self.timeline, recorder=recorder
        )
        self._batch = bytearray()
        self._covered_ms = fork.covered_ms
        self._ended = asyncio.Event()
        self.done = asyncio.Event()  # the last words are with the writer
        self.end_reason: EndReason | None = None
        self.frames = 0

    def begin(self) -> None:
        """Say that the fork is live; if a stream was lost before, what was missed meanwhile is a gap."""
        now, fork = self._recorder.now_ms(), self.fork
        participant, stream = fork.participant_id, fork.stream_sid or ""
        if self._lost is None:
            self._recorder.record_soon(ForkStarted(fork=fork.id, participant=participant, stream_sid=stream, at_ms=now))
            return
        if now > self._lost.from_ms:
            self._recorder.record_soon(self._gap(self._lost.from_ms, now, self._lost.reason))
        self._recorder.record_soon(
            ForkResumed(fork=fork.id, participant=participant, stream_sid=stream, epoch=fork.epoch, at_ms=now)
        )

    async def receive(self, sequence: int, timestamp_ms: int, audio: bytes) -> None:
        """One frame: its number and time in the stream, mu-law 8 kHz of any length. Cheap but for every fifth.

        Raises ForkRefused (fork_gone) when nobody works on this stream any more: close the socket.
        """
        if self.done.is_set():
            raise ForkRefused(f"The session of fork {self.fork.id} is gone.", code="fork_gone")
        self.frames += 1
        self._tally.frames += 1
        placed = self.timeline.place(sequence, timestamp_ms, len(audio))
        if not placed.use:
            self._tally.frames_dropped += 1
            return
        if placed.hole is not None:
            self._note_hole(placed.hole)
            self._batch += ULAW_SILENCE * (placed.padding_ms * 8)
        self._batch += audio
        if len(self._batch) >= BATCH_BYTES:
            await self._hand_on()

    async def run(self) -> None:
        """Read the recogniser until the stream ended and its last words are final, or time is up."""
        try:
            async with asyncio.TaskGroup() as tasks:
                reader = tasks.create_task(self._recogniser.run(), name=f"recogniser:{self.fork.id}")
                await self._ended.wait()
                await asyncio.wait([reader], timeout=FINISH_TIMEOUT_S)
                reader.cancel()
        finally:
            await self._recogniser.close()
            self._recorder.cover(self.fork.id, self.timeline.now_ms)
            self._tally.clock_jumps += self.timeline.backward_jumps
            self._tally.streams_ended[self.end_reason or "failed"] += 1
            self.done.set()

    async def end(self, reason: EndReason) -> None:
        """No more frames, for this reason: let the recogniser finish what was said. ``run`` ends soon after."""
        if self._ended.is_set():
            return
        self.end_reason = reason
        if self._batch:
            await self._hand_on()
        await self._recogniser.finish()
        self._ended.set()

    def lost(self) -> LostStream:
        """What a later stream of the fork must know if this one was lost: all audio up to here is taken care of."""
        return LostStream(self.timeline.now_ms, "stream_reconnected")

    def interrupted(self) -> ForkInterrupted:
        """The event for a stream that was lost."""
        return ForkInterrupted(
            fork=self.fork.id,
            participant=self.fork.participant_id,
            reason=EndReason.LOST,
            at_ms=self.timeline.now_ms,
        )

    def stopped(self, reason: EndReason) -> ForkStopped:
        """The event for a fork that is over; due when ``run`` has ended, behind the last words."""
        return ForkStopped(
            fork=self.fork.id, participant=self.fork.participant_id, reason=reason, at_ms=self.timeline.now_ms
        )

    async def _hand_on(self) -> None:
        audio = bytes(self._batch)
        self._batch.clear()
        await self._recogniser.send(audio)
        covered = self._recogniser.covered_ms()
        if covered - self._covered_ms >= COVERAGE_EVERY_MS:
            self._covered_ms = covered
            self._recorder.cover(self.fork.id, covered)

    def _note_hole(self, hole: tuple[int, int]) -> None:
        if loses_speech(hole, speaking=self._recogniser.speaking):
            log.info("media_missing", fork=self.fork.id, missing_ms=hole[1] - hole[0])
            self._recorder.record_soon(self._gap(*hole, "media_missing"))

    def _gap(self, from_ms: int, to_ms: int, reason: str) -> TranscriptGap:
        return TranscriptGap(
            participant=self.fork.participant_id, fork=self.fork.id, from_ms=from_ms, to_ms=to_ms, reason=reason
        )
