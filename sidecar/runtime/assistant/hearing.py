"""What the assistant hears of the call, as facts for the floor and as knowledge for the mind.

Sound and partials come straight from the forks, so that an interruption waits for nothing; what it answers comes from
the log, as everybody gets it. Until it takes part, and where it asked until somebody said yes, it only remembers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sidecar.domain.assistant.events import AssistantJoined
from sidecar.domain.assistant.floor import Floor
from sidecar.domain.assistant.floor_orders import Order
from sidecar.domain.assistant.phrases import words_of
from sidecar.domain.assistant.stay import consent
from sidecar.domain.conference.values import Fork
from sidecar.domain.events import (
    Event,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    UtteranceFinal,
    UtterancePartial,
)
from sidecar.domain.redaction.events import UtteranceRedacted
from sidecar.domain.spans import Spans
from sidecar.ports.event_log import EventLog
from sidecar.runtime.assistant.mind import Mind
from sidecar.runtime.assistant.roster import Roster
from sidecar.speech.talking import Talking, voice_detector

PAGE_EVENTS = 250
# So long after it asked whether it may take part, somebody has to have said yes.
AGREED_WITHIN_S = 20.0


class Hearing:
    """An ``ears.Ear``. All methods but ``read`` are synchronous. ``agreed``: somebody said yes to it."""

    def __init__(
        self,
        participant: str,
        *,
        roster: Roster,
        mind: Mind,
        floor: Floor,
        now_ms: Callable[[], int],
        obey: Callable[[Sequence[Order]], None],
        on_agreed: Callable[[], None],
        on_leave: Callable[[str], None],
    ) -> None:
        """``participant``: the assistant's own. ``obey`` takes what the floor orders upon a fact."""
        self._participant = participant
        self._roster = roster
        self._mind = mind
        self._floor = floor
        self._now_ms = now_ms
        self._obey = obey
        self._on_agreed = on_agreed
        self._on_leave = on_leave
        self._talking: dict[str, Talking] = {}  # by participant
        self.agreed = False
        self._asked_ms = 0
        self._agreed_by_ms: int | None = None  # while it waits for a yes
        self._takes_part = False
        self._closed = False

    # -- when it hears -----------------------------------------------------------------------------------------

    async def read(self, event_log: EventLog, conference_id: str) -> None:
        """What happened so far, perhaps after it had joined. Raises StoreUnavailable."""
        joined = False
        while page := await event_log.read(conference_id, after=self._roster.seq, limit=PAGE_EVENTS):
            for event in page:
                self._roster.take(event)
                match event.data:
                    case AssistantJoined(participant=who) if who == self._participant:
                        joined = True
                    case UtteranceFinal(text=text, fork=fork) as said:
                        self._remember(said)
                        self.agreed |= joined and bool(fork) and bool(consent(words_of(text)))
                    case _:
                        pass
                self._mind.recall(event.data)
        self._obey([order for one in self._roster.present for order in self._floor.present(one, self._now_ms())])

    def ask_first(self, from_ms: int, to_ms: int) -> None:
        """In this time the call is asked whether it may take part: somebody has to say yes, and not before."""
        self._asked_ms = from_ms
        self._agreed_by_ms = to_ms + round(AGREED_WITHIN_S * 1000)

    def begin(self) -> None:
        """It has a line, and takes part."""
        self._takes_part = True
        if self._agreed_by_ms is None:
            self._mind.begin()

    def close(self) -> None:
        """It hears nothing more from forks."""
        self._closed = True

    def tick(self, now_ms: int) -> None:
        """Call it at ``next_ms``."""
        if self._agreed_by_ms is not None and now_ms >= self._agreed_by_ms:
            self._agreed_by_ms = None
            self._on_leave("not_agreed")

    def next_ms(self) -> int | None:
        """When ``tick`` is due."""
        return self._agreed_by_ms

    # -- what is stored ----------------------------------------------------------------------------------------

    def take(self, event: Event) -> None:
        """An event of the conference; one that came before is passed over."""
        if event.seq is None or not self._roster.take(event):
            return
        now_ms = self._now_ms()
        match event.data:
            case ParticipantJoined(participant=who) | ParticipantUpdated(participant=who):
                person = self._roster.get(who)
                if person is not None:
                    self._obey(self._floor.present(person, now_ms))
            case ParticipantLeft(participant=who):
                self._talking.pop(who, None)
                self._obey(self._floor.left(who, now_ms))
            case UtteranceRedacted(id=utterance, text=text):
                self._mind.forget(utterance, text)
            case UtteranceFinal() as said:
                self._remember(said)
                if said.fork and self._agreed_by_ms is not None:
                    self._take_consent(said)
                elif said.fork and self._takes_part:
                    self._obey(self._floor.words(said, now_ms))
            case _:
                pass

    def _remember(self, said: UtteranceFinal) -> None:
        own = said.participant == self._participant
        if own or not said.coaching:
            self._mind.read(said, self._roster.name(said.participant), own=own)

    def _take_consent(self, said: UtteranceFinal) -> None:
        """Its line may be on its way still."""
        agreed = consent(words_of(said.text)) if said.start_ms >= self._asked_ms else None
        if agreed:
            self.agreed, self._agreed_by_ms = True, None
            if self._takes_part:
                self._mind.begin()
            self._on_agreed()
        elif agreed is False:
            self._on_leave("declined")

    # -- what comes straight from forks ------------------------------------------------------------------------

    def sound(self, fork: Fork, audio: bytes, ends_ms: int) -> None:
        """Audio of a participant, on its way to the recogniser: does it speak?"""
        who = fork.participant_id
        if self._closed or not self._takes_part:
            return
        talking = self._talking.get(who)
        if talking is None:
            talking = self._talking[who] = Talking(voice_detector())
        for talk in talking.hear(audio, ends_ms):
            now_ms = self._now_ms()
            if talk.began:
                self._obey(self._floor.speech_started(who, talk.at_ms, now_ms))
            else:
                self._obey(self._floor.speech_ended(who, talk.at_ms, now_ms))

    def paused(self, pauses: Spans) -> None:
        """When nobody is to be heard."""
        self._mind.paused(pauses)

    def words(self, said: UtterancePartial | UtteranceFinal) -> bool:
        """Text of a participant, before it is told. True: it is our own, come back by a loudspeaker.

        A final is heard once more when it is stored; what interrupts waits for nothing.
        """
        if self._closed or not self._takes_part:
            return False
        if isinstance(said, UtterancePartial) and self._agreed_by_ms is None:
            self._obey(self._floor.words(said, self._now_ms()))
        return not said.coaching and self._floor.is_echo(said)
