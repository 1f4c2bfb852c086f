"""The assistant's part of the talk: what it hears, when it answers, what it says, and when it is interrupted.

The rules are pure and live in ``domain`` (playback, barge_in, turn_taking, addressing, echo); here they get their facts
and their time, and what they decide is done. It knows neither the telephone network nor the web.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import aclosing

import msgspec
import structlog

from sidecar.domain.assistant import Assistant, Audience, Doing, Spoken, consent
from sidecar.domain.barge_in import BargeIn, Decision, GoOn, Hold, Interrupted, Why
from sidecar.domain.conference import Fork, Role
from sidecar.domain.echo import Echo
from sidecar.domain.errors import VoiceFailed
from sidecar.domain.events import (
    Event,
    ParticipantLeft,
    ParticipantUpdated,
    UtteranceFinal,
    UtterancePartial,
)
from sidecar.domain.phrases import words_of
from sidecar.domain.playback import Outcome, Over
from sidecar.ports.clock import Clock
from sidecar.ports.event_log import EventLog
from sidecar.ports.voice import Voice
from sidecar.runtime.assistant_mouth import Mouth, Turn
from sidecar.runtime.assistant_records import TurnRecords, turn_facts
from sidecar.runtime.assistant_roster import Roster
from sidecar.runtime.recorder import Recorder
from sidecar.speech.talking import Talking, voice_detector

log = structlog.get_logger()

PAGE_EVENTS = 250
# So long after it asked whether it may take part, somebody has to have said yes.
AGREED_WITHIN_S = 20.0
# At most so many things wait to be said.
WISHES_MOST = 8


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be said word by word. ``why``: a stable word."""

    text: str
    why: str


class Saying(msgspec.Struct, kw_only=True):
    """A turn under way: why, and what its text is so far."""

    utterance: str
    why: str
    text: str = ""
    outcome: str = "completed"
    sounds: bool = False


class Conversation:
    """``run`` is its one task. Everything else is synchronous and may be called while it runs."""

    def __init__(
        self, assistant: Assistant, *, recorder: Recorder, records: TurnRecords, voice: Voice, clock: Clock
    ) -> None:
        self._assistant = assistant
        self._recorder = recorder
        self._records = records
        self._voice = voice
        self._clock = clock
        self._zero_ms = recorder.now_ms() - round(clock.monotonic() * 1000)
        # Set by whoever looks after its stay: what it does has changed, with a note or ""; it has to go, and why.
        self.on_change: Callable[[str], None] = lambda _note: None
        self.on_leave: Callable[[str], None] = lambda _reason: None
        self.mouth = Mouth(
            self.now_ms,
            on_sound=self._sounds,
            on_heard=self._heard,
            on_over=self._over,
            stirred=self._stir,
        )
        self._echo = Echo()
        self._barge_in = BargeIn(self._echo)
        self._talking: dict[str, Talking] = {}  # by participant
        self.roster = Roster()
        self._wishes: deque[Wish] = deque(maxlen=WISHES_MOST)
        self._saying: Saying | None = None
        self._speaking: asyncio.Task[None] | None = None
        self._quiet_until_ms = 0
        self._agreed_by_ms: int | None = None  # while nobody has said yes to it
        self._stirred = asyncio.Event()
        self._silent = asyncio.Event()
        self._silent.set()
        self._tasks: asyncio.TaskGroup | None = None
        self._closed = False

    def now_ms(self) -> int:
        """The conference clock, which never goes back here."""
        return self._zero_ms + round(self._clock.monotonic() * 1000)

    # -- what the session tells --------------------------------------------------------------------------------

    @property
    def doing(self) -> Doing:
        """What it does while it is there."""
        if self._saying is None:
            return Doing.LISTENING
        return Doing.SPEAKING if self._saying.sounds else Doing.THINKING

    async def read(self, event_log: EventLog) -> None:
        """What happened so far. Raises StoreUnavailable."""
        while page := await event_log.read(self._recorder.conference.id, after=self.roster.seq, limit=PAGE_EVENTS):
            for event in page:
                self.hear(event)

    def hear(self, event: Event) -> None:
        """An event of the conference; one that came before is passed over."""
        if not self.roster.take(event):
            return
        match event.data:
            case ParticipantUpdated(participant=who) as told if told.muted or told.hold or told.coaching:
                self._is_no_more(who)
            case ParticipantLeft(participant=who):
                self._is_no_more(who)
            case UtteranceFinal(fork=fork) as said if fork and self._agreed_by_ms is not None:
                self._hear_answer(said)
            case _:
                pass

    def _hear_answer(self, said: UtteranceFinal) -> None:
        """It asked whether it may take part."""
        agreed = consent(words_of(said.text))
        if agreed:
            self._agreed_by_ms = None
            self._stir()
        elif agreed is False:
            self.on_leave("declined")

    def _is_no_more(self, participant: str) -> None:
        """Somebody is gone, or cannot be heard by all."""
        self._talking.pop(participant, None)
        self._decide(self._barge_in.left(participant, self.now_ms()))

    # -- what it hears, before anything of it is stored (runtime.ears) -----------------------------------------

    def sound(self, fork: Fork, audio: bytes, ends_ms: int) -> None:
        """Audio of a participant: does it speak?"""
        who = fork.participant_id
        person = self.roster.get(who)
        if self._closed or (person is not None and (person.coaching or person.role is Role.ASSISTANT)):
            return
        talking = self._talking.get(who)
        if talking is None:
            talking = self._talking[who] = Talking(voice_detector())
        for talk in talking.hear(audio, ends_ms):
            now_ms = self.now_ms()
            if talk.began:
                self._decide(self._barge_in.speech_started(who, talk.at_ms, now_ms))
            else:
                self._decide(self._barge_in.speech_ended(who, now_ms))
            self._stir()

    def words(self, said: UtterancePartial | UtteranceFinal) -> bool:
        """Text of a participant. True: it is our own words, come back by a loudspeaker."""
        if self._closed:
            return False
        own = not said.coaching and self._echo.is_own(said.text, said.start_ms, said.end_ms)
        self._decide(self._barge_in.words(said, self.now_ms()))
        self._stir()
        return own

    def _decide(self, decision: Decision | None) -> None:
        match decision:
            case Hold():
                self.mouth.hold()
            case GoOn():
                self.mouth.go_on()
            case Interrupted(participant=who, why=why):
                log.info("assistant_interrupted", assistant=self._assistant.id, participant=who, why=why)
                self.stop("interrupted" if why is Why.WORDS else "stopped")
            case None:
                pass

    # -- what the session tells, once it is there --------------------------------------------------------------

    def set_manners(self, assistant: Assistant) -> None:
        """Other manners from now on; who is muted is silent at once."""
        self._assistant = assistant
        if assistant.muted:
            self.stop("muted")

    def announced(self, seconds: float, *, asks: bool) -> None:
        """For so long the call hears that it comes. ``asks``: then somebody has to say yes."""
        self._quiet_until_ms = self.now_ms() + round(seconds * 1000)
        self._agreed_by_ms = self._quiet_until_ms + round(AGREED_WITHIN_S * 1000) if asks else None

    def there(self) -> None:
        """A line is open."""
        self._stir()

    def recover(self, spoken: Spoken | None) -> None:
        """An earlier process died while it said this."""
        if spoken is not None:
            self._record(spoken, cut=spoken.text[len(spoken.heard) :].strip(), outcome="service_restarted")

    def say(self, text: str, *, why: str = "say") -> None:
        """Say exactly this, as soon as it can."""
        self._wishes.append(Wish(text=text, why=why))
        self._silent.clear()
        self._stir()

    def stop(self, outcome: str = "stopped") -> None:
        """Be silent now, and forget what was to be said."""
        self._wishes.clear()
        if self._saying is not None:
            self._saying.outcome = outcome
        self.mouth.cut()

    async def silent(self) -> None:
        """Returns when nothing is said any more, and nothing waits to be said."""
        await self._silent.wait()

    async def close(self) -> None:
        """Say no more, and see what was said stored."""
        self._closed = True
        self.stop("left")
        await self._records.settle()

    # -- its life ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as self._tasks:
            self._tasks.create_task(self._records.run(), name=f"records:{self._assistant.id}")
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
        self._decide(self._barge_in.tick(now_ms))
        self.mouth.tick()
        if self._agreed_by_ms is not None and now_ms >= self._agreed_by_ms:
            self._agreed_by_ms = None
            self.on_leave("not_agreed")
        if self._wishes and self._may_speak() and self._tasks is not None:
            wish = self._wishes.popleft()
            self._speaking = self._tasks.create_task(self._speak(wish), name=f"turn:{self._assistant.id}")

    def _next_ms(self) -> int | None:
        times = [self.mouth.next_ms(), self._barge_in.next_ms(), self._agreed_by_ms]
        if self._wishes and self.now_ms() < self._quiet_until_ms:
            times.append(self._quiet_until_ms)
        return min((time for time in times if time is not None), default=None)

    def _may_speak(self) -> bool:
        busy = self._saying is not None or self._closed or self._assistant.muted or self._agreed_by_ms is not None
        return self.mouth.free and not busy and self.now_ms() >= self._quiet_until_ms

    def _stir(self) -> None:
        self._stirred.set()

    # -- a turn ------------------------------------------------------------------------------------------------

    async def _speak(self, wish: Wish) -> None:
        saying = Saying(utterance=self._recorder.new_id("utt"), why=wish.why)
        self._saying = saying
        self.mouth.begin(saying.utterance)
        self.on_change("")
        try:
            saying.text = wish.text
            self.mouth.piece(saying.utterance, wish.text)
            async with aclosing(self._voice.speak(wish.text)) as audio:
                async for piece in audio:
                    self.mouth.audio(saying.utterance, piece)
            self.mouth.piece_done(saying.utterance)
            self.mouth.end(saying.utterance)
        except VoiceFailed as error:
            log.warning("assistant_voice_failed", assistant=self._assistant.id, code=error.code)
            saying.outcome = error.code
            self.mouth.abandon()

    def _sounds(self, text: str) -> None:
        """These words sound about now."""
        now_ms = self.now_ms()
        if self._saying is not None and not self._saying.sounds:
            self._saying.sounds = True
            self._barge_in.began(now_ms)
            self.on_change("")
        self._echo.said(text, now_ms)

    def _heard(self, text: str) -> None:
        turn, saying = self.mouth.turn, self._saying
        if turn is None or saying is None or turn.first_sound_ms is None:
            return
        self._records.note(self._spoken(turn, saying, heard=text))
        self._recorder.tell(
            [
                UtterancePartial(
                    id=saying.utterance,
                    participant=self._assistant.participant_id,
                    start_ms=turn.first_sound_ms,
                    end_ms=turn.heard_until_ms,
                    text=text,
                    lag_ms=0,
                    coaching=self._assistant.audience is Audience.AGENT,
                )
            ]
        )

    def _over(self, turn: Turn, over: Over) -> None:
        saying, self._saying = self._saying, None
        self._barge_in.over()
        assert saying is not None  # noqa: S101 - a turn of the mouth is one of ours
        outcome = saying.outcome
        if over.outcome is Outcome.ABANDONED and outcome == "completed":
            outcome = "line_lost"
        spoken = self._spoken(turn, saying, heard=over.heard)
        self._record(spoken, cut=over.unheard, outcome=outcome)
        if not self._wishes:
            self._silent.set()
        self.on_change("")
        self._stir()

    def _spoken(self, turn: Turn, saying: Saying, *, heard: str) -> Spoken:
        start_ms = turn.first_sound_ms if turn.first_sound_ms is not None else self.now_ms()
        return Spoken(
            utterance=saying.utterance,
            start_ms=start_ms,
            end_ms=max(start_ms, turn.heard_until_ms),
            text=saying.text,
            heard=heard,
            why=saying.why,
        )

    def _record(self, spoken: Spoken, *, cut: str, outcome: str) -> None:
        self._records.over(turn_facts(self._assistant, spoken, cut=cut, outcome=outcome, voice=self._voice.engine))
