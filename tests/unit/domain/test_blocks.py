"""A transcript from its events. The cases of tests/golden/blocks are shared with the page's script (tests/browser)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain import blocks
from sidecar.domain import events as ev
from sidecar.domain.conference.values import Participant, ParticipantState

GOLDEN = Path(__file__).parents[2] / "golden" / "blocks"
CASES = sorted(GOLDEN.glob("*.json"))
ZERO = datetime(2026, 11, 1, 12, 41, tzinfo=UTC)


def as_events(facts: list[dict[str, Any]]) -> list[ev.Event]:
    """Envelopes as the log gives them."""
    return [
        ev.Event(
            id=f"evt_{fact['seq']}",
            type=fact["type"],
            seq=fact["seq"],
            timestamp=datetime.fromisoformat(fact["timestamp"]),
            conference="cnf_1",
            conference_sid=None,
            tenant="default",
            data=ev.decode_data(fact["type"], json.dumps(fact["data"])),
        )
        for fact in facts
    ]


def read(case: dict[str, Any]) -> dict[str, Any]:
    """What the fold makes of a case, in the form of its ``expect``."""
    roster = [
        Participant(
            id=one["participant"],
            conference_id="cnf_1",
            call_sid="CA1",
            label=one["label"],
            name=one["name"],
            role=one["role"],
            state=ParticipantState.EXPECTED,
        )
        for one in case["roster"]
    ]
    zero = datetime.fromisoformat(case["clock_zero"])
    transcript = blocks.read_transcript(as_events(case["events"]), clock_zero=zero, roster=roster)
    result: dict[str, Any] = msgspec.to_builtins(transcript)
    for row in result["rows"]:
        row.pop("timestamp", None)
    result["shares"] = blocks.talk_shares(transcript.people, transcript.speech_ms)
    return result


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_each_shared_case_reads_as_expected(path: Path) -> None:
    case = json.loads(path.read_text())
    assert read(case) == case["expect"], case["says"]


def test_a_participant_is_called_by_name_else_label_else_caller() -> None:
    assert blocks.display_name(" Maya ", "agent") == "Maya"
    assert blocks.display_name(" ", "agent") == "agent"
    assert blocks.display_name("", "") == "Caller"


def test_an_event_of_an_unknown_kind_makes_no_row() -> None:
    class Later(ev.EventData, frozen=True, kw_only=True):
        type = "mood.changed"

    event = ev.Event(
        id="evt_1", type="mood.changed", seq=1, timestamp=ZERO, conference="cnf_1", conference_sid=None,
        tenant="default", data=Later(),
    )  # fmt: skip
    transcript = blocks.read_transcript([event], clock_zero=ZERO)
    assert transcript.rows == []
    assert transcript.seq == 1


utterances = st.builds(
    lambda n, who, start, length: ev.UtteranceFinal(
        id=f"utt_{n:04}", participant=who, fork="f", session="s", result_index=n, revision=1, start_ms=start,
        end_ms=start + length, text="x", engine="local", lag_ms=1,
    ),
    st.integers(0, 9999), st.sampled_from(["a", "b", "c"]), st.integers(0, 200_000), st.integers(0, 18_000),
)  # fmt: skip


@given(st.lists(utterances, unique_by=lambda one: one.id))
def test_every_utterance_has_one_row_in_order_and_shares_are_at_most_the_whole(spoken: list[ev.UtteranceFinal]) -> None:
    events = [
        ev.Event(
            id=f"evt_{n}", type=data.type, seq=n, timestamp=ZERO + timedelta(seconds=n), conference="cnf_1",
            conference_sid=None, tenant="default", data=data,
        )
        for n, data in enumerate(spoken, 1)
    ]  # fmt: skip
    transcript = blocks.read_transcript(events, clock_zero=ZERO)
    starts = [row.at_ms for row in transcript.rows]
    assert starts == sorted(starts)
    assert {row.key for row in transcript.rows} == {one.id for one in spoken}
    shares = blocks.talk_shares(transcript.people, transcript.speech_ms)
    # Each share is rounded by itself.
    assert sum(shares.values()) <= 100 + len(shares)
