"""The conference page's context: what the template shows, and what its script starts from. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sidecar.domain import blocks
from sidecar.domain import events as ev
from sidecar.domain.assistant.words import ASSISTANT_REASONS
from sidecar.domain.blocks import Person, Transcript
from sidecar.domain.conference.values import Conference, Participant, ParticipantState, Role
from sidecar.domain.exports import FORMATS
from sidecar.domain.note_events import NoteAdded
from sidecar.domain.rows import GapRow, NoteRow, Row, SystemRow, UtteranceRow
from sidecar.domain.system_words import SYSTEM_WORDS
from sidecar.server.pages.conference_history import AssistantNow, Older, history, older_lines
from sidecar.server.pages.phone import Phone
from sidecar.server.pages.rendering import called, counted, counted_gaps, offset, parts, room_name, span, wall

# Rows in the first paint, and utterances in the history beside it. The script asks for older ones when they are needed.
FIRST_PAINT_ROWS = 300

SHORTCUTS = (
    ("f", "Follow the live text, or stop following"),
    ("End", "Jump to live"),
    ("/", "Find in this call"),
    ("j  k", "Next or previous utterance"),
    ("n", "Note something to the chosen utterance, else to this moment"),
    ("x", "Redact the chosen utterance, or the words that are selected (supervisors)"),
    ("y", "Copy a link to the chosen utterance, else the newest"),
    ("a", "Acknowledge the loudest open alert"),
    ("Esc", "Close, or let go of the chosen utterance"),
    ("?", "Show these shortcuts"),
)

_NOBODY = Person(participant="", name="", label="", role=Role.OTHER, state=ParticipantState.EXPECTED)


@dataclass(frozen=True, kw_only=True)
class ShownUtterance:
    """An utterance with its speaker and its wall clock time."""

    row: UtteranceRow
    person: Person
    wall: str
    kind: Literal["utterance"] = "utterance"


@dataclass(frozen=True, kw_only=True)
class ShownGap:
    """A gap with whose audio it was, and the sentence for why."""

    row: GapRow
    person: Person
    reason: str
    kind: Literal["gap"] = "gap"


@dataclass(frozen=True, kw_only=True)
class ShownNote:
    """What somebody noted."""

    row: NoteRow
    kind: Literal["note"] = "note"


@dataclass(frozen=True, kw_only=True)
class ShownSystem:
    """A system row as a sentence cut into its parts."""

    row: SystemRow
    parts: list[tuple[str, str | datetime]]
    kind: Literal["system"] = "system"


Shown = ShownUtterance | ShownGap | ShownNote | ShownSystem


@dataclass(frozen=True, kw_only=True)
class ShownPerson:
    """A line of the people card. ``signs``: how the person stands in the room, of "hold muted coaching".

    ``trouble``: why this person is not being transcribed, or "".
    """

    role: Role
    state: ParticipantState
    name: str
    meta: str
    signs: str
    trouble: str


@dataclass(frozen=True, kw_only=True)
class Share:
    """A part of the talk bar, in percent of its width."""

    role: Role
    from_percent: int
    percent: int


@dataclass(frozen=True, kw_only=True)
class ExportLink:
    """A format to export to: its name, what it is for, and where."""

    name: str
    use: str
    href: str


@dataclass(frozen=True, kw_only=True)
class Blank:
    """Empty rows for the ``<template>`` elements that the script clones."""

    person: Person
    utterance: UtteranceRow
    gap: GapRow
    note: NoteRow
    system: SystemRow
    listed: ShownPerson


@dataclass(frozen=True, kw_only=True)
class ConferencePage:
    """All that ``conference.html`` may use. ``history``: what the script starts from, as JSON.

    ``phone``: in a demo, while the call goes on. ``may_note``, ``may_redact``: whether this reader may.
    """

    id: str
    sid: str | None
    room: str
    heading: str
    connection: str
    call_state: str
    call_words: str
    coverage: str
    coverage_state: str
    started: str
    empty: str
    silent: bool
    ended: bool
    paused: blocks.Paused | None
    rows: list[Shown]
    notes: int
    may_note: bool
    may_redact: bool
    people: list[ShownPerson]
    shares: list[Share]
    talk_words: str
    silence: str
    summary: list[tuple[str, str]]
    summary_blank: list[tuple[str, str]]
    exports: list[ExportLink]
    phone: Phone | None
    partial: bool
    shortcuts: tuple[tuple[str, str], ...]
    blank: Blank
    older: bool
    may_acknowledge: bool
    history: dict[str, Any]


def conference_page(
    conference: Conference,
    roster: Sequence[Participant],
    events: Sequence[ev.Event],
    *,
    epoch: str,
    now: datetime,
    older: Older | None = None,
    phone: Phone | None = None,
    assistant: AssistantNow | None = None,
    may_note: bool = False,
    may_redact: bool = False,
    may_acknowledge: bool = False,
) -> ConferencePage:
    """The page of a conference as its events tell it. ``epoch``: the life of the store that they are from.

    ``older``: the utterances among the events are only the newest. ``may_acknowledge``: who looks may do so.
    """
    earlier = older.earlier if older else None
    transcript = blocks.read_transcript(events, clock_zero=conference.clock_zero, roster=roster, earlier=earlier)
    people = {person.participant: person for person in transcript.people}
    shares = blocks.talk_shares(transcript.people, transcript.speech_ms)
    shown_until = transcript.ended_ms if transcript.ended_ms is not None else conference.clock_ms(now)
    ended = transcript.ended_ms is not None
    coverage, all_heard = _coverage(transcript, ended=ended)
    call_state, call_words = _call_pill(transcript, shown_until)
    return ConferencePage(
        id=conference.id,
        sid=conference.sid,
        room=room_words(conference),
        heading=heading(transcript.people, room_words(conference)),
        connection="Complete" if transcript.completed else "Connecting",
        call_state=call_state,
        call_words=call_words,
        coverage=coverage,
        coverage_state="warn" if coverage and not all_heard else "quiet",
        started=_wall_at(conference, transcript.started_ms) if transcript.started_ms is not None else "not yet",
        empty="Nobody spoke on this call." if ended else "Waiting for the first words.",
        silent=all(isinstance(row, SystemRow) for row in transcript.rows),
        ended=ended,
        paused=transcript.paused if not ended else None,
        rows=[_shown(row, people, conference) for row in transcript.rows[-FIRST_PAINT_ROWS:]],
        notes=sum(isinstance(event.data, NoteAdded) for event in events),
        may_note=may_note,
        may_redact=may_redact,
        people=[_listed(person, shares[person.participant]) for person in transcript.people],
        shares=talk_bar((person.role, shares[person.participant]) for person in transcript.people),
        talk_words=_talk_words(transcript.people, shares),
        silence=_silence(transcript, shares),
        summary=_summary(transcript, conference, shares) if ended else [],
        summary_blank=[("Duration", ""), ("Time", ""), ("Not transcribed", ""), ("Talk", "")],
        exports=export_links(conference.id),
        phone=phone if not ended else None,
        partial=not transcript.completed,
        shortcuts=SHORTCUTS,
        blank=_blank(conference.clock_zero),
        older=older is not None,
        may_acknowledge=may_acknowledge,
        history=history(conference, roster, events, epoch=epoch, now=now, room=room_words(conference))
        | {"older": older_lines(older), "assistant": assistant or AssistantNow()},
    )


def room_words(conference: Conference) -> str:
    """What people call the conference's room."""
    return room_name(conference.id, conference.room)


def heading(people: Sequence[Person], room: str) -> str:
    """Who is talking; the room while nobody is known."""
    names = [called(person) for person in people]
    if len(names) > 3:
        names = [*names[:2], f"{len(names) - 2} more"]
    return " · ".join(names) or room


def export_links(conference_id: str) -> list[ExportLink]:
    """The transcript in every format."""
    return [
        ExportLink(name=one.name.upper(), use=one.use, href=f"/v1/conferences/{conference_id}/transcript.{one.name}")
        for one in FORMATS.values()
    ]


def _call_pill(transcript: Transcript, until_ms: int) -> tuple[str, str]:
    """State and words of the call's pill. A call on hold says for how long."""
    if transcript.started_ms is None:
        return "quiet", "Waiting"
    if transcript.ended_ms is not None:
        return "quiet", f"Ended {offset(until_ms - transcript.started_ms)}"
    held_ms = blocks.on_hold_since(transcript.people)
    if held_ms is not None:
        return "warn", f"On hold {offset(until_ms - held_ms)}"
    return "live", f"Live {offset(until_ms - transcript.started_ms)}"


def _coverage(transcript: Transcript, *, ended: bool) -> tuple[str, bool]:
    """How many of those on the call are being transcribed, and whether that is all who are not muted or held."""
    here = [
        person
        for person in transcript.people
        if person.state is ParticipantState.JOINED and person.role is not Role.ASSISTANT
    ]
    if ended or not here:
        return "", True
    if transcript.paused is not None:
        return "Transcription paused", False
    resting = sum(person.rests for person in here)
    heard = sum(person.fork in ("started", "resumed", blocks.OWN) and not person.rests for person in here)
    return f"{heard} of {counted(len(here), 'person', 'people')} being transcribed", heard + resting == len(here)


_TROUBLE = {"none": "Not transcribed yet", "interrupted": "Audio interrupted, asking for it again"}


def _listed(person: Person, percent: int) -> ShownPerson:
    meta = f"{person.role} · {percent} %"
    if person.state is ParticipantState.LEFT and person.left_ms is not None:
        meta = f"left {offset(person.left_ms)} · {percent} %"
    elif person.state is ParticipantState.EXPECTED:
        meta = f"{person.role} · joining"
    trouble = ""
    if person.state is ParticipantState.JOINED and person.role is not Role.ASSISTANT:
        trouble = _TROUBLE.get(person.fork, "")
        if person.detail:
            trouble = f"Not transcribed: {person.detail}"
    held = person.held_ms is not None
    signs = sign_words(held, person.muted, person.coaching) if person.state is ParticipantState.JOINED else ""
    return ShownPerson(
        role=person.role, state=person.state, name=called(person), meta=meta, signs=signs, trouble=trouble
    )


def sign_words(hold: bool, muted: bool, coaching: bool) -> str:
    """The signs that hold, as the pages mark them."""
    return " ".join(word for word, on in (("hold", hold), ("muted", muted), ("coaching", coaching)) if on)


def talk_bar(shares: Iterable[tuple[Role, int]]) -> list[Share]:
    """The parts of the bar, one behind the other. ``shares``: whose, and how many percent."""
    bar: list[Share] = []
    start = 0
    for role, percent in shares:
        bar.append(Share(role=role, from_percent=start, percent=percent))
        start += percent
    return bar


def _talk_words(people: Sequence[Person], shares: dict[str, int]) -> str:
    return ", ".join(f"{called(person)} {shares[person.participant]} %" for person in people)


def _silence(transcript: Transcript, shares: dict[str, int]) -> str:
    return f"Silence {max(0, 100 - sum(shares.values()))} %" if transcript.speech_ms else ""


def _summary(transcript: Transcript, conference: Conference, shares: dict[str, int]) -> list[tuple[str, str]]:
    started, ended = transcript.started_ms or 0, transcript.ended_ms or 0
    return [
        ("Duration", span(ended - started)),
        ("Time", f"{_wall_at(conference, started)} to {_wall_at(conference, ended)}"),
        ("Not transcribed", counted_gaps(transcript.gaps, transcript.gap_ms)),
        ("Talk", _talk_words(transcript.people, shares) if transcript.speech_ms else "nobody spoke"),
    ]


def _wall_at(conference: Conference, ms: int) -> str:
    return wall(conference.clock_zero + timedelta(milliseconds=ms))


def _shown(row: Row, people: dict[str, Person], conference: Conference) -> Shown:
    person = people.get(row.participant or "", _NOBODY)
    match row:
        case UtteranceRow():
            moment = conference.clock_zero + timedelta(milliseconds=row.at_ms)
            return ShownUtterance(row=row, person=person, wall=f"{moment:%H:%M:%S} UTC")
        case GapRow():
            return ShownGap(row=row, person=person, reason=ev.gap_sentence(row.reason, row.detail))
        case NoteRow():
            return ShownNote(row=row)
        case SystemRow():
            values: dict[str, str | datetime] = {
                "name": called(person),
                "time": row.timestamp,
                "by": row.by,
                "why": _why(row),
                "utterances": counted(row.utterances, "utterance", "utterances"),
                "gaps": counted_gaps(row.gaps, row.gap_ms),
            }
            return ShownSystem(row=row, parts=parts(SYSTEM_WORDS[row.type], values))


def _why(row: SystemRow) -> str:
    """A colon and the reason, or nothing."""
    reason = ASSISTANT_REASONS.get(row.reason, row.reason) if row.type.startswith("assistant.") else row.reason
    return f": {reason.replace('{by}', row.by)}" if reason else ""


def _blank(moment: datetime) -> Blank:
    return Blank(
        person=_NOBODY,
        utterance=UtteranceRow(
            key="", participant="", at_ms=0, end_ms=0, revision=0, text="", coaching=False, cut="", opens_block=False
        ),
        gap=GapRow(key="", participant="", at_ms=0, to_ms=0, reason=""),
        note=NoteRow(key="", at_ms=0, text="", by=""),
        system=SystemRow(key="", type="", at_ms=0, timestamp=moment, participant=None),
        listed=ShownPerson(role=Role.OTHER, state=ParticipantState.EXPECTED, name="", meta="", signs="", trouble=""),
    )
