"""One media stream of one fork: frames in, audio to the recogniser, holes to gaps, until the stream ends.

The media socket calls ``receive`` for each frame; ``end`` is called once, whatever ended it. While the participant is
muted or held, or all is paused, silence goes on in place of what the line carries: the clock runs, and nothing of it is
ever transcribed.
A fork outlives its streams: the conference session makes a new ForkSession for each.
"""

from __future__ import annotations

import asyncio

import structlog

from sidecar.domain.conference.facts import EndReason
from sidecar.domain.conference.values import Fork
from sidecar.domain.errors import ForkRefused
from sidecar.domain.events import TranscriptGap
from sidecar.domain.spans import Hearing
from sidecar.domain.stream_clock import StreamClock, loses_speech
from sidecar.runtime.ears import Ears
from sidecar.runtime.engine_choice import EngineChoice
from sidecar.runtime.recogniser_session import FINISH_TIMEOUT_S, RecogniserSession
from sidecar.runtime.recorder import Recorder

log = structlog.get_logger()

ULAW_SILENCE = b"\xff"
# Audio goes on in pieces of 100 ms: one hand-over per five frames.
BATCH_BYTES = 800
# How often the store learns that nothing was missed so far.
COVERAGE_EVERY_MS = 2_000
# And how soon it is looked again when what had come was on its way to the recogniser still.
COVERAGE_LATE_MS = 500


class ForkSession:
    """``hearing``: whether the participant rests or coaches as the stream begins, at ``began_ms``. ``ears``: who else
    hears what goes on from here."""

    def __init__(
        self,
        fork: Fork,
        *,
        engines: EngineChoice,
        recorder: Recorder,
        hearing: Hearing,
        began_ms: int,
        ears: Ears | None = None,
    ) -> None:
        self.fork = fork
        self._ears = ears or Ears()
        self._recorder = recorder
        self._tally = recorder.tally
        self._hearing = hearing
        self.timeline = StreamClock(began_ms)
        self._recogniser = RecogniserSession(
            engines=engines, fork=fork, timeline=self.timeline, recorder=recorder, hearing=hearing
        )
        self._batch = bytearray()
        self._covered_ms = fork.covered_ms
        self._look_at_ms = self._covered_ms + COVERAGE_EVERY_MS
        self._ended = asyncio.Event()
        self.done = asyncio.Event()  # the last words are with the writer
        self.end_reason: EndReason | None = None
        self.frames = self._frames_told = 0

    def heed(self, *, rests: bool, coaching: bool, heard_from_ms: int = 0) -> None:
        """From the next frame on: muted, held or paused, so nothing of it is for the recogniser; or a coach's whisper.

        ``heard_from_ms``: what was said before this moment still rests, however late it comes.
        """
        at_ms = self.timeline.now_ms
        self._hearing.switch(rests=rests, coaching=coaching, at_ms=at_ms, heard_from_ms=heard_from_ms)

    def receive(self, sequence: int, timestamp_ms: int, audio: bytes) -> None:
        """One frame: its number and time in the stream, mu-law 8 kHz of any length. Cheap but for every fifth.

        Raises ForkRefused, within 100 ms, when nobody works on this stream any more (fork_gone), or another one of the
        same call took over (fork_superseded): close the socket.
        """
        self.frames += 1
        follows = self.timeline.follows(sequence, timestamp_ms, len(audio))
        if not follows and not self._place(sequence, timestamp_ms, len(audio)):
            self._tally.frames_dropped += 1
            return
        resting = self._hearing.ever_rests and self._hearing.resting_at(self.timeline.now_ms)
        self._batch += ULAW_SILENCE * len(audio) if resting else audio
        if len(self._batch) >= BATCH_BYTES:
            self._hand_on()

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
            self._recorder.release(self.fork.id)
            self._recorder.cover(self.fork.id, self.timeline.now_ms)
            self._tally.clock_jumps += self.timeline.backward_jumps
            self._tally.streams_ended[self.end_reason or "failed"] += 1
            self.done.set()

    async def end(self, reason: EndReason) -> None:
        """No more frames, for this reason: let the recogniser finish what was said. ``run`` ends soon after."""
        if self._ended.is_set():
            return
        self.end_reason = reason
        if self._batch and not self.done.is_set():
            self._hand_on()
        await self._recogniser.finish()
        self._ended.set()

    def _place(self, sequence: int, timestamp_ms: int, length_bytes: int) -> bool:
        """Whether the frame is of use: padding goes before one behind a hole."""
        arrived_ms = self._recorder.now_ms() if self.timeline.settling else None
        placed = self.timeline.place(sequence, timestamp_ms, length_bytes, arrived_ms=arrived_ms)
        if placed.hole is not None:
            self._note_hole(placed.hole)
            self._batch += ULAW_SILENCE * (placed.padding_ms * 8)
        return placed.use

    def _hand_on(self) -> None:
        if self._ended.is_set() and self.end_reason is EndReason.SUPERSEDED:
            raise ForkRefused(f"A newer stream of fork {self.fork.id} took over.", code="fork_superseded")
        if self.done.is_set():
            raise ForkRefused(f"The session of fork {self.fork.id} is gone.", code="fork_gone")
        if self._ended.is_set():
            self._batch.clear()  # nothing that comes behind the end is for the recogniser
            return
        self._tally.frames += self.frames - self._frames_told
        self._frames_told = self.frames
        audio = bytes(self._batch)
        self._batch.clear()
        self._recogniser.send(audio)
        now_ms = self.timeline.now_ms
        self._ears.sound(self.fork, audio, now_ms)
        if now_ms < self._look_at_ms:
            return
        covered = self._recogniser.covered_ms()
        if covered - self._covered_ms >= COVERAGE_EVERY_MS:
            self._covered_ms = covered
            self._recorder.cover(self.fork.id, covered)
        # No more than what came can be covered; and what is on its way to the recogniser is not covered at once.
        self._look_at_ms = max(self._covered_ms + COVERAGE_EVERY_MS, now_ms + COVERAGE_LATE_MS)

    def _note_hole(self, hole: tuple[int, int]) -> None:
        if not loses_speech(hole, speaking=self._recogniser.speaking):
            return
        for from_ms, to_ms in self._hearing.rests.outside(*hole):
            log.info("media_missing", fork=self.fork.id, missing_ms=to_ms - from_ms)
            self._recorder.record_soon(
                TranscriptGap(
                    participant=self.fork.participant_id,
                    fork=self.fork.id,
                    from_ms=from_ms,
                    to_ms=to_ms,
                    reason="media_missing",
                )
            )
