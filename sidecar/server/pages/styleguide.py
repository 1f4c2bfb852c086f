"""``GET /styleguide``: every component once, in all its states, on a call that never was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from sidecar.domain import events as ev
from sidecar.domain.conference.values import Conference, ConferenceState, Role
from sidecar.domain.note_events import NoteAdded
from sidecar.domain.wallboard import ConferenceFold
from sidecar.server.pages.conference_view import ConferencePage, conference_page
from sidecar.server.pages.rendering import respond
from sidecar.server.pages.styleguide_hooks import SampleHooks, sample_hooks
from sidecar.server.pages.wallboard_view import ShownRow, shown_row

_ZERO = datetime(2026, 3, 2, 12, 41, tzinfo=UTC)
_NOW = _ZERO + timedelta(seconds=187)
_CALL = Conference(
    id="cnf_styleguide", tenant="default", room="harbor-bikes", sid=None, state=ConferenceState.LIVE, clock_zero=_ZERO,
    ended_at=None, seq=0,
)  # fmt: skip
_PEOPLE = (
    ("par_maya", "Maya", Role.AGENT),
    ("par_customer", "Customer", Role.CUSTOMER),
    ("par_ava", "Ava", Role.ASSISTANT),
    ("par_lee", "Lee", Role.SUPERVISOR),
)
_LINES: tuple[tuple[Any, ...], ...] = (
    ("par_maya", 4, 8, "Good morning, this is Maya at Harbor Bikes. How can I help you today?"),
    ("par_customer", 9, 17, "Hi, I ordered a city bike last Tuesday and it still has not arrived."),
    ("par_customer", 18, 20, "I need it before the weekend. My card is [card number]."),
    ("par_maya", 26, 30, "Thank you, I can see it. The parcel is waiting at the depot."),
    ("par_ava", 41, 44, "Refunds take five working days.", "If you prefer, I can also"),
    ("par_lee", 60, 62, "I have told the depot."),
)
_GAP = ev.TranscriptGap(
    participant="par_customer", fork="frk", from_ms=21_000, to_ms=25_000, reason="stream_reconnected"
)
_NOTE = NoteAdded(note="not", at_ms=30_000, text="Promised to call back: ask on Thursday.", by="Ana")


@dataclass(frozen=True, kw_only=True)
class StyleguidePage:
    """All that ``styleguide.html`` may use: a call as the conference page shows it, rows of the wallboard, webhooks."""

    call: ConferencePage
    board: list[ShownRow]
    hooks: SampleHooks


async def show(request: web.Request) -> web.Response:
    """The page; the same at every moment, so that pictures of it can be compared."""
    return respond(request, "styleguide.html", _page())


def _page() -> StyleguidePage:
    arrivals: list[ev.EventData] = [
        ev.ParticipantJoined(participant=who, call_sid=f"CA_{who}", label=role, name=name, role=role, at_ms=0)
        for who, name, role in _PEOPLE
    ]
    forks: list[ev.EventData] = [
        ev.ForkStarted(fork=f"frk_{who}", participant=who, stream_sid="MZ", at_ms=0) for who, _, _ in _PEOPLE[:3]
    ]
    started = ev.ConferenceStarted(room=_CALL.room, conference_sid=None)
    lines = [_line(n, line) for n, line in enumerate(_LINES)]
    over = ev.ConferenceEnded(reason="last-participant-left", at_ms=187_000)
    signs = [
        _sign("par_customer", "Customer", Role.CUSTOMER, hold=True),
        _sign("par_lee", "Lee", Role.SUPERVISOR, coaching=True),
        _sign("par_maya", "Maya", Role.AGENT, muted=True),
    ]
    running = [*arrivals, started, *forks, *lines, _GAP, _NOTE]
    return StyleguidePage(
        call=conference_page(_CALL, [], _events(*running), epoch="", now=_NOW),
        board=[_row(*running), _row(*arrivals[:1]), _row(*running, *signs), _row(*running, over)],
        hooks=sample_hooks(_NOW),
    )


def _sign(who: str, name: str, role: Role, **signs: bool) -> ev.ParticipantUpdated:
    return ev.ParticipantUpdated(participant=who, label=role, name=name, role=role, at_ms=150_000, **signs)


def _row(*facts: ev.EventData) -> ShownRow:
    fold = ConferenceFold(_CALL)
    for event in _events(*facts):
        fold.take(event)
    return shown_row(fold.row(), _NOW)


def _events(*facts: ev.EventData) -> list[ev.Event]:
    return [
        ev.Event(
            id=f"evt_{n}", type=data.type, seq=n, timestamp=_ZERO, conference=_CALL.id, conference_sid=None,
            tenant=_CALL.tenant, data=data,
        )
        for n, data in enumerate(facts, 1)
    ]  # fmt: skip


def _line(n: int, line: tuple[Any, ...]) -> ev.UtteranceFinal:
    who, from_s, to_s, text, *cut = line
    return ev.UtteranceFinal(
        id=f"utt_{n}", participant=who, fork=f"frk_{who}", session="ses", result_index=n, revision=1,
        start_ms=from_s * 1000, end_ms=to_s * 1000, text=text, engine="local", lag_ms=400, cut="".join(cut),
    )  # fmt: skip
