"""The wallboard's context: rows as the template shows them. ``web/static/js/wallboard_row.js`` goes on by the same
rules. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sidecar.domain.blocks import display_name
from sidecar.domain.conference.values import Conference, ConferenceState, Participant, ParticipantState, Role
from sidecar.domain.wallboard import WallboardPerson, WallboardRow
from sidecar.server.pages.conference_view import Share, sign_words, talk_bar
from sidecar.server.pages.rendering import counted, counted_gaps, offset, room_name, span

# Names in a row; the others are counted.
PEOPLE_SHOWN = 3
# A shorter silence is a breath, or the recogniser's delay.
SILENCE_SHOWN_MS = 5_000
# From here on a silence is worth a look.
SILENCE_LONG_MS = 20_000

_PILLS = {ConferenceState.WAITING: "warn", ConferenceState.LIVE: "live", ConferenceState.ENDED: "quiet"}
_TROUBLE = {"none": "not transcribed yet", "interrupted": "audio interrupted"}


@dataclass(frozen=True, kw_only=True)
class ShownPerson:
    """A name with its shape and signs. ``trouble``: why this person is not being transcribed, or ""."""

    role: Role
    name: str
    signs: str
    trouble: str


@dataclass(frozen=True, kw_only=True)
class ShownRow:
    """A row of the live table. ``more``: people without a place in it, as "+2". ``assistant``: one is on the call.

    ``alert``: the loudest one that is open, or ""; ``alert_more``: how many others are.
    """

    id: str
    state: ConferenceState
    pill: str
    state_words: str
    time: str
    room: str
    people: list[ShownPerson]
    more: str
    title: str
    shares: list[Share]
    talk_words: str
    assistant: bool
    line_role: Role
    line_signs: str
    line: str
    partial: bool
    silence: str
    silence_long: bool
    gaps: str
    ended: bool
    alert: str
    alert_more: str
    alert_severity: str


@dataclass(frozen=True, kw_only=True)
class EndedCall:
    """A row of the calls that ended lately."""

    id: str
    room: str
    people: str
    started: datetime
    duration: str


@dataclass(frozen=True, kw_only=True)
class WallboardPage:
    """All that ``wallboard.html`` may use. ``ended`` None: unreadable just now. ``voice_url``: a number's webhook.

    ``webhooks_off``: a sentence about endpoints that are told nothing any more, or "".
    """

    title: str
    counts: str
    now: datetime
    ready: bool
    rows: list[ShownRow]
    ended: list[EndedCall] | None
    voice_url: str
    webhooks_off: str
    blank: ShownRow
    blank_person: ShownPerson
    blank_ended: EndedCall


def wallboard_page(
    rows: Sequence[WallboardRow],
    ended: list[EndedCall] | None,
    *,
    now: datetime,
    ready: bool,
    voice_url: str,
    webhooks_off: int = 0,
) -> WallboardPage:
    """The page as the board stands at ``now``. ``ready``: whether the running calls are all known yet.

    ``webhooks_off``: how many endpoints were disabled because they failed.
    """
    live = sum(row.state is ConferenceState.LIVE for row in rows)
    blank = WallboardRow(
        id="", sid=None, room="", state=ConferenceState.WAITING, on_hold=False, paused=False, clock_zero=now,
        started_ms=None, ended_ms=None, people=[], others=0, last=None, speech_ms=0, silent_since_ms=None,
        overtalk=0, gaps=0, gap_ms=0, unsaved=0,
    )  # fmt: skip
    return WallboardPage(
        title=f"({live}) Sidecar" if live else "Sidecar",
        counts=counts(rows),
        now=now,
        ready=ready,
        rows=[shown_row(row, now) for row in rows],
        ended=ended,
        voice_url=voice_url,
        webhooks_off=_webhooks_off(webhooks_off),
        blank=shown_row(blank, now),
        blank_person=ShownPerson(role=Role.OTHER, name="", signs="", trouble=""),
        blank_ended=EndedCall(id="", room="", people="", started=now, duration=""),
    )


def _webhooks_off(count: int) -> str:
    if not count:
        return ""
    endpoints = counted(count, "webhook endpoint was", "webhook endpoints were")
    return f"{endpoints} switched off after failing, and told nothing since then."


def counts(rows: Sequence[WallboardRow]) -> str:
    """3 live · 1 on hold · 1 waiting; states that nobody is in are left out."""
    numbers = Counter(_filed(row) for row in rows)
    words = (
        ("live", "live"),
        ("paused", "paused"),
        ("hold", "on hold"),
        ("waiting", "waiting"),
        ("ended", "just ended"),
    )
    alerts = sum(row.alerts_open for row in rows)
    told = [f"{numbers[state]} {word}" for state, word in words if numbers[state]]
    return " · ".join([*told, counted(alerts, "alert", "alerts")] if alerts else told)


def ended_call(conference: Conference, people: Sequence[Participant]) -> EndedCall:
    """A call that is over, as its rows in the directory tell it."""
    return EndedCall(
        id=conference.id,
        room=room_name(conference.id, conference.room),
        people=", ".join(display_name(person.name, person.label) for person in people),
        started=conference.clock_zero,
        duration=offset(conference.clock_ms(conference.ended_at)) if conference.ended_at else "",
    )


def shown_row(row: WallboardRow, now: datetime) -> ShownRow:
    """The row as words and shapes."""
    now_ms = max(0, round((now - row.clock_zero).total_seconds() * 1000))
    ended = row.state is ConferenceState.ENDED
    here = [p for p in row.people if p.state is not ParticipantState.LEFT] or row.people
    named, unnamed = here[:PEOPLE_SHOWN], max(0, len(here) - PEOPLE_SHOWN) + row.others
    silence_ms = 0 if row.silent_since_ms is None else now_ms - row.silent_since_ms
    shares = _shares(row)
    talk_words = ", ".join(f"{p.name} {percent} %" for p, percent in zip(row.people, shares, strict=True))
    return ShownRow(
        id=row.id,
        state=row.state,
        pill="warn" if row.on_hold or row.paused else _PILLS[row.state],
        state_words={"hold": "On hold"}.get(_filed(row), _filed(row).capitalize()),
        time=offset((row.ended_ms if row.ended_ms is not None else now_ms) - (row.started_ms or 0)),
        room=room_name(row.id, row.room),
        people=[ShownPerson(role=p.role, name=p.name, signs=_signs(p, row), trouble=_trouble(p, row)) for p in named],
        more=f"+{unnamed}" if unnamed else "",
        title=_title(row, talk_words),
        shares=talk_bar((p.role, percent) for p, percent in zip(row.people, shares, strict=True)),
        talk_words=talk_words,
        line_role=row.last.role if row.last else Role.OTHER,
        line=row.last.text if row.last else "",
        line_signs="coaching" if row.last and row.last.coaching else "",
        partial=row.last is not None and row.last.partial,
        silence=span(silence_ms // 1000 * 1000) if silence_ms >= SILENCE_SHOWN_MS else "",
        silence_long=silence_ms >= SILENCE_LONG_MS,
        gaps=f"{row.gaps} · {span(row.gap_ms)}" if row.gaps else "",
        alert=row.alerts[0].name if row.alerts else "",
        alert_more=f"+{row.alerts_open - 1}" if row.alerts_open > 1 else "",
        alert_severity=row.alerts[0].severity if row.alerts else "",
        ended=ended,
        assistant=any(p.role is Role.ASSISTANT and p.state is ParticipantState.JOINED for p in row.people)
        and not ended,
    )


def _filed(row: WallboardRow) -> str:
    """A call that is paused or on hold is live, and yet in a state of its own to people."""
    return "paused" if row.paused else "hold" if row.on_hold else row.state.value


def _trouble(person: WallboardPerson, row: WallboardRow) -> str:
    on_call = person.state is ParticipantState.JOINED and row.state is not ConferenceState.ENDED
    heard = person.role is Role.ASSISTANT  # what it says is known without hearing it
    return _TROUBLE.get(person.fork, "") if on_call and not heard else ""


def _signs(person: WallboardPerson, row: WallboardRow) -> str:
    on_call = person.state is ParticipantState.JOINED and row.state is not ConferenceState.ENDED
    return sign_words(person.hold, person.muted, person.coaching) if on_call else ""


def _title(row: WallboardRow, talk_words: str) -> str:
    """All of a row in words, for whoever rests the pointer on it."""
    troubles = [f"{p.name} {_trouble(p, row)}" for p in row.people if _trouble(p, row)]
    return "\n".join(
        filter(
            None,
            [
                room_name(row.id, row.room),
                ", ".join(f"{p.name} ({p.role})" for p in row.people),
                talk_words if row.speech_ms else "",
                f"spoke over each other {counted(row.overtalk, 'time', 'times')}" if row.overtalk else "",
                f"{counted_gaps(row.gaps, row.gap_ms)} not transcribed" if row.gaps else "",
                "transcription is paused" if row.paused else "",
                "alerts: " + ", ".join(one.name for one in row.alerts) if row.alerts else "",
                *troubles,
            ],
        )
    )


def _shares(row: WallboardRow) -> list[int]:
    """Percent of the conversation per person, rounded; what is left over 100 is silence."""
    whole = max(row.speech_ms, sum(p.talk_ms for p in row.people))
    return [(100 * p.talk_ms + whole // 2) // whole if whole else 0 for p in row.people]
