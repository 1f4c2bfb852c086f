"""Segments become utterances whose ids last."""

from __future__ import annotations

import itertools

import pytest

from sidecar.domain.events import (
    UtteranceFinal,
    UtterancePartial,
    Word,
)
from sidecar.domain.transcript import UtteranceDesk


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
