"""One session with one engine: takes a stream's audio from the replay ring at the engine's pace, gives results.

A fork has one live lane. Beside it there may be a gap lane, which hears old audio; a lane that was left in a pause and
tells its last words; a standby that takes over in the next pause; a probe of an engine that failed, which is not told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sidecar.domain.errors import RecogniserUnavailable, SidecarError
from sidecar.domain.replay import LEAD_IN_MS, Replay
from sidecar.domain.transcript import UtteranceDesk
from sidecar.ports.recogniser import FinalResult, Recogniser, RecogniserStream, Result, Unrecognised

OPEN_TIMEOUT_S = 5.0
FINISH_CALL_TIMEOUT_S = 3.0
# With speech that is not told, an engine gives some sign of life within so much audio.
SILENT_AFTER_MS = 8_000
# Old audio goes on in pieces of at most this; between two, everybody else has a turn.
PIECE_MS = 250
# After the line has ended there are no frames to count time by: old audio is paced by the clock, in steps of this.
STEP_S = 0.1


class Lane:
    """``run`` is its task. Nothing is heard until ``begin``, which ``opened`` is to call (at once or later)."""

    def __init__(
        self,
        recogniser: Recogniser,
        replay: Replay,
        desk: UtteranceDesk,
        *,
        opened: Callable[[Lane], None],
        take: Callable[[Lane, Result], None],
    ) -> None:
        self.recogniser = recogniser
        self.desk = desk
        self.hearing = False  # ``begin`` was called
        self.told = False  # it gave a result
        self.began_ms = self.answers_ms = self.sent_ms = 0
        self.began_amid = False  # amid speech that is for another lane to tell
        self.until_ms: int | None = None
        self.absorbed_ms = -1  # the middle of the last word that another session had told
        self._replay = replay
        self._opened = opened
        self._take = take
        self._stream: RecogniserStream | None = None
        self._started_ms = 0  # how much audio there was at ``begin``
        self._line_ended_at: float | None = None
        self._open: dict[int, int] = {}  # segments that are not final: where they start
        self._sign_ms = 0  # audio sent at the last sign of life
        self._noticed_ms = self._noticed_next_ms = 0
        self._looked_at_ms = -1
        self._more = asyncio.Event()
        self._given_up: Exception | None = None
        self._finishing = False

    def begin(self, first_ms: int, answers_ms: int, until_ms: int | None = None) -> None:
        """Hear audio from ``first_ms`` on; all that is said from ``answers_ms`` on is this lane's to tell."""
        self.hearing = True
        self.began_ms = self.sent_ms = self._sign_ms = first_ms
        self.answers_ms, self.until_ms = answers_ms, until_ms
        self.began_amid = any(start < answers_ms <= end for start, end in self._replay.missing())
        self._started_ms = self._replay.head_ms
        self._more.set()

    def end(self, at_ms: int) -> None:
        """Hear no audio behind this; what was said before becomes final, and the lane is over."""
        self.until_ms = at_ms if self.until_ms is None else min(self.until_ms, at_ms)
        self._more.set()

    def line_ended(self) -> None:
        """No more audio will come."""
        self._line_ended_at = asyncio.get_running_loop().time()
        self.end(self._replay.head_ms)

    def go_on(self) -> None:
        """There is more audio. It goes to the engine from here: a task's turn would cost more than the piece."""
        if self.hearing and self._given_up is None and self._pass_on() and self._heard_all():
            self._more.set()

    @property
    def ready(self) -> bool:
        """Whether its engine is there."""
        return self._stream is not None

    @property
    def engine(self) -> str:
        """The name of its engine."""
        return self.recogniser.engine

    @property
    def speaking(self) -> bool:
        """Whether an utterance is open."""
        return bool(self._open)

    @property
    def behind_ms(self) -> int:
        """Audio that it is to hear and has not heard."""
        return self._replay.head_ms - self.sent_ms if self.hearing else 0

    @property
    def age_ms(self) -> int:
        """Audio that has come since it began."""
        return self._replay.head_ms - self._started_ms

    def hears(self, at_ms: int) -> bool:
        """Whether this moment is of the audio that it is to hear."""
        return self.began_ms <= at_ms and (self.until_ms is None or at_ms < self.until_ms)

    def told_to_ms(self) -> int:
        """Up to here all that was said since ``answers_ms`` is told."""
        return min([self.began_ms + self._noticed_ms, *self._open.values()])

    def look(self) -> None:
        """Ask how far the engine has come; to be called now and then.

        An engine may have noticed speech whose beginning is still on its way to us, so what counts is what it had
        noticed at the last look, if more audio was sent since: by then, all of it has arrived.
        """
        if self._stream is None or self.sent_ms == self._looked_at_ms:
            return
        self._looked_at_ms = self.sent_ms
        self._noticed_ms, self._noticed_next_ms = self._noticed_next_ms, self._stream.noticed_ms
        if self._noticed_next_ms > self._noticed_ms:
            self._sign_ms = self.sent_ms

    def silent(self, missing_ms: int | None) -> bool:
        """Whether it gives no sign of life although there is speech; ``missing_ms``: the first that is not told."""
        return missing_ms is not None and self.sent_ms - max(missing_ms, self._sign_ms) >= SILENT_AFTER_MS

    def give_up(self, error: Exception) -> None:
        """The engine is of no use any more, and does not know it."""
        self._given_up = error
        self._more.set()

    async def run(self) -> Exception | None:
        """Until the last word is told; the failure of an engine that broke before."""
        failure: Exception | None = None
        try:
            await self._run()
        except* (SidecarError, OSError, TimeoutError) as group:
            failure = _first(group)
        finally:
            if self._stream is not None:
                await self._stream.close()
        return failure

    async def _run(self) -> None:
        async with asyncio.timeout(OPEN_TIMEOUT_S):
            stream = self._stream = await self.recogniser.open()
        self._opened(self)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._feed(stream), name=f"feed:{self.engine}")
            await self._listen(stream)

    async def _feed(self, stream: RecogniserStream) -> None:
        """What audio that comes does not move on by itself: the beginning, the pace after hang-up, and the end."""
        while self._given_up is None:
            if self.hearing and self._pass_on():
                await asyncio.sleep(0)
            elif self.hearing and self._heard_all():
                self._finishing = True
                async with asyncio.timeout(FINISH_CALL_TIMEOUT_S):
                    await stream.finish()
                return
            else:
                await self._wait()
        raise self._given_up

    def _pass_on(self) -> bool:
        """A piece goes to the engine. False: it has all that it may hear now, or is of no use any more."""
        from_ms, to_ms = self.sent_ms, min(self._may_hear_to_ms(), self.sent_ms + PIECE_MS)
        if to_ms <= from_ms or self._stream is None:
            return False
        if from_ms < self._replay.tail_ms:
            self.give_up(RecogniserUnavailable("The engine takes audio too slowly.", code="recogniser_too_slow"))
            return False
        # Without times of words nobody can tell what was told before: it must not be heard again.
        masked = from_ms < self._started_ms and not self.recogniser.traits.word_times
        self.sent_ms = to_ms
        try:
            self._stream.send(self._replay.audio(from_ms, to_ms, masked=masked))
        except (SidecarError, OSError) as error:
            self.give_up(error)
            return False
        return True

    def _heard_all(self) -> bool:
        return self.until_ms is not None and self.sent_ms >= self.until_ms

    def _may_hear_to_ms(self) -> int:
        """What there is, as far as the engine's speed allows; a lane that has caught up is not held back."""
        head_ms, speed = self._replay.head_ms, self.recogniser.traits.replay_speed
        limit_ms = head_ms if self.until_ms is None else min(head_ms, self.until_ms)
        if speed is None:
            return limit_ms
        passed_ms = float(head_ms - self._started_ms)
        if self._line_ended_at is not None:
            passed_ms += (asyncio.get_running_loop().time() - self._line_ended_at) * 1000
        return min(limit_ms, self.began_ms + LEAD_IN_MS + int(passed_ms * speed))

    async def _wait(self) -> None:
        self._more.clear()
        if self._line_ended_at is None:
            await self._more.wait()
            return
        try:
            async with asyncio.timeout(STEP_S):
                await self._more.wait()
        except TimeoutError:
            pass

    async def _listen(self, stream: RecogniserStream) -> None:
        try:
            async for result in stream.results():
                self._sign_ms = self.sent_ms
                self._open.setdefault(result.segment, self.began_ms + result.start_ms)
                self._take(self, result)
                if isinstance(result, FinalResult | Unrecognised):
                    self._open.pop(result.segment)
        except RecogniserUnavailable:
            self._noticed_ms = stream.noticed_ms  # the failure comes behind all results: nothing is under way any more
            raise
        if not self._finishing:
            raise RecogniserUnavailable("The engine ended a session early.", code="ended_early")


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    error: Exception | BaseExceptionGroup[Exception] = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
