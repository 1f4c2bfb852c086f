"""The manifest adds up what was published, so that anybody who was told can see whether something is missing."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.conference.values import Role
from sidecar.domain.events import (
    Event,
    EventData,
    ParticipantJoined,
    TranscriptCompleted,
    TranscriptGap,
    UtteranceFinal,
)
from sidecar.domain.manifest import Manifest, verdict_of
from sidecar.domain.redaction.by_hand import settled
from sidecar.domain.redaction.events import UtteranceRedacted
from tests.facts import NOON


def events(*facts: EventData) -> list[Event]:
    """Facts as stored events, numbered from 1."""
    return [
        Event(
            id=f"evt_{seq}",
            type=fact.type,
            seq=seq,
            timestamp=NOON,
            conference="cnf_1",
            conference_sid=None,
            tenant="",
            data=fact,
        )
        for seq, fact in enumerate(facts, start=1)
    ]


def final(n: int, text: str) -> UtteranceFinal:
    """An utterance of one second."""
    return UtteranceFinal(
        id=f"utt_{n}",
        participant="par_1",
        fork="frk_1",
        session="ses_1",
        result_index=n,
        revision=1,
        start_ms=n * 1_000,
        end_ms=n * 1_000 + 900,
        text=text,
        engine="scripted",
        lag_ms=0,
    )


def test_the_manifest_counts_and_hashes_what_anybody_can_check() -> None:
    """Counts, lost time, last seq, and the digest over the documented lines."""
    joined = ParticipantJoined(participant="par_1", call_sid="CA1", label="a", name="A", role=Role.AGENT, at_ms=0)
    gap = TranscriptGap(participant="par_1", fork="frk_1", from_ms=2_000, to_ms=2_750, reason="media_missing")
    manifest = Manifest()
    stored = events(joined, final(1, "Hello."), gap, final(2, "Grüß Gott, 你好."))
    manifest.add(stored[:2])
    manifest.add(stored[2:])
    lines = "2,utt_1,1,Hello.\n4,utt_2,1,Grüß Gott, 你好.\n"
    assert manifest.completed() == TranscriptCompleted(
        utterances=2, gaps=1, gap_ms=750, last_seq=4, sha256=hashlib.sha256(lines.encode()).hexdigest(), revision=1
    )


def test_a_second_manifest_is_the_next_revision() -> None:
    """A correction after the first one does not replace it."""
    manifest = Manifest()
    manifest.add(events(final(1, "a"), Manifest().completed(), final(2, "b")))
    assert manifest.completed().revision == 2


def redacted(n: int, text: str, *, revision: int = 2) -> UtteranceRedacted:
    """Somebody took words out of ``final(n, …)``."""
    return UtteranceRedacted(id=f"utt_{n}", participant="par_1", revision=revision, text=text, by="Ana", at_ms=9_000)


def told(*facts: EventData) -> list[dict[str, Any]]:
    """Facts as a receiver has them, their manifest behind them."""
    manifest = Manifest()
    manifest.add(stored(*facts))
    built: list[dict[str, Any]] = msgspec.to_builtins(events(*facts, manifest.completed()))
    return built


def stored(*facts: EventData) -> list[Event]:
    """As the store has them: what a redaction left is in every earlier line, whose revision stays."""
    rows = []
    for event, row in zip(settled(events(*facts)), events(*facts), strict=True):
        data = row.data
        if isinstance(event.data, UtteranceFinal) and isinstance(data, UtteranceFinal):
            data = msgspec.structs.replace(data, text=event.data.text)
        rows.append(msgspec.structs.replace(row, data=data))
    return rows


def test_who_has_everything_has_a_complete_transcript() -> None:
    """In any order, and some of it twice."""
    got = told(final(1, "Hello."), final(2, "a, b\nc"))
    verdict = verdict_of([*reversed(got), got[0]])
    assert (verdict.state, verdict.utterances, verdict.last_seq, verdict.missing) == ("complete", 2, 2, [])


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_whoever_lacks_a_line_knows_it(lost: int) -> None:
    got = told(final(1, "a"), final(2, "b"), final(3, "c"))
    del got[lost]
    verdict = verdict_of(got)
    assert (verdict.state, verdict.missing) == ("incomplete", [(lost + 1, lost + 1)])


def test_a_changed_word_is_known_too() -> None:
    got = told(final(1, "a"), final(2, "b"))
    got[0]["data"]["text"] = "A"
    verdict = verdict_of(got)
    assert verdict.state == "incomplete"
    assert verdict.expected != verdict.found


def test_who_asked_for_some_types_only_lacks_numbers_and_no_words() -> None:
    gap = TranscriptGap(participant="par_1", fork="frk_1", from_ms=2_000, to_ms=2_750, reason="media_missing")
    got = [one for one in told(gap, final(1, "a"), gap) if one["type"] != "transcript.gap"]
    verdict = verdict_of(got)
    assert (verdict.state, verdict.missing, verdict.gaps) == ("complete", [(1, 1), (3, 3)], 0)


def test_who_kept_what_was_redacted_later_is_complete_by_the_next_manifest() -> None:
    """Its file has the first text; every line of that utterance counts with the text that was left."""
    first = told(final(1, "It is 4111."), final(2, "b"))
    assert verdict_of(first).state == "complete"
    facts = (final(1, "It is 4111."), final(2, "b"), msgspec.convert(first[2]["data"], TranscriptCompleted))
    again = told(*facts, redacted(1, "It is [redacted]."))
    assert verdict_of(again[:4]).state == "unfinished"  # the next manifest is on its way
    verdict = verdict_of(again)
    assert (verdict.state, verdict.revision, verdict.last_seq) == ("complete", 2, 4)
    again[0]["data"]["text"] = "It is [redacted]."  # as the store tells it now
    assert verdict_of(again).state == "complete"


def test_without_a_manifest_nobody_can_say() -> None:
    verdict = verdict_of(told(final(1, "a"))[:1])
    assert (verdict.state, verdict.utterances) == ("unfinished", 1)
    assert verdict_of([]).state == "unfinished"


@given(st.lists(st.text(max_size=20), max_size=8), st.data())
def test_no_text_and_no_loss_deceives_it(texts: list[str], data: st.DataObject) -> None:
    """Whatever was said, all of it is complete, and all but one line of it is not."""
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    got = told(*(final(n, text) for n, text in enumerate(texts)))
    assert verdict_of(got).state == "complete"
    if texts:
        del got[data.draw(st.integers(0, len(texts) - 1))]
        assert verdict_of(got).state == "incomplete"
