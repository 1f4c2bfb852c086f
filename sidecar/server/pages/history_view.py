"""The history's context: the form as it was sent, and what it found. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from urllib.parse import urlencode

from sidecar.domain.blocks import display_name
from sidecar.domain.conference.values import Conference, ConferenceState, Participant, Role
from sidecar.domain.errors import SidecarError
from sidecar.domain.search import QUERY_CHARS_MOST, Piece, SearchQuery, snippet
from sidecar.ports.search import Found
from sidecar.server.api.search import line_path
from sidecar.server.pages.rendering import offset, room_name

STATES = (("", "Any state"), ("live", "Live"), ("waiting", "Waiting"), ("ended", "Ended"))
_PILLS = {ConferenceState.WAITING: "warn", ConferenceState.LIVE: "live", ConferenceState.ENDED: "quiet"}
# What stands in a field is shown again as it was sent, but never without end.
_FIELD_CHARS_MOST = 2 * QUERY_CHARS_MOST


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The form's fields. ``since``, ``until``: days in UTC, from and to; ``after``: where the page before ended."""

    q: str = ""
    state: str = ""
    agent: str = ""
    room: str = ""
    since: str = ""
    until: str = ""
    after: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Asked:
        """As an address has them."""
        values = {one.name: query.get(_PARAMETER.get(one.name, one.name), "") for one in fields(cls)}
        return cls(**{name: value[:_FIELD_CHARS_MOST] for name, value in values.items()})

    @property
    def href(self) -> str:
        """The address that asks so."""
        values = {_PARAMETER.get(one.name, one.name): getattr(self, one.name) for one in fields(self)}
        given = urlencode({name: value for name, value in values.items() if value})
        return f"/history?{given}" if given else "/history"


_PARAMETER = {"since": "from", "until": "to"}


@dataclass(frozen=True, kw_only=True)
class ShownLine:
    """A line that was found, and its call. ``at``: on the conference clock; ``said``: by the wall's."""

    path: str
    at: str
    said: datetime
    role: Role
    name: str
    coaching: bool
    pieces: list[Piece]
    room: str


@dataclass(frozen=True, kw_only=True)
class ShownCall:
    """A call of the list."""

    id: str
    pill: str
    state: str
    room: str
    people: str
    started: datetime
    duration: str


@dataclass(frozen=True, kw_only=True)
class HistoryPage:
    """All that ``history.html`` may use. ``refusal``: why nothing was looked for, or "". ``older``, ``newest``: where
    the next and the first page are, or "". ``nothing``: what to say when the list is empty."""

    asked: Asked
    searching: bool
    filtered: bool
    refusal: str
    lines: list[ShownLine]
    calls: list[ShownCall]
    nothing: tuple[str, str]
    older: str
    newest: str
    states: tuple[tuple[str, str], ...]
    query_chars_most: int


def history_page(
    asked: Asked,
    *,
    lines: Sequence[ShownLine] = (),
    calls: Sequence[ShownCall] = (),
    older: str = "",
    refused: SidecarError | None = None,
) -> HistoryPage:
    """The page. ``older``: the cursor of what follows, or ""."""
    searching, first = bool(asked.q.strip()), replace(asked, after="")
    filtered = first != Asked()
    return HistoryPage(
        asked=asked,
        searching=searching,
        filtered=filtered,
        refusal=str(refused) if refused else "",
        lines=list(lines),
        calls=list(calls),
        nothing=_nothing(searching=searching, filtered=filtered),
        older=replace(asked, after=older).href if older else "",
        newest=first.href if asked.after else "",
        states=STATES,
        query_chars_most=QUERY_CHARS_MOST,
    )


def shown_line(line: Found, query: SearchQuery) -> ShownLine:
    """A line with its hits marked."""
    return ShownLine(
        path=line_path(line),
        at=offset(line.start_ms),
        said=line.clock_zero + timedelta(milliseconds=line.start_ms),
        role=line.role,
        name=display_name(line.name, line.label),
        coaching=line.coaching,
        pieces=snippet(line.text, query.wanted),
        room=room_name(line.conference, line.room),
    )


def shown_call(call: Conference, people: Sequence[Participant], now: datetime) -> ShownCall:
    """A call as its rows tell it; of one that goes on, for how long so far."""
    return ShownCall(
        id=call.id,
        pill=_PILLS[call.state],
        state=call.state.value.capitalize(),
        room=room_name(call.id, call.room),
        people=", ".join(display_name(person.name, person.label) for person in people),
        started=call.clock_zero,
        duration=offset(call.clock_ms(call.ended_at or now)),
    )


def _nothing(*, searching: bool, filtered: bool) -> tuple[str, str]:
    if searching:
        return "Nothing found", "Nobody said that in these calls. Fewer words find more, and so does canc* for cancel."
    if filtered:
        return "No such calls", "No call fits all of these filters."
    return "No calls yet", "Calls appear here as soon as they begin, and stay."
