"""Counts over all conferences of a process."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.assistant.events import AssistantTurn, TurnLatency
from sidecar.domain.events import Event, EventData, TranscriptGap, UtteranceFinal
from sidecar.runtime.tally import DELAY_BOUNDS_S, Distribution, Tally
from tests.facts import NOON

FINAL = UtteranceFinal(
    id="utt_1", participant="par_1", fork="frk_1", session="ses_1", result_index=0, revision=1, start_ms=0, end_ms=900,
    text="hello", engine="local", lag_ms=400,
)  # fmt: skip
GAP = TranscriptGap(participant="par_1", fork="frk_1", from_ms=1_000, to_ms=3_500, reason="stream_lost")
TURN = AssistantTurn(
    assistant="ast_1", participant="par_2", utterance="utt_2", start_ms=0, end_ms=900, text="Five days, I think.",
    heard="Five days,", why="addressed", outcome="interrupted", chat_model="scripted", voice="local",
    latency=TurnLatency(model=100, voice=300, waited=0, sent=20, total=420),
)  # fmt: skip


def event(data: EventData) -> Event:
    return Event(
        id="evt_1", type=data.type, seq=1, timestamp=NOON, conference="cnf_1", conference_sid=None, tenant="", data=data
    )


@given(st.lists(st.floats(0, 100)))
def test_every_value_is_counted_once_at_its_bound(values: list[float]) -> None:
    """A value that equals a bound counts as at most that bound, as Prometheus' ``le`` has it."""
    seen = Distribution(DELAY_BOUNDS_S)
    for value in values:
        seen.note(value)
    assert sum(seen.counts) == len(values)
    assert seen.total == pytest.approx(sum(values))
    for n, bound in enumerate(seen.bounds):
        assert sum(seen.counts[: n + 1]) == sum(value <= bound for value in values)


def test_gaps_count_by_reason_and_an_utterance_s_delay_includes_its_way_into_the_store() -> None:
    """The delay is what a reader of the page waits for."""
    tally = Tally()
    tally.stored(event(FINAL), delay_s=0.3)
    tally.stored(event(GAP), delay_s=0.1)
    tally.stored(event(msgspec.structs.replace(GAP, from_ms=4_000, to_ms=4_500)), delay_s=0.1)
    assert tally.gap_ms == {"stream_lost": 3_000}
    assert tally.transcript_delay_s.total == pytest.approx(0.7)
    assert tally.events == {"utterance.final": 1, "transcript.gap": 2}


def test_a_turn_counts_by_its_outcome_and_each_stage_for_the_engine_that_took_the_time() -> None:
    """A stage that was not needed is no stage of no length."""
    tally = Tally()
    tally.stored(event(TURN), delay_s=0.0)
    said = msgspec.structs.replace(
        TURN, outcome="completed", latency=TurnLatency(voice=100, waited=0, sent=0, total=100)
    )
    tally.stored(event(said), delay_s=0.0)
    assert tally.assistants.turns == {"interrupted": 1, "completed": 1}
    stages = {key: (sum(seen.counts), seen.total) for key, seen in tally.assistants.turn_s.items()}
    assert stages == {
        ("model", "scripted"): (1, 0.1),
        ("voice", "local"): (2, 0.4),
        ("waited", ""): (2, 0.0),
        ("sent", ""): (2, 0.02),
        ("total", "scripted"): (2, pytest.approx(0.52)),
    }
