"""A transcript as people read it: rows in order of speech, who is who, and who spoke how much.

A pure fold over a conference's durable events. Exports and the first paint of the page use it; the page goes on with
the same rules in ``web/static/js/store.js``, and ``tests/golden/blocks`` holds both to the same cases.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import dropwhile, pairwise

import msgspec

from sidecar.domain import events as ev
from sidecar.domain.alerts.events import AlertRaised
from sidecar.domain.assistant.events import AssistantFailed, AssistantJoined, AssistantLeft, AssistantRequested
from sidecar.domain.conference.values import Participant, ParticipantState, Role, on_hold
from sidecar.domain.note_events import NoteAdded
from sidecar.domain.redaction.by_hand import settled
from sidecar.domain.rows import GapRow, NoteRow, Row, SystemRow, UtteranceRow
from sidecar.domain.system_words import ARRIVALS, BACK, HELD, SYSTEM_WORDS

# The same speaker within this time after the end of the utterance before belongs to the same block.
BLOCK_JOIN_MS = 30_000

# Where rows of different kinds share a millisecond: who came in, what was said, what was lost, the rest.
_ARRIVAL, _SPEECH, _LOSS, _REST = range(4)

# In the place of a fork: the assistant's words are known without hearing it.
OWN = "own"


class Person(msgspec.Struct, kw_only=True):
    """A participant as the page shows it. ``fork``: the word of its last fork event, "none" before the first, or "own";
    ``detail``: what the provider said to it, or "".

    ``held_ms``: since when it is on hold, or None. Signs of somebody who left mean nothing any more.
    """

    participant: str
    name: str
    label: str
    role: Role
    state: ParticipantState
    left_ms: int | None = None
    fork: str = "none"
    detail: str = ""
    talk_ms: int = 0
    muted: bool = False
    held_ms: int | None = None
    coaching: bool = False

    @property
    def rests(self) -> bool:
        """Muted or on hold: not being transcribed, and rightly so."""
        return self.muted or self.held_ms is not None


class Paused(msgspec.Struct, frozen=True, kw_only=True):
    """Transcription is paused: since when, by whom, what for."""

    at_ms: int
    by: str
    reason: str


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """All that a reader needs. ``seq``: of the newest event in it. ``speech_ms``: first word to last word."""

    seq: int
    rows: list[Row]
    people: list[Person]
    started_ms: int | None
    ended_ms: int | None
    completed: bool
    paused: Paused | None
    speech_ms: int
    gaps: int
    gap_ms: int


class Earlier(msgspec.Struct, frozen=True, kw_only=True):
    """What the utterances before the given ones add up to: talk per participant, and their first and last ms."""

    talk_ms: dict[str, int]
    first_ms: int
    last_ms: int


def read_transcript(
    events: Iterable[ev.Event],
    *,
    clock_zero: datetime,
    roster: Sequence[Participant] = (),
    earlier: Earlier | None = None,
) -> Transcript:
    """The transcript of one conference from its durable events in order of seq; types without a rule are passed over.

    ``roster`` names participants of whom no event has spoken yet: a fork may be heard before its call has joined.
    ``earlier``: the events lack the utterances before a certain one, which begins the rows then; the sums hold for all.
    """
    reading = _Reading(clock_zero, roster)
    for event in settled(events):
        reading.take(event)
    return reading.done(earlier)


def display_name(name: str, label: str) -> str:
    """What to call a participant: its name, else its label, else "Caller"."""
    return name.strip() or label.strip() or "Caller"


def on_hold_since(people: Iterable[Person]) -> int | None:
    """Since when the call is on hold, which is when its customer, or all of several, are; None while it is not."""
    here = [person for person in people if person.state is ParticipantState.JOINED]
    if not on_hold((person.role, person.held_ms is not None) for person in here):
        return None
    return max(person.held_ms for person in here if person.held_ms is not None)


def talk_shares(people: Sequence[Person], speech_ms: int) -> dict[str, int]:
    """Percent of the conversation per participant, rounded; what is left over 100 is silence (never negative)."""
    whole = max(speech_ms, sum(person.talk_ms for person in people))
    return {person.participant: (100 * person.talk_ms + whole // 2) // whole if whole else 0 for person in people}


class _Reading:
    """The fold's state."""

    def __init__(self, clock_zero: datetime, roster: Sequence[Participant]) -> None:
        self.zero_ms = _epoch_ms(clock_zero)
        self.seq = 0
        self.utterances: dict[str, ev.UtteranceFinal] = {}
        self.others: list[tuple[int, int, int, Row]] = []
        self.people = {
            p.id: Person(participant=p.id, name=p.name, label=p.label, role=p.role, state=ParticipantState.EXPECTED)
            for p in roster
        }
        self.started_ms: int | None = None
        self.ended_ms: int | None = None
        self.completed = False
        self.paused: Paused | None = None
        self.gaps = 0
        self.gap_ms = 0

    def take(self, event: ev.Event) -> None:
        data, seq, told = event.data, event.seq or 0, _told(event.data)
        self.seq = max(self.seq, seq)
        at_ms = getattr(data, "at_ms", None)
        if at_ms is None:
            at_ms = max(0, _epoch_ms(event.timestamp) - self.zero_ms)
        match data:
            case ev.UtteranceFinal():
                known = self.utterances.get(data.id)
                if known is None or known.revision < data.revision:
                    self.utterances[data.id] = data
                self._person(data.participant)
            case ev.TranscriptGap(participant=who, from_ms=start, to_ms=end):
                self.gaps += 1
                self.gap_ms += end - start
                gap = GapRow(
                    key=f"r-{seq}", participant=who, at_ms=start, to_ms=end, reason=data.reason, detail=data.detail
                )
                self.others.append((start, _LOSS, seq, gap))
            case ev.ParticipantJoined(participant=who) | ev.ParticipantUpdated(participant=who):
                told = self._meet(who, data, at_ms)
            case AssistantRequested(participant=who, name=name):
                # No call of it has a name yet, and people should see at once who is coming.
                person = self._person(who)
                person.name, person.role = name, Role.ASSISTANT
            case (
                ev.ParticipantLeft(participant=who) | AssistantLeft(participant=who) | AssistantFailed(participant=who)
            ):
                person = self._person(who)
                person.state, person.left_ms = ParticipantState.LEFT, data.at_ms
                if person.role is Role.ASSISTANT and isinstance(data, ev.ParticipantLeft):
                    told = ""  # its own event says why
            case ev.ForkStarted() | ev.ForkResumed() | ev.ForkInterrupted() | ev.ForkStopped():
                person = self._person(data.participant)
                person.fork, person.detail = data.type.partition(".")[2], getattr(data, "detail", "")
            case AssistantJoined(participant=who):
                self._person(who).fork = OWN
            case _:
                self._take_of_call(data, at_ms, seq)
        if told in SYSTEM_WORDS and getattr(data, "revision", 1) == 1:  # a manifest anew says nothing new
            rank = _ARRIVAL if told in ARRIVALS else _REST
            self.others.append((at_ms, rank, seq, _system_row(event, told, seq, at_ms)))

    def _take_of_call(self, data: ev.EventData, at_ms: int, seq: int) -> None:
        match data:
            case ev.ConferenceStarted():
                self.started_ms = at_ms
            case ev.ConferenceEnded():
                self.ended_ms = at_ms
            case ev.TranscriptPaused(by=by, reason=reason):
                self.paused = Paused(at_ms=at_ms, by=by, reason=reason)
            case ev.TranscriptResumed():
                self.paused = None
            case ev.TranscriptCompleted():
                self.completed = True
            case NoteAdded(text=text, by=by):
                self.others.append((at_ms, _REST, seq, NoteRow(key=f"r-{seq}", at_ms=at_ms, text=text, by=by)))
            case _:
                pass  # a type of a later version, or one that makes no row

    def _meet(self, who: str, data: ev.ParticipantJoined | ev.ParticipantUpdated, at_ms: int) -> str:
        """Take in what is known of a participant. Returns what to call it in a row."""
        person = self._person(who)
        person.name, person.label, person.role = data.name, data.label, data.role
        person.muted, person.coaching = data.muted, data.coaching
        was_held = person.held_ms is not None
        if not data.hold:
            person.held_ms = None
        elif not was_held:
            person.held_ms = at_ms
        if isinstance(data, ev.ParticipantJoined):
            person.state, person.left_ms = ParticipantState.JOINED, None
        elif was_held != data.hold and person.state is ParticipantState.JOINED:
            return HELD if data.hold else BACK
        return data.type

    def _person(self, who: str) -> Person:
        """Somebody whom no event has introduced yet is kept as a caller without a name."""
        if who not in self.people:
            self.people[who] = Person(
                participant=who, name="", label="", role=Role.OTHER, state=ParticipantState.EXPECTED
            )
        return self.people[who]

    def done(self, earlier: Earlier | None) -> Transcript:
        spoken = list(self.utterances.values())
        for utterance in spoken:
            self._person(utterance.participant).talk_ms += max(0, utterance.end_ms - utterance.start_ms)
        spans = [(u.start_ms, u.end_ms) for u in spoken]
        rows = self._rows(spoken)
        if earlier is not None:
            for who, talk_ms in earlier.talk_ms.items():
                self._person(who).talk_ms += talk_ms
            spans.append((earlier.first_ms, earlier.last_ms))
            rows = list(dropwhile(lambda row: not isinstance(row, UtteranceRow), rows))
        return Transcript(
            seq=self.seq,
            rows=rows,
            people=list(self.people.values()),
            started_ms=self.started_ms,
            ended_ms=self.ended_ms,
            completed=self.completed,
            paused=self.paused,
            speech_ms=max(end for _, end in spans) - min(start for start, _ in spans) if spans else 0,
            gaps=self.gaps,
            gap_ms=self.gap_ms,
        )

    def _rows(self, spoken: Sequence[ev.UtteranceFinal]) -> list[Row]:
        # Utterances that start together are ordered by id and not by seq: a partial has its id, but no seq yet, and
        # must not change place on becoming final.
        keyed: list[tuple[tuple[int, int, int, str], Row]] = [
            ((at, rank, seq, ""), row) for at, rank, seq, row in self.others
        ]
        keyed += [
            (
                (u.start_ms, _SPEECH, 0, u.id),
                UtteranceRow(
                    key=u.id,
                    participant=u.participant,
                    at_ms=u.start_ms,
                    end_ms=u.end_ms,
                    revision=u.revision,
                    text=u.text,
                    coaching=u.coaching,
                    late=u.late,
                    opens_block=True,
                    cut=u.cut,
                ),
            )
            for u in spoken
        ]
        keyed.sort(key=lambda pair: pair[0])
        rows = [row for _, row in keyed]
        return rows[:1] + [
            msgspec.structs.replace(row, opens_block=False) if _continues(above, row) else row
            for above, row in pairwise(rows)
        ]


def _continues(above: Row, row: Row) -> bool:
    return (
        isinstance(row, UtteranceRow)
        and isinstance(above, UtteranceRow)
        and row.participant == above.participant
        and (row.coaching, row.late) == (above.coaching, above.late)
        and row.at_ms - above.end_ms <= BLOCK_JOIN_MS
    )


def _told(data: ev.EventData) -> str:
    """What to call it in a row; an alert about words makes none, for it is marked at the words."""
    return "" if isinstance(data, AlertRaised) and data.utterance else data.type


_DONE_BY = ev.TranscriptPaused | ev.TranscriptResumed | AssistantRequested | AssistantLeft


def _system_row(event: ev.Event, told: str, seq: int, at_ms: int) -> SystemRow:
    data = event.data
    manifest = data if isinstance(data, ev.TranscriptCompleted) else None
    return SystemRow(
        key=f"r-{seq}",
        type=told,
        at_ms=at_ms,
        timestamp=event.timestamp,
        participant=getattr(data, "participant", None),
        by=data.by if isinstance(data, _DONE_BY) else "",
        reason=_reason(data),
        utterances=manifest.utterances if manifest else 0,
        gaps=manifest.gaps if manifest else 0,
        gap_ms=manifest.gap_ms if manifest else 0,
    )


def _reason(data: ev.EventData) -> str:
    """What a row gives as the reason; the provider's own words say more than ours."""
    match data:
        case AssistantFailed(reason=reason, detail=detail):
            return detail or reason
        case ev.TranscriptPaused(reason=reason) | AssistantLeft(reason=reason):
            return reason
        case AlertRaised(name=name):
            return name
        case _:
            return ""


def _epoch_ms(moment: datetime) -> int:
    """Whole milliseconds, rounded down, as a browser reads a timestamp."""
    return int(moment.timestamp() * 1_000_000 + 0.5) // 1000
