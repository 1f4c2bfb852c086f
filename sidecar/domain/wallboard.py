"""What the wallboard shows of a conference: one short row, folded from its events as they are told.

Durable events alone decide all but what is being said just now, so a service that starts again and replays the log
arrives at the same row. Partials and pings come on top, and losing them is harmless.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime

import msgspec

from sidecar.domain import events as ev
from sidecar.domain.access.callers import is_own
from sidecar.domain.alerts.events import AlertAcknowledged, AlertRaised
from sidecar.domain.alerts.rules import LOUDNESS, Severity
from sidecar.domain.assistant.events import AssistantJoined
from sidecar.domain.blocks import OWN, display_name
from sidecar.domain.conference.values import Conference, ConferenceState, Participant, ParticipantState, Role, on_hold
from sidecar.domain.redaction.events import UtteranceRedacted

# Two people who speak at once for at least so long talk over each other; a shorter overlap is a nod.
OVERTALK_MS = 1_000
# Finals remembered per conference, to compare later ones with: some minutes of talk.
RECENT_FINALS = 64
# A row is one line: longer text is cut, the transcript has all of it.
LINE_CHARS = 200
# People named in a row; those who are there come first, the rest is counted.
PEOPLE_NAMED = 12
# Open alerts named in a row, the loudest first; the rest is counted.
ALERTS_NAMED = 5

_HEARD = frozenset({"started", "resumed", OWN})


class WallboardPerson(msgspec.Struct, frozen=True, kw_only=True):
    """A participant in a row. ``fork``: the word of its last fork event, or "none" before the first."""

    participant: str
    name: str
    role: Role
    state: ParticipantState
    fork: str
    talk_ms: int
    muted: bool
    hold: bool
    coaching: bool


class WallboardLine(msgspec.Struct, frozen=True, kw_only=True):
    """What was said last, cut to a line. ``partial``: it is being said. ``coaching``: only one person heard it."""

    participant: str
    role: Role
    text: str
    partial: bool
    coaching: bool


class WallboardAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that nobody has taken note of."""

    alert: str
    name: str
    severity: Severity
    at_ms: int


class WallboardRow(msgspec.Struct, frozen=True, kw_only=True):
    """One conference. ``*_ms`` without another word are moments on its clock.

    ``on_hold``: its customer, or all of several, are. ``paused``: nothing is transcribed, because somebody wants it so.
    ``speech_ms``: length from the first word to the last.
    ``silent_since_ms``: None when nobody can tell, because the call does not go on, is on hold or paused, or not
    everybody on it is heard. ``others``: participants that ``people`` has no room for. ``alerts_open``: all of them,
    named or not.
    """

    id: str
    sid: str | None
    room: str
    state: ConferenceState
    on_hold: bool
    paused: bool
    clock_zero: datetime
    started_ms: int | None
    ended_ms: int | None
    people: list[WallboardPerson]
    others: int
    last: WallboardLine | None
    speech_ms: int
    silent_since_ms: int | None
    overtalk: int
    gaps: int
    gap_ms: int
    unsaved: int
    alerts: list[WallboardAlert] = msgspec.field(default_factory=list)
    alerts_open: int = 0


class _Person(msgspec.Struct, kw_only=True):
    name: str = ""
    label: str = ""
    role: Role = Role.OTHER
    state: ParticipantState = ParticipantState.EXPECTED
    fork: str = "none"
    talk_ms: int = 0
    muted: bool = False
    hold: bool = False
    coaching: bool = False


_NOBODY = _Person()


class ConferenceFold:
    """One conference's row in the making. Events may come twice or out of order: an old one changes nothing."""

    def __init__(self, conference: Conference, roster: Sequence[Participant] = ()) -> None:
        """Before the first event; ``roster`` names participants of whom no event has spoken yet."""
        self._conference = conference
        self._sid = conference.sid
        self._people: dict[str, _Person] = {}
        self._finals: deque[ev.UtteranceFinal] = deque(maxlen=RECENT_FINALS)
        self._partials: dict[str, ev.UtterancePartial] = {}  # by participant
        self._line: ev.UtteranceFinal | None = None
        self._started_ms: int | None = None
        self._ended_ms: int | None = None
        self._speech_from_ms: int | None = None
        self._speech_to_ms: int | None = None
        self._back_ms = 0  # since when nobody is on hold who was, transcription goes on, or everybody is heard again
        self._paused = False
        self._overtalk = 0
        self._gaps = 0
        self._gap_ms = 0
        self._unsaved = 0
        self._alerts: dict[str, WallboardAlert] = {}  # open ones
        self.seq = 0
        self.ended_at: datetime | None = None
        self.meet(roster)

    @property
    def tenant(self) -> str:
        """Whose conference it is."""
        return self._conference.tenant

    def is_own(self, agent: str) -> bool:
        """Whether it is this agent's."""
        return is_own(self._people.values(), agent)

    def knows(self, event: ev.Event) -> bool:
        """Whether the participant that an event is about, if any, has a name here or brings it along."""
        who = getattr(event.data, "participant", None)
        return who is None or who in self._people or isinstance(event.data, ev.ParticipantJoined)

    def meet(self, roster: Sequence[Participant]) -> None:
        """Name participants who are not known yet."""
        for p in roster:
            self._people.setdefault(p.id, _Person(name=p.name, label=p.label, role=p.role))

    def take(self, event: ev.Event) -> None:
        """Fold one event. Durable ones count once, in order of seq; types without a rule are passed over."""
        if event.seq is not None:
            if event.seq <= self.seq:
                return
            self.seq = event.seq
        self._sid = event.conference_sid or self._sid
        match event.data:
            case ev.UtterancePartial():
                self._hear_partial(event.data)
            case ev.Ping(unsaved=unsaved):
                self._unsaved = unsaved
            case ev.UtteranceFinal():
                self._hear_final(event.data)
            case ev.TranscriptGap(from_ms=start, to_ms=end):
                self._gaps += 1
                self._gap_ms += max(0, end - start)
            case ev.ConferenceStarted():
                self._started_ms = self._conference.clock_ms(event.timestamp)
            case AlertRaised() | AlertAcknowledged():
                self._note_alert(event.data)
            case ev.TranscriptPaused():
                self._paused = True
            case ev.TranscriptResumed(at_ms=at_ms):
                self._paused, self._back_ms = False, at_ms
            case ev.ConferenceEnded(at_ms=at_ms):
                self._ended_ms, self.ended_at = at_ms, event.timestamp
                self._partials.clear()
            case _:
                self._note_other(event)

    def who(self, participant: str) -> tuple[Role, str]:
        """Role and label of a participant, as far as they are known."""
        person = self._people.get(participant, _NOBODY)
        return person.role, person.label

    def silent_since_ms(self) -> int | None:
        """Since when nobody has spoken; None when nobody can tell (``WallboardRow``)."""
        if self._state() is not ConferenceState.LIVE or self._on_hold() or self._paused or not self._all_heard():
            return None
        ends = [partial.end_ms for partial in self._partials.values()]
        return max([*ends, self._speech_to_ms or 0, self._started_ms or 0, self._back_ms])

    def row(self) -> WallboardRow:
        """The row as it stands."""
        people = sorted(self._people.items(), key=lambda item: item[1].state is ParticipantState.LEFT)
        speech_from, speech_to = self._speech_from_ms, self._speech_to_ms
        return WallboardRow(
            id=self._conference.id,
            sid=self._sid,
            room=self._conference.room,
            state=self._state(),
            on_hold=self._on_hold(),
            paused=self._paused and self._ended_ms is None,
            clock_zero=self._conference.clock_zero,
            started_ms=self._started_ms,
            ended_ms=self._ended_ms,
            people=[_shown(who, person) for who, person in people[:PEOPLE_NAMED]],
            others=max(0, len(people) - PEOPLE_NAMED),
            last=self._last(),
            speech_ms=0 if speech_from is None or speech_to is None else speech_to - speech_from,
            silent_since_ms=self.silent_since_ms(),
            overtalk=self._overtalk,
            gaps=self._gaps,
            gap_ms=self._gap_ms,
            unsaved=self._unsaved,
            alerts=sorted(self._alerts.values(), key=lambda one: (-LOUDNESS[one.severity], one.at_ms))[:ALERTS_NAMED],
            alerts_open=len(self._alerts),
        )

    def _person(self, who: str) -> _Person:
        return self._people.setdefault(who, _Person())

    def _note_other(self, event: ev.Event) -> None:
        all_heard = self._all_heard()
        self._note_people(event)
        if self._all_heard() and not all_heard:  # what was said before, nobody knows
            self._back_ms = max(self._back_ms, self._conference.clock_ms(event.timestamp))

    def _note_people(self, event: ev.Event) -> None:
        match data := event.data:
            case UtteranceRedacted(id=utterance, text=text):
                if self._line is not None and self._line.id == utterance:
                    self._line = msgspec.structs.replace(self._line, text=text)
            case ev.ParticipantJoined(participant=who) | ev.ParticipantUpdated(participant=who):
                person = self._person(who)
                if person.hold and not data.hold:
                    self._back_ms = self._conference.clock_ms(event.timestamp) if data.at_ms is None else data.at_ms
                person.name, person.label, person.role = data.name, data.label, data.role
                person.muted, person.hold, person.coaching = data.muted, data.hold, data.coaching
                if isinstance(data, ev.ParticipantJoined):
                    person.state = ParticipantState.JOINED
            case ev.ParticipantLeft(participant=who):
                self._person(who).state = ParticipantState.LEFT
                self._partials.pop(who, None)
            case ev.ForkStarted() | ev.ForkResumed() | ev.ForkInterrupted() | ev.ForkStopped():
                fork = data.type.partition(".")[2]
                self._person(data.participant).fork = fork
                if fork not in _HEARD:
                    # What was cut off will never be finished.
                    self._partials.pop(data.participant, None)
            case AssistantJoined(participant=who):
                self._person(who).fork = OWN
            case _:
                pass

    def _note_alert(self, told: AlertRaised | AlertAcknowledged) -> None:
        if isinstance(told, AlertAcknowledged):
            self._alerts.pop(told.alert, None)
        else:
            self._alerts[told.alert] = WallboardAlert(
                alert=told.alert, name=told.name, severity=told.severity, at_ms=told.at_ms
            )

    def _hear_partial(self, said: ev.UtterancePartial) -> None:
        if self._ended_ms is not None or any(final.id == said.id for final in self._finals):
            return
        if said.text:
            self._partials[said.participant] = said
        elif (present := self._partials.get(said.participant)) and present.id == said.id:
            del self._partials[said.participant]

    def _hear_final(self, said: ev.UtteranceFinal) -> None:
        partial = self._partials.get(said.participant)
        if partial is not None and partial.start_ms <= said.start_ms:
            del self._partials[said.participant]
        person = self._person(said.participant)
        before = next((final for final in self._finals if final.id == said.id), None)
        if before is not None:
            # A revision says it anew; it was not said twice.
            if before.revision >= said.revision:
                return
            self._person(before.participant).talk_ms -= _length_ms(before)
            self._finals.remove(before)
        else:
            self._overtalk += sum(
                other.participant != said.participant
                and min(other.end_ms, said.end_ms) - max(other.start_ms, said.start_ms) >= OVERTALK_MS
                for other in self._finals
            )
        self._finals.append(said)
        person.talk_ms += _length_ms(said)
        self._speech_from_ms = (
            said.start_ms if self._speech_from_ms is None else min(said.start_ms, self._speech_from_ms)
        )
        self._speech_to_ms = max(said.start_ms, said.end_ms, self._speech_to_ms or 0)
        if self._line is None or _place(said) >= _place(self._line):
            self._line = said

    def _state(self) -> ConferenceState:
        if self._ended_ms is not None:
            return ConferenceState.ENDED
        return ConferenceState.WAITING if self._started_ms is None else ConferenceState.LIVE

    def _all_heard(self) -> bool:
        here = [person for person in self._people.values() if person.state is ParticipantState.JOINED]
        return bool(here) and all(person.fork in _HEARD for person in here)

    def _on_hold(self) -> bool:
        here = [person for person in self._people.values() if person.state is ParticipantState.JOINED]
        return self._state() is ConferenceState.LIVE and on_hold((person.role, person.hold) for person in here)

    def _last(self) -> WallboardLine | None:
        """Whoever began to speak last: two who speak at once do not take turns on the line."""
        spoken: list[ev.UtteranceFinal | ev.UtterancePartial] = [*self._partials.values()]
        if self._line is not None:
            spoken.append(self._line)
        if not spoken:
            return None
        said = max(spoken, key=_place)
        return WallboardLine(
            participant=said.participant,
            role=self._people.get(said.participant, _NOBODY).role,
            text=said.text if len(said.text) <= LINE_CHARS else said.text[: LINE_CHARS - 1] + "…",
            partial=isinstance(said, ev.UtterancePartial),
            coaching=said.coaching,
        )


def _shown(who: str, person: _Person) -> WallboardPerson:
    return WallboardPerson(
        participant=who,
        name=display_name(person.name, person.label),
        role=person.role,
        state=person.state,
        fork=person.fork,
        talk_ms=person.talk_ms,
        muted=person.muted,
        hold=person.hold,
        coaching=person.coaching,
    )


def _length_ms(said: ev.UtteranceFinal) -> int:
    return max(0, said.end_ms - said.start_ms)


def _place(said: ev.UtteranceFinal | ev.UtterancePartial) -> tuple[int, str]:
    return said.start_ms, said.id
