"""Watches one conference for what the alert rules look for: events and time in, occasions for alerts out. Pure.

What it decides follows from the durable events and the moments of time it is told of. So a restarted service that reads
the log arrives where the one before it was: the alerts that are in the log are not raised again, and what should have
been raised and is not there still is (``owed``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import accumulate

import msgspec

from sidecar.domain import events as ev
from sidecar.domain.alerts.book import RuleBook
from sidecar.domain.alerts.events import AlertRaised
from sidecar.domain.alerts.rules import AlertRule, Overtalk, RecogniserFailure, Silence
from sidecar.domain.assistant.events import AssistantFailed
from sidecar.domain.conference.values import Conference, Participant, Role
from sidecar.domain.patterns.phrases import Span
from sidecar.domain.wallboard import OVERTALK_MS, ConferenceFold

# Of a longer match the alert tells the beginning.
QUOTE_MAX_CHARS = 200
# Utterances that a new one is compared with, to find out who spoke at the same time.
UTTERANCES_COMPARED = 64
# Reasons for a gap that are a recogniser's failure.
LOST_BY_RECOGNISER = frozenset({"recogniser_failed", "recogniser_overloaded"})

_Subject = tuple[str, str]  # rule, and the utterance that it found something in or ""


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule found. As ``AlertRaised``, which it becomes when it gets an id."""

    rule: AlertRule
    at_ms: int
    participant: str | None = None
    utterance: str | None = None
    quote: str = ""
    quote_start: int | None = None
    quote_end: int | None = None
    measured_ms: int | None = None
    detail: str = ""

    def raised(self, alert: str) -> AlertRaised:
        """The event of it."""
        rule = self.rule
        return AlertRaised(
            alert=alert,
            rule=rule.id,
            name=rule.name,
            kind=rule.kind,
            severity=rule.severity,
            at_ms=self.at_ms,
            participant=self.participant,
            utterance=self.utterance,
            quote=self.quote,
            quote_start=self.quote_start,
            quote_end=self.quote_end,
            measured_ms=self.measured_ms,
            detail=self.detail,
        )


class ConferenceWatch:
    """One conference. Times are ms on its clock."""

    def __init__(self, book: RuleBook, conference: Conference, roster: Sequence[Participant] = ()) -> None:
        self._book = book
        self._conference = conference
        self._fold = ConferenceFold(conference, roster)
        self._rests_until: dict[str, int] = {}  # by rule: its cooldown
        self._told: dict[str, int] = {}  # by rule: what began before this is not told again
        self._raised: set[_Subject] = set()
        self._owed: dict[_Subject, Occasion] = {}
        self._spoken: deque[ev.UtteranceFinal] = deque(maxlen=UTTERANCES_COMPARED)
        self._overlaps: deque[tuple[int, int]] = deque(maxlen=UTTERANCES_COMPARED)
        self._deaf: dict[str, tuple[str, int]] = {}  # by fork: whose speech nobody hears, and since when
        self._behind: set[str] = set()  # forks whose present speech is not known yet
        self._decides = True
        self.completed = False

    @property
    def seq(self) -> int:
        """Of the newest event that was taken in."""
        return self._fold.seq

    def knows(self, event: ev.Event) -> bool:
        """Whether the participant that an event is about, if any, is known or brought along."""
        return self._fold.knows(event)

    def meet(self, roster: Sequence[Participant]) -> None:
        """Participants who are not known yet."""
        self._fold.meet(roster)

    def replay(self, event: ev.Event, *, decided: bool = False) -> None:
        """A stored event from before this watch began. ``decided``: whatever follows from it was raised long ago."""
        self._decides = not decided
        for occasion in self.take(event):
            self._owed[occasion.rule.id, occasion.utterance or ""] = occasion
        self._decides = True

    def owed(self) -> list[Occasion]:
        """What ``replay`` came upon and no stored alert tells. Asked once, at the end."""
        owed, self._owed = list(self._owed.values()), {}
        return owed

    def take(self, event: ev.Event) -> list[Occasion]:
        """What follows from an event. One that was taken in before changes nothing."""
        if event.seq is not None and event.seq <= self._fold.seq:
            return []
        self._fold.take(event)
        match event.data:
            case AlertRaised():
                self._note(event.data)
                found: Iterable[Occasion] = ()
            case ev.UtteranceFinal():
                found = self._hear(event.data)
            case ev.TranscriptGap(reason=reason) if reason in LOST_BY_RECOGNISER:
                found = self._lost(event.data)
            case AssistantFailed():
                found = self._assistant_failed(event.data)
            case ev.TranscriptCompleted():
                self.completed = True
                found = ()
            case _:
                self._note_health(event)
                found = ()
        return [occasion for occasion in found if event.timestamp >= occasion.rule.updated_at and self._admit(occasion)]

    def tick(self, now_ms: int) -> list[Occasion]:
        """What follows from the time: silence, and speech that nobody has heard for too long."""
        found = [*self._silences(now_ms), *self._deafnesses(now_ms)]
        return [occasion for occasion in found if self._admit(occasion)]

    # -- what is looked for ------------------------------------------------------------------------------------

    def _hear(self, said: ev.UtteranceFinal) -> Iterator[Occasion]:
        if said.coaching:
            return  # whispered to one person: an alert would tell everybody
        role, label = self._fold.who(said.participant)
        for hit in self._book.hear(said.text) if self._decides else ():
            if hit.rule.only.participant(role, label):
                span = Span(hit.span.start, min(hit.span.end, hit.span.start + QUOTE_MAX_CHARS))
                yield Occasion(
                    rule=hit.rule,
                    at_ms=said.start_ms,
                    participant=said.participant,
                    utterance=said.id,
                    quote=said.text[span.start : span.end],
                    quote_start=span.start,
                    quote_end=span.end,
                )
        if self._book.overtalks and role is not Role.ASSISTANT:
            yield from self._overtalk(said)

    def _overtalk(self, said: ev.UtteranceFinal) -> Iterator[Occasion]:
        for other in self._spoken:
            start, end = max(other.start_ms, said.start_ms), min(other.end_ms, said.end_ms)
            if other.participant != said.participant and other.id != said.id and end - start >= OVERTALK_MS:
                self._overlaps.append((start, end))
        self._spoken.append(said)
        now_ms = max(one.end_ms for one in self._spoken)
        for rule in self._book.overtalks:
            if isinstance(rule.when, Overtalk):
                from_ms = max(now_ms - rule.when.window_s * 1000, self._told.get(rule.id, 0))
                over_ms = _length_of_union(self._overlaps, from_ms)
                if over_ms >= rule.when.seconds * 1000:
                    yield Occasion(rule=rule, at_ms=now_ms, measured_ms=over_ms)

    def _lost(self, gap: ev.TranscriptGap) -> Iterator[Occasion]:
        for rule in self._concerned(gap.participant):
            lost_ms = gap.to_ms - gap.from_ms
            yield Occasion(
                rule=rule, at_ms=gap.from_ms, participant=gap.participant, measured_ms=lost_ms, detail=gap.reason
            )

    def _deafnesses(self, now_ms: int) -> Iterator[Occasion]:
        for participant, since_ms in self._deaf.values():
            for rule in self._concerned(participant):
                due_ms = since_ms + rule.when.seconds * 1000 if isinstance(rule.when, RecogniserFailure) else now_ms
                if now_ms >= due_ms and since_ms >= self._told.get(rule.id, 0):
                    lasted_ms = now_ms - since_ms
                    yield Occasion(
                        rule=rule, at_ms=now_ms, participant=participant, measured_ms=lasted_ms, detail="nobody_listens"
                    )

    def _concerned(self, participant: str) -> Iterator[AlertRule]:
        role, label = self._fold.who(participant)
        return (rule for rule in self._book.recognisers if rule.only.participant(role, label))

    def _assistant_failed(self, failed: AssistantFailed) -> Iterator[Occasion]:
        for rule in self._book.assistants:
            yield Occasion(rule=rule, at_ms=failed.at_ms, participant=failed.participant, detail=failed.reason)

    def _silences(self, now_ms: int) -> Iterator[Occasion]:
        since_ms = self._fold.silent_since_ms() if self._book.silences and not self._behind else None
        if since_ms is None:
            return
        for rule in self._book.silences:
            due_ms = since_ms + rule.when.seconds * 1000 if isinstance(rule.when, Silence) else now_ms
            if now_ms >= due_ms and since_ms >= self._told.get(rule.id, 0):
                yield Occasion(rule=rule, at_ms=due_ms, measured_ms=due_ms - since_ms)

    def _note_health(self, event: ev.Event) -> None:
        match event.data:
            case ev.ForkHealth(fork=fork, participant=participant, engine=engine, behind_ms=behind_ms):
                if engine is None:
                    self._deaf.setdefault(fork, (participant, self._conference.clock_ms(event.timestamp)))
                else:
                    self._deaf.pop(fork, None)
                (self._behind.add if behind_ms else self._behind.discard)(fork)
            case ev.ForkInterrupted(fork=fork) | ev.ForkStopped(fork=fork):
                self._deaf.pop(fork, None)
                self._behind.discard(fork)
            case ev.ConferenceEnded():
                self._deaf.clear()
            case _:
                pass

    # -- how often it rings ------------------------------------------------------------------------------------

    def _admit(self, occasion: Occasion) -> bool:
        """Whether this is to be told: the room is meant, nothing was told of it, and the rule does not rest."""
        rule = occasion.rule
        subject = (rule.id, occasion.utterance or "")
        if not self._decides or not rule.only.room(self._conference.room):
            return False
        if (occasion.utterance and subject in self._raised) or occasion.at_ms < self._rests_until.get(rule.id, 0):
            return False
        self._settle(rule.id, subject, occasion.at_ms, rule.cooldown_s)
        return True

    def _note(self, raised: AlertRaised) -> None:
        """An alert that is stored. By us or by who was here before, and perhaps by a rule that is gone."""
        subject = (raised.rule, raised.utterance or "")
        self._owed.pop(subject, None)
        rule = self._book.rules.get(raised.rule)
        if rule is not None:
            self._settle(rule.id, subject, raised.at_ms, rule.cooldown_s)

    def _settle(self, rule_id: str, subject: _Subject, at_ms: int, cooldown_s: int) -> None:
        self._raised.add(subject)
        self._rests_until[rule_id] = max(self._rests_until.get(rule_id, 0), at_ms + cooldown_s * 1000)
        self._told[rule_id] = max(self._told.get(rule_id, 0), at_ms)


def try_rules(
    book: RuleBook, conference: Conference, roster: Sequence[Participant], stored: Sequence[ev.Event]
) -> list[Occasion]:
    """What the rules would have raised in a conference, from its stored events.

    Rules hold from the beginning here. Who spoke when is known from the utterances; how a recogniser fared is not in
    the log, but for the gaps that it left.
    """
    watch = ConferenceWatch(book, conference, roster)
    told = [event for event in stored if not isinstance(event.data, AlertRaised)]
    # In order of seq, whatever the clock of who told them said.
    moments = list(zip(accumulate((conference.clock_ms(event.timestamp) for event in told), max), told, strict=True))
    moments += [
        (event.data.start_ms, _being_said(event, event.data, conference))
        for event in stored
        if isinstance(event.data, ev.UtteranceFinal)
    ]
    found: list[Occasion] = []
    for now_ms, event in sorted(moments, key=lambda moment: moment[0]):
        found += watch.tick(now_ms)
        found += watch.take(event)
    return found


def _being_said(event: ev.Event, said: ev.UtteranceFinal, conference: Conference) -> ev.Event:
    """That somebody speaks, as it was known when the utterance began."""
    partial = ev.UtterancePartial(
        id=said.id, participant=said.participant, start_ms=said.start_ms, end_ms=said.end_ms, text=said.text, lag_ms=0
    )
    moment = conference.clock_zero + timedelta(milliseconds=said.start_ms)
    return msgspec.structs.replace(event, id="", type=partial.type, seq=None, timestamp=moment, data=partial)


def _length_of_union(spans: Iterable[tuple[int, int]], from_ms: int) -> int:
    """How long at least one of the spans lasts, behind a moment."""
    clipped = sorted((max(start, from_ms), end) for start, end in spans if end > from_ms)
    length, reached = 0, from_ms
    for start, end in clipped:
        length += max(0, end - max(start, reached))
        reached = max(reached, end)
    return length
