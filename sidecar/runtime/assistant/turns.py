"""The assistant's turns: thought over, spoken, cut, recorded. What happens to them is told to whoever ordered them.

One at a time. A turn is over when its last mark is back, when it is cut, or when its line breaks; what was heard of it
by then is its line in the transcript.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

import structlog

from sidecar.domain.assistant.floor_orders import Answer, Why
from sidecar.domain.assistant.playback import Outcome, Over
from sidecar.domain.assistant.stay import Spoken
from sidecar.domain.errors import ChatModelFailed, RealtimeFailed, SidecarError, VoiceFailed
from sidecar.ports.voice import Voice
from sidecar.runtime.assistant.answer import Answering
from sidecar.runtime.assistant.mind import Part
from sidecar.runtime.assistant.mouth import Mouth, Turn
from sidecar.runtime.assistant.records import TurnRecords
from sidecar.runtime.recorder import Recorder

log = structlog.get_logger()

GOODBYE = "All right. Goodbye."

Parts = Callable[[Answering], AsyncGenerator[Part, None]]


class Turns:
    """``think`` gives the parts of an answer. The callbacks hear what becomes of turns, by their ids."""

    def __init__(
        self,
        *,
        recorder: Recorder,
        records: TurnRecords,
        voice: Voice,
        chat_engine: str,
        now_ms: Callable[[], int],
        think: Parts,
        stirred: Callable[[], None],
        on_ready: Callable[[str], None],
        on_sound: Callable[[str], None],
        on_heard: Callable[[int], None],
        on_over: Callable[[str, str], None],
        on_failed: Callable[[str, str], None],
        on_gone: Callable[[str], None],
    ) -> None:
        """``on_ready``: its first audio is there. ``on_sound``: these words sound about now. ``on_heard``: so many ms
        of what its parts are were heard, once for each turn, when nothing more of it will be; ``on_over``: these words.
        ``on_failed``: nothing of it could be said, for this reason. ``on_gone``: the goodbye is over.
        """
        self._recorder = recorder
        self._records = records
        self._voice = voice
        self._engines = (chat_engine, voice.engine)
        self._now_ms = now_ms
        self._think = think
        self._on_ready, self._on_over, self._on_failed = on_ready, on_over, on_failed
        self._on_heard, self._on_gone = on_heard, on_gone
        self.mouth = Mouth(now_ms, on_sound=on_sound, on_heard=self._heard, on_over=self._over, stirred=stirred)
        self._answering: Answering | None = None
        self._working: asyncio.Task[None] | None = None
        self._leaves = ""  # why, while it says goodbye
        self._quiet_until_ms = 0
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as self._tasks:
            await self._records.run()

    @property
    def under_way(self) -> bool:
        """Whether an answer is thought over, waits or sounds."""
        return self._answering is not None

    def be_quiet_until(self, moment_ms: int) -> None:
        """Nothing sounds before."""
        self._quiet_until_ms = moment_ms

    # -- orders ------------------------------------------------------------------------------------------------

    def answer(self, order: Answer) -> None:
        """Think it over, and make it audio."""
        self.end("replaced")
        answering = self._answering = Answering(
            order, mouth=self.mouth, voice=self._voice, chat_engine=self._engines[0], now_ms=self._now_ms
        )
        if self._tasks is not None:
            self._working = self._tasks.create_task(self._work(answering), name=f"turn:{order.turn}")

    def speak(self, turn: str) -> None:
        """There is room: what is ready sounds, unless the line is gone or something else is announced."""
        answering = self._answering
        if answering is None or answering.turn != turn or self._tasks is None:
            return
        if not answering.begun and not self.mouth.free:
            self.end("line_lost")
            self._on_over(turn, "")
        elif self._now_ms() < self._quiet_until_ms:
            self._tasks.create_task(self._speak_later(answering), name=f"waits:{turn}")
        else:
            answering.may_sound()

    def fill(self, turn: str) -> None:
        """It takes long: say something short meanwhile."""
        answering = self._answering
        if answering is not None and answering.turn == turn and self.mouth.free and self._tasks is not None:
            self._tasks.create_task(self._fill(answering), name=f"filler:{turn}")

    def end(self, outcome: str) -> None:
        """End the turn that goes on, whatever it has come to. What sounded of it is recorded with this outcome."""
        answering, working, self._working = self._answering, self._working, None
        if working is not None and working is not asyncio.current_task():
            working.cancel()
        if answering is None:
            return
        answering.outcome = outcome
        if answering.begun:
            self.mouth.cut()
        else:
            self._on_heard(0)
            if self._leaves:
                self._on_gone(self._leaves)
        self._answering = None

    def say_goodbye(self, why: str) -> None:
        """Say so, and tell when that was heard; at once where nothing can be said."""
        self.end("left")
        if not self.mouth.free:
            self._on_gone(why)
            return
        self._leaves = why
        turn = self._recorder.new_id("utt")
        self.answer(Answer(turn=turn, why=Why.ASKED, asked_by="", prompt=GOODBYE, exact=True))
        self.speak(turn)

    def recover(self, spoken: Spoken) -> None:
        """An earlier process died while it said this."""
        cut = spoken.text[len(spoken.heard) :].strip()
        self._records.turn_over(spoken, cut=cut, outcome="service_restarted", engines=self._engines)

    async def close(self, outcome: str) -> None:
        """Say no more, and see what was said stored."""
        self.end(outcome)
        await self._records.settle()

    # -- work --------------------------------------------------------------------------------------------------

    async def _work(self, answering: Answering) -> None:
        order = answering.order
        parts = _just(order.prompt) if order.exact else self._think(answering)
        try:
            await answering.say(parts, lambda: self._on_ready(order.turn))
        except (ChatModelFailed, RealtimeFailed, VoiceFailed) as error:
            self._fail(answering, error)
        else:
            if answering.silent and self._answering is answering:  # the model asked for tools only, perhaps
                self.end("nothing_to_say")
                self._on_over(order.turn, "")

    async def _speak_later(self, answering: Answering) -> None:
        await asyncio.sleep(max(0.0, (self._quiet_until_ms - self._now_ms()) / 1000))
        if self._answering is answering:
            self.speak(answering.turn)

    async def _fill(self, answering: Answering) -> None:
        try:
            await answering.fill(lambda: self._answering is answering and self.mouth.free)
        except VoiceFailed as error:
            log.warning("assistant_filler_failed", turn=answering.turn, code=error.code)

    def _fail(self, answering: Answering, error: SidecarError) -> None:
        log.warning("assistant_answer_failed", turn=answering.turn, code=error.code)
        if self._answering is not answering:
            return
        sounded = answering.begun
        self.end(error.code)
        if not sounded and not self._leaves:
            self._on_failed(answering.turn, error.code)

    # -- what becomes of it ------------------------------------------------------------------------------------

    def _heard(self, text: str) -> None:
        turn, answering = self.mouth.turn, self._answering
        if turn is not None and answering is not None and turn.first_sound_ms is not None:
            spoken = self._spoken(turn, answering, text)
            self._records.note(spoken)
            self._recorder.tell([self._records.partial(spoken)])

    def _over(self, turn: Turn, over: Over) -> None:
        answering = self._answering
        if answering is None or answering.turn != turn.id:
            return
        if over.outcome is Outcome.ABANDONED and answering.outcome == "completed":
            answering.outcome = "line_lost"
        self._answering = None
        if self._working is not None and self._working is not asyncio.current_task():
            self._working.cancel()
        # What was played to its end is whole, though its last bytes may be less than a millisecond.
        whole = over.outcome is Outcome.FINISHED
        self._on_heard(max(0, over.heard_ms + whole - answering.filler_ms))
        self._records.turn_over(
            self._spoken(turn, answering, over.heard),
            cut=over.unheard,
            outcome=answering.outcome,
            engines=answering.answered.engines,
            to=answering.order.asked_by if not answering.order.private else None,
            tools=answering.answered.tools,
            latency=answering.latency(turn.first_sound_ms),
        )
        if self._leaves:
            self._on_gone(self._leaves)
        else:
            self._on_over(turn.id, over.heard)

    def _spoken(self, turn: Turn, answering: Answering, heard: str) -> Spoken:
        start_ms = turn.first_sound_ms if turn.first_sound_ms is not None else self._now_ms()
        return Spoken(
            utterance=turn.id,
            start_ms=start_ms,
            end_ms=max(start_ms, turn.heard_until_ms),
            text=answering.text,
            heard=heard,
            why="goodbye" if self._leaves else "say" if answering.order.exact else answering.order.why,
        )


async def _just(text: str) -> AsyncGenerator[Part, None]:
    """These words."""
    yield text
