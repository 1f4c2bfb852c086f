"""The assistant's part of the talk: what it hears goes to the floor, and what the floor orders is done.

All judgement - who is meant, when there is room, what interrupts - is ``domain.assistant``'s. It gets facts from
``hearing`` and time from here. It knows neither the telephone network nor the web.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence

import structlog

from sidecar.domain.assistant import floor_orders as floor
from sidecar.domain.assistant.context import Question
from sidecar.domain.assistant.floor import Floor
from sidecar.domain.assistant.said import Said
from sidecar.domain.assistant.stay import Announce, Assistant, Doing, Spoken
from sidecar.domain.assistant.tool_policy import Asker
from sidecar.domain.assistant.turn_taking import State
from sidecar.domain.conference.values import Role
from sidecar.ports.chat_model import ChatModel
from sidecar.ports.clock import Clock
from sidecar.ports.realtime import RealtimeModel
from sidecar.ports.voice import Voice
from sidecar.runtime.assistant.answer import Answering
from sidecar.runtime.assistant.hearing import Hearing
from sidecar.runtime.assistant.line import Line
from sidecar.runtime.assistant.mind import Mind, Part
from sidecar.runtime.assistant.mouth import Mouth
from sidecar.runtime.assistant.records import TurnRecords
from sidecar.runtime.assistant.roster import Roster
from sidecar.runtime.assistant.turns import Turns
from sidecar.runtime.recorder import Recorder

log = structlog.get_logger()

# How a turn ended that was cut, as ``assistant.turn`` says it.
_ENDED = {
    floor.Ended.WORDS: "interrupted",
    floor.Ended.STOP_WORD: "stop_word",
    floor.Ended.STOPPED: "stopped",
    floor.Ended.MUTED: "muted",
    floor.Ended.LEAVING: "left",
}


class Conversation:
    """``run`` is its one task. Everything else is synchronous and may be called while it runs."""

    def __init__(
        self,
        assistant: Assistant,
        *,
        recorder: Recorder,
        records: TurnRecords,
        chat_model: ChatModel,
        voice: Voice,
        realtime: RealtimeModel | None = None,
        clock: Clock,
        minutes: int,
        tokens: int,
    ) -> None:
        """``minutes``, ``tokens``: how long it stays at most, and what its thinking may cost."""
        self._assistant = assistant
        self._recorder = recorder
        self._clock = clock
        self._zero_ms = recorder.now_ms() - round(clock.monotonic() * 1000)
        self._leave_at_ms = self.now_ms() + minutes * 60_000
        # Set by whoever looks after its stay: what it does has changed, with a note and more to it, or "" and "";
        # it has to go, and why.
        self.on_change: Callable[[str, str], None] = lambda _note, _detail: None
        self.on_leave: Callable[[str], None] = lambda _reason: None
        self.roster = Roster()
        self.mind = Mind(
            assistant,
            chat_model=chat_model,
            voice=voice,
            realtime=realtime,
            tokens=tokens,
            people=lambda: self.roster.names,
            on_note=self._tell_panel,
            tally=recorder.tally,
        )
        self._turns = Turns(
            recorder=recorder,
            records=records,
            voice=voice,
            chat_engine=chat_model.engine,
            now_ms=self.now_ms,
            think=self._think,
            stirred=self._stir,
            on_ready=lambda turn: self._obey(self._floor.ready(turn, self.now_ms())),
            on_sound=lambda text: self._floor.sounds(text, self.now_ms()),
            on_heard=self.mind.heard,
            on_over=self._turn_over,
            on_failed=self._turn_failed,
            on_gone=self._gone,
        )
        self._floor = Floor(self._manners(), lambda: recorder.new_id("utt"))
        self.hearing = Hearing(
            assistant.participant_id,
            roster=self.roster,
            mind=self.mind,
            floor=self._floor,
            now_ms=self.now_ms,
            obey=self._obey,
            on_agreed=lambda: self.on_change("agreed", ""),
            on_leave=self._gone,
        )
        self._orders: deque[floor.Order] = deque()
        self._obeying = False
        self._stirred, self._silent = asyncio.Event(), asyncio.Event()
        self._silent.set()

    def now_ms(self) -> int:
        """The conference clock, which never goes back here."""
        return self._zero_ms + round(self._clock.monotonic() * 1000)

    @property
    def mouth(self) -> Mouth:
        """What carries its voice to a line."""
        return self._turns.mouth

    @property
    def doing(self) -> Doing:
        """What it does while it is there."""
        if self.mouth.sounding:
            return Doing.SPEAKING
        return Doing.THINKING if self._floor.state is not State.LISTENING else Doing.LISTENING

    # -- its stay ----------------------------------------------------------------------------------------------

    def announced(self, seconds: float, *, asks: bool) -> None:
        """For so long the call hears that it comes. ``asks``: then somebody has to say yes."""
        now_ms = self.now_ms()
        quiet_until_ms = now_ms + round(seconds * 1000)
        self._turns.be_quiet_until(quiet_until_ms)
        if asks:
            self.hearing.ask_first(now_ms, quiet_until_ms)

    def there(self, away_ms: int | None) -> None:
        """A line is open; ``away_ms``: for how long there was none, if this is not the first."""
        self.hearing.begin()
        if away_ms is not None:
            self.mind.away(away_ms, self.now_ms())
        self._stir()

    def recover(self, spoken: Spoken | None) -> None:
        """An earlier process died, perhaps while it said this."""
        if spoken is not None:
            self._turns.recover(spoken)
        if self._assistant.announce is Announce.ASK and not self.hearing.agreed:
            now_ms = self.now_ms()
            self.hearing.ask_first(now_ms, now_ms)
        if not self.roster.humans:
            self.on_leave(floor.Leaving.LAST_HUMAN_LEFT)

    def behave(self, assistant: Assistant) -> None:
        """Other manners from now on; who is muted is silent at once."""
        self._assistant = assistant
        self.mind.behave(assistant)
        self._obey(self._floor.behave(self._manners(), self.now_ms()))
        if assistant.muted:
            self._turns.end("muted")  # a goodbye, too

    async def silent(self) -> None:
        """Returns when it neither speaks nor thinks."""
        await self._silent.wait()

    async def close(self) -> None:
        """Say no more, and see what was said stored."""
        self.hearing.close()
        await self._turns.close("left")

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._turns.run(), name=f"turns:{self._assistant.id}")
            tasks.create_task(self.mind.run(), name=f"mind:{self._assistant.id}")
            while True:
                self._step()
                self._stirred.clear()  # what the step itself stirred, it has seen to
                due_ms = self._next_ms()
                try:
                    async with asyncio.timeout(None if due_ms is None else max(0.001, (due_ms - self.now_ms()) / 1000)):
                        await self._stirred.wait()
                except TimeoutError:
                    pass

    def _step(self) -> None:
        """What is due by now."""
        now_ms = self.now_ms()
        self._obey(self._floor.tick(now_ms))
        self.mouth.tick()
        self.hearing.tick(now_ms)
        if self._floor.turn is None and not self._turns.under_way:
            self._silent.set()

    def _next_ms(self) -> int | None:
        times = (self.mouth.next_ms(), self._floor.next_ms(), self.hearing.next_ms())
        return min((time for time in times if time is not None), default=None)

    def _stir(self) -> None:
        self._stirred.set()

    def _manners(self) -> floor.Manners:
        return floor.Manners(
            name=self._assistant.name,
            speaks=self._assistant.speaks,
            audience=self._assistant.audience,
            muted=self._assistant.muted,
            leave_at_ms=self._leave_at_ms,
        )

    def hear_line(self, line: Line, audio: bytes) -> None:
        """What its leg hears on this line, in real time: all others, mixed."""
        if self.mouth.line is line:
            self.mind.hear(audio, self.now_ms())

    # -- what is wished ----------------------------------------------------------------------------------------

    def ask(self, text: str, *, by: str, exact: bool) -> None:
        """Answer this, or say exactly this, as soon as there is room."""
        self._obey(self._floor.ask(floor.Ask(by=by, text=text, exact=exact), self.now_ms()))

    async def answer_in_words(self, text: str, *, by: str) -> str:
        """An answer that nobody on the call hears. Raises ChatModelFailed."""
        return await self.mind.in_words(self._question(text, by, private=True))

    def know(self, text: str, *, by: str) -> None:
        """Something to know, not to answer."""
        self.mind.note(self.now_ms(), f"{by} tells you privately: {text}")

    def stop(self) -> None:
        """Be silent now."""
        self._obey(self._floor.stop(self.now_ms()))

    # -- what the floor orders ---------------------------------------------------------------------------------

    def _obey(self, orders: Sequence[floor.Order]) -> None:
        """One after another; those that follow from doing so come last."""
        self._stirred.set()  # also without orders, the floor may want to be asked sooner
        self._orders.extend(orders)
        if self._obeying or not self._orders:
            return
        self._obeying = True
        try:
            while self._orders:
                self._do(self._orders.popleft())
        finally:
            self._obeying = False
        self.on_change("", "")

    def _do(self, order: floor.Order) -> None:
        match order:
            case floor.Answer():
                self._silent.clear()
                self._turns.answer(order)
            case floor.Speak(turn=turn):
                self._turns.speak(turn)
            case floor.Filler(turn=turn):
                self._turns.fill(turn)
            case floor.Drop(turn=turn, why=why):
                log.info("assistant_answer_dropped", assistant=self._assistant.id, turn=turn, why=why)
                self._turns.end(why)
            case floor.GiveUp(turn=turn):
                log.info("assistant_answer_dropped", assistant=self._assistant.id, turn=turn, why="gave_up")
                self._turns.end("gave_up")
            case floor.HoldPlayback():
                self.mouth.hold()
            case floor.GoOnPlaying():
                self._recorder.tally.assistants.barge_ins["went_on"] += 1
                self.mouth.go_on()
            case floor.Cut(turn=turn, why=ended):
                log.info("assistant_cut", assistant=self._assistant.id, turn=turn, why=ended)
                if ended in (floor.Ended.WORDS, floor.Ended.STOP_WORD):
                    self._recorder.tally.assistants.barge_ins[_ENDED[ended]] += 1
                self._turns.end(_ENDED[ended])
            case floor.SayGoodbyeAndLeave(why=leaving):
                self._turns.say_goodbye(leaving)
            case floor.Leave(why=leaving):
                self.on_leave(leaving)
            case floor.TellPanel(note=note):
                self._tell_panel(note, "")

    def _tell_panel(self, note: str, detail: str) -> None:
        self.on_change(note, self._recorder.redacted(detail))  # a model that hears the call may repeat a number

    def _turn_over(self, turn: str, heard: str) -> None:
        self._obey(self._floor.over(turn, heard, self.now_ms()))
        self.on_change("", "")
        if self.mind.wants_to_leave:
            self.on_leave("asked_to_leave")

    def _gone(self, why: str) -> None:
        self.on_leave(why)

    def _turn_failed(self, turn: str, code: str) -> None:
        self._obey(self._floor.failed(turn, self.now_ms()))
        self.on_change("failed", code)

    # -- thinking ----------------------------------------------------------------------------------------------

    def _think(self, answering: Answering) -> AsyncGenerator[Part, None]:
        """The parts of an answer."""
        order = answering.order
        person = self.roster.get(order.asked_by)
        role = None if order.private else person.role if person else Role.OTHER
        name = order.asked_by if order.private else self.roster.name(order.asked_by)
        asker = Asker(why=order.why, role=role, words=order.prompt)
        return self.mind.answer(self._question(order.prompt, name, private=order.private), asker, answering.answered)

    def _question(self, text: str, by: str, *, private: bool) -> Question:
        return Question(Said(by, text, self.now_ms()), private=private)
