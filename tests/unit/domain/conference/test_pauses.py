"""Pauses of transcription: whoever wishes what, and however often."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sidecar.domain.conference.facts import Pause, Resume
from sidecar.domain.conference.pauses import IN_FLIGHT_MS, after, stored_pause
from sidecar.domain.conference.values import Conference, ConferenceState
from sidecar.domain.events import TranscriptPaused, TranscriptResumed
from sidecar.domain.spans import NEVER, Spans
from tests.facts import NOON

PAUSE, RESUME = Pause(by="Ana", reason="card number"), Resume(by="crm")
wishes = st.lists(st.tuples(st.booleans(), st.integers(0, 3_000)), max_size=12).map(
    lambda told: [(PAUSE if pause else RESUME, sum(ms for _, ms in told[: n + 1])) for n, (pause, _) in enumerate(told)]
)


def test_a_pause_begins_at_once_and_ends_when_what_was_under_way_has_come() -> None:
    begun, paused = after(NEVER, PAUSE, 4_000)
    assert paused == TranscriptPaused(by="Ana", reason="card number", at_ms=4_000)
    over, resumed = after(begun, RESUME, 9_000)
    assert resumed == TranscriptResumed(by="crm", at_ms=9_000 + IN_FLIGHT_MS)
    assert over.closed == ((4_000, 9_000 + IN_FLIGHT_MS),)


@given(wishes)
def test_what_is_so_already_makes_no_event_and_pauses_never_overlap(told: list[tuple[Pause | Resume, int]]) -> None:
    pauses, events = NEVER, []
    for wish, at_ms in told:
        before = pauses
        pauses, event = after(pauses, wish, at_ms)
        assert (event is None) == (isinstance(wish, Pause) == (before.since is not None))
        events += [event] if event else []
        assert (pauses.since is not None) == isinstance(wish, Pause)
    assert [type(event) for event in events] == ([TranscriptPaused, TranscriptResumed] * len(events))[: len(events)]
    moments = [event.at_ms for event in events]
    assert moments == sorted(moments)


def test_after_a_restart_the_newest_pause_is_known_from_the_row() -> None:
    row = Conference(
        id="cnf_1", tenant="", room="r", sid=None, state=ConferenceState.LIVE, clock_zero=NOON, ended_at=None, seq=0
    )
    assert (stored_pause(row), row.paused) == (NEVER, False)
    lasting = replace(row, paused_ms=4_000)
    assert (stored_pause(lasting), lasting.paused) == (Spans(since=4_000), True)
    over = replace(lasting, resumed_ms=9_000)
    assert (stored_pause(over), over.paused) == (Spans(closed=((4_000, 9_000),)), False)
