"""Segments become utterances whose ids last, and the manifest adds up what was published."""

from __future__ import annotations

import hashlib
import itertools

import pytest

from sidecar.domain.conference import Role
from sidecar.domain.events import (
    Event,
    EventData,
    ParticipantJoined,
    TranscriptCompleted,
    TranscriptGap,
    UtteranceFinal,
    UtterancePartial,
    Word,
)
from sidecar.domain.transcript import Manifest, UtteranceDesk
from tests.facts import NOON


@pytest.fixture
def desk() -> UtteranceDesk:
    """A desk whose ids count up."""
    ids = itertools.count(1)
    return UtteranceDesk(
        participant="par_1", fork="frk_1", session="ses_1", engine="scripted", new_id=lambda: f"utt_{next(ids)}"
    )


def test_the_id_is_minted_at_speech_start_and_kept_to_the_final(desk: UtteranceDesk) -> None:
    """Start, partials and final are one utterance."""
    opened = desk.begin(0, 1_000)
    partial = desk.partial(0, 1_000, 1_500, "good", 100)
    final = desk.final(0, 1_000, 2_000, " good morning ", lag_ms=400, words=[Word("good", 1_000, 1_300)])
    assert isinstance(partial, UtterancePartial)
    assert isinstance(final, UtteranceFinal)
    assert opened.id == partial.id == final.id
    assert (final.text, final.result_index, final.session, final.lag_ms) == ("good morning", 0, "ses_1", 400)
    assert not desk.speaking


def test_a_final_of_nothing_clears_the_partial_that_was_shown(desk: UtteranceDesk) -> None:
    """The page must not keep words that came to nothing."""
    desk.partial(0, 0, 500, "uh", 0)
    cleared = desk.final(0, 0, 700, "  ", lag_ms=0)
    assert isinstance(cleared, UtterancePartial)
    assert cleared.text == ""
    assert desk.final(1, 900, 950, "", lag_ms=0) is None


def test_an_empty_partial_is_no_news_unless_something_was_shown(desk: UtteranceDesk) -> None:
    """Only an empty one behind a full one says something."""
    assert desk.partial(0, 0, 300, "", 0) is None
    desk.partial(0, 0, 500, "uh", 0)
    cleared = desk.partial(0, 0, 600, "", 0)
    assert cleared is not None
    assert cleared.text == ""


def test_somebody_speaks_until_each_utterance_is_final_or_abandoned(desk: UtteranceDesk) -> None:
    """What was shown of an abandoned one is cleared."""
    desk.begin(0, 1_000)
    desk.begin(1, 4_000)
    assert desk.speaking
    desk.final(0, 1_000, 3_000, "one", lag_ms=0)
    assert desk.speaking
    desk.partial(1, 4_000, 4_500, "two", 0)
    cleared = desk.abandon(1, 5_000)
    assert cleared is not None
    assert cleared.text == ""
    assert not desk.speaking


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
