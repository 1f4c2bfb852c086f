"""What every export format is made of: a conference's people and its lines in order of speech."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from sidecar.domain import events as ev
from sidecar.domain.alerts.events import AlertAcknowledged, AlertRaised
from sidecar.domain.assistant.events import AssistantTurn
from sidecar.domain.blocks import Person, display_name, read_transcript
from sidecar.domain.conference.values import Conference, Participant, Role
from sidecar.domain.note_events import NoteAdded
from sidecar.domain.redaction.by_hand import settled
from sidecar.domain.rows import GapRow, UtteranceRow

_LINE_ENDS = re.compile(r"[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")

# Before what only one participant heard, in formats for people.
COACHING_WORDS = "(coaching)"
# Before what the assistant had ready and nobody heard, because it was interrupted.
CUT_WORDS = "not heard"


class Speaker(msgspec.Struct, frozen=True, kw_only=True):
    """A participant. ``called``: the name that people read; ``joined``: None until the call is in the room."""

    id: str
    label: str
    name: str
    role: Role
    joined: ev.ParticipantJoined | None

    @property
    def called(self) -> str:
        """The name, else the label, else "Caller"; on one line."""
        return display_name(one_line(self.name), one_line(self.label))


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """An utterance in its newest revision, and the seq of the event that told it."""

    seq: int
    speaker: Speaker
    said: ev.UtteranceFinal

    @property
    def span(self) -> tuple[int, int]:
        """From and to, ms on the conference clock."""
        return self.said.start_ms, self.said.end_ms

    @property
    def words(self) -> str:
        """What was said, on one line; a coach's whisper says that it is one, and what nobody heard stands behind."""
        words = f"{COACHING_WORDS} {one_line(self.said.text)}" if self.said.coaching else one_line(self.said.text)
        return f"{words} [{CUT_WORDS}: {one_line(self.said.cut)}]" if self.said.cut else words


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """A gap."""

    seq: int
    speaker: Speaker
    gap: ev.TranscriptGap

    @property
    def span(self) -> tuple[int, int]:
        """From and to, ms on the conference clock."""
        return self.gap.from_ms, self.gap.to_ms

    @property
    def words(self) -> str:
        """What is lost and why: "4.0 s not transcribed: stream reconnected"."""
        start, end = self.span
        length = f"{(end - start) / 1000:.1f}" if end - start >= 100 else "under 0.1"
        reason = ev.gap_sentence(self.gap.reason, self.gap.detail)
        return f"{length} s not transcribed: {one_line(reason)}"


class Paused(msgspec.Struct, frozen=True, kw_only=True):
    """A time during which nothing was transcribed, because somebody wanted it so. ``to_ms`` None: it lasts."""

    seq: int
    by: str
    reason: str
    from_ms: int
    to_ms: int | None

    @property
    def span(self) -> tuple[int, int]:
        """From and to, ms on the conference clock; of one that lasts only the start is known."""
        return self.from_ms, self.from_ms if self.to_ms is None else self.to_ms

    @property
    def words(self) -> str:
        """How long, by whom and why: "transcription paused for 12.0 s by Ana: card number"."""
        lasted = "" if self.to_ms is None else f" for {(self.to_ms - self.from_ms) / 1000:.1f} s"
        return one_line(f"transcription paused{lasted} by {self.by}{f': {self.reason}' if self.reason else ''}")


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody who read along noted to a moment; nobody on the call heard it."""

    seq: int
    note: NoteAdded

    @property
    def span(self) -> tuple[int, int]:
        """The moment, ms on the conference clock."""
        return self.note.at_ms, self.note.at_ms

    @property
    def words(self) -> str:
        """Whose note, and what it says, on one line: "note by Ana: call back"."""
        return one_line(f"note by {self.note.by}: {self.note.text}")


Line = Spoken | Missing | Paused | Noted


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """A transcript, ready to be written in any format. ``manifest`` and ``ended`` are None until they are told.

    ``turns``: the assistant's, with their seq. ``alerts``: with their seq, and who took note of each, if anybody has.
    """

    conference: Conference
    speakers: list[Speaker]
    lines: list[Line]
    ended: ev.ConferenceEnded | None
    ended_at: datetime | None
    manifest: ev.TranscriptCompleted | None
    turns: list[tuple[int, AssistantTurn]] = msgspec.field(default_factory=list)
    alerts: list[tuple[int, AlertRaised, AlertAcknowledged | None]] = msgspec.field(default_factory=list)

    @property
    def partial(self) -> bool:
        """More may come: the call goes on, or its last words are still being transcribed."""
        return self.manifest is None

    def wall_clock(self, ms: int) -> str:
        """A moment on the conference clock as ISO 8601, UTC, to the millisecond."""
        return iso(self.conference.clock_zero + timedelta(milliseconds=ms))


def read_export(conference: Conference, roster: Sequence[Participant], events: Sequence[ev.Event]) -> Export:
    """From all durable events in order of seq. Order and people are those of the page: ``blocks.read_transcript``."""
    events = settled(events)
    transcript = read_transcript(events, clock_zero=conference.clock_zero, roster=roster)
    spoken: dict[tuple[str, int], tuple[int, ev.UtteranceFinal]] = {}
    gaps: dict[str, tuple[int, ev.TranscriptGap]] = {}
    joined: dict[str, ev.ParticipantJoined] = {}
    ended: tuple[datetime, ev.ConferenceEnded] | None = None
    manifest: ev.TranscriptCompleted | None = None
    turns: list[tuple[int, AssistantTurn]] = []
    others: dict[str, Line] = {**_pauses(events), **_notes(events)}
    for event in events:
        seq = event.seq or 0
        match event.data:
            case ev.UtteranceFinal() as said:
                spoken.setdefault((said.id, said.revision), (seq, said))
            case ev.TranscriptGap() as gap:
                gaps[f"r-{seq}"] = (seq, gap)
            case ev.ParticipantJoined() as person:
                joined[person.participant] = person
            case ev.ConferenceEnded() as end:
                ended = (event.timestamp, end)
            case ev.TranscriptCompleted() as completed:
                manifest = completed
            case AssistantTurn() as turn:
                turns.append((seq, turn))
            case _:
                pass  # no line of a file comes of it
    speakers = {one.participant: _speaker(one, joined.get(one.participant)) for one in transcript.people}
    lines: list[Line] = []
    for row in transcript.rows:
        if isinstance(row, UtteranceRow):
            seq, said = spoken[row.key, row.revision]
            lines.append(Spoken(seq=seq, speaker=speakers[row.participant], said=said))
        elif isinstance(row, GapRow):
            seq, gap = gaps[row.key]
            who = speakers.get(row.participant) or _stranger(row.participant)
            lines.append(Missing(seq=seq, speaker=who, gap=gap))
        elif row.key in others:
            lines.append(others[row.key])
    return Export(
        conference=conference,
        speakers=list(speakers.values()),
        lines=lines,
        ended=ended[1] if ended else None,
        ended_at=ended[0] if ended else None,
        manifest=manifest,
        turns=turns,
        alerts=_alerts(events),
    )


def _alerts(events: Sequence[ev.Event]) -> list[tuple[int, AlertRaised, AlertAcknowledged | None]]:
    """In order. Of who acknowledged one, the first."""
    noted: dict[str, AlertAcknowledged] = {}
    for event in events:
        if isinstance(event.data, AlertAcknowledged):
            noted.setdefault(event.data.alert, event.data)
    return [
        (event.seq or 0, event.data, noted.get(event.data.alert))
        for event in events
        if isinstance(event.data, AlertRaised)
    ]


def _pauses(events: Sequence[ev.Event]) -> dict[str, Paused]:
    """By the key of the row with which each begins."""
    pauses: dict[str, Paused] = {}
    for event in events:
        match event.data:
            case ev.TranscriptPaused(by=by, reason=reason, at_ms=at_ms):
                paused = Paused(seq=event.seq or 0, by=by, reason=reason, from_ms=at_ms, to_ms=None)
                pauses[f"r-{event.seq}"] = paused
            case ev.TranscriptResumed(at_ms=at_ms) if pauses:
                key = next(reversed(pauses))
                pauses[key] = msgspec.structs.replace(pauses[key], to_ms=at_ms)
            case _:
                pass
    return pauses


def _notes(events: Sequence[ev.Event]) -> dict[str, Noted]:
    """By the key of the row of each."""
    return {f"r-{one.seq}": Noted(seq=one.seq or 0, note=one.data) for one in events if isinstance(one.data, NoteAdded)}


def one_line(text: str) -> str:
    """Without line ends of any kind: they would end a cue, a row or a line of a file."""
    return _LINE_ENDS.sub(" ", text)


def iso(moment: datetime) -> str:
    """``2026-11-01T12:41:00.400Z``."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock(ms: int, *, point: str = ".") -> str:
    """``00:03:07.250``; hours grow as they must."""
    seconds, ms = divmod(max(0, ms), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{ms:03}"


def _speaker(person: Person, joined: ev.ParticipantJoined | None) -> Speaker:
    return Speaker(id=person.participant, label=person.label, name=person.name, role=person.role, joined=joined)


def _stranger(participant: str) -> Speaker:
    """Somebody whose audio was lost before anything else was told of them."""
    return Speaker(id=participant, label="", name="", role=Role.OTHER, joined=None)
