"""Which words lie in how much audio: exact at the edges of pieces, by characters within them, never too many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.assistant.heard import SLOW_MS_PER_CHARACTER, Script
from sidecar.domain.replay import BYTES_PER_MS

SECOND = 1_000 * BYTES_PER_MS


def script(*pieces: tuple[str, int], complete: bool = True) -> Script:
    made = Script()
    for text, size in pieces:
        made.open(text)
        made.add(audio_bytes=size)
    if complete:
        made.close()
    return made


@pytest.mark.parametrize(
    ("ms", "heard"),
    [
        (0, ""),
        (399, ""),
        (400, "Five"),
        (999, "Five"),
        (1_000, "Five days."),
        (1_333, "Five days."),
        (1_334, "Five days. Or"),
        (2_000, "Five days. Or six"),
        (9_000, "Five days. Or six"),
    ],
)
def test_a_word_counts_when_all_of_it_was_played(ms: int, heard: str) -> None:
    """The first piece has ten characters in a second, so its first word, of four, ends at 0.4 s."""
    made = script(("Five days.", SECOND), ("Or six", SECOND))
    assert made.split(ms * BYTES_PER_MS)[0] == heard


def test_the_rest_is_what_nobody_heard() -> None:
    assert script(("Five days.", SECOND), ("Or six", SECOND)).split(SECOND) == ("Five days.", "Or six")
    assert script(("Nothing of it", 0)).split(SECOND) == ("", "Nothing of it")


def test_of_a_piece_whose_length_nobody_knows_a_slow_voice_is_assumed() -> None:
    made = script(("Five days", SECOND), complete=False)
    assert made.split(4 * SLOW_MS_PER_CHARACTER * BYTES_PER_MS)[0] == "Five"
    assert made.split(SECOND)[0] == "Five days"
    assert not made.complete
    longer = script(("Five days after it was sent", SECOND), complete=False)
    assert longer.split(SECOND)[0] == "Five days"


def test_text_may_come_beside_its_audio() -> None:
    made = Script()
    made.add(audio_bytes=SECOND)
    made.add(text="Five ")
    made.add(text="days")
    made.close()
    assert made.split(SECOND) == ("Five days", "")


def test_news_are_given_out_once_and_in_time() -> None:
    made = script(("Five days.", SECOND), ("Or six", SECOND))
    assert [made.news(ms * BYTES_PER_MS) for ms in (0, 500, 600, 1_500, 2_000)] == ["", "Five", "", "days. Or", "six"]


@given(
    pieces=st.lists(st.tuples(st.text("ab .", max_size=30), st.integers(0, 4_000)), max_size=5),
    positions=st.lists(st.integers(0, 25_000), max_size=6).map(sorted),
    complete=st.booleans(),
)
def test_heard_only_grows_and_no_word_is_lost(
    pieces: list[tuple[str, int]], positions: list[int], complete: bool
) -> None:
    made = script(*pieces, complete=complete)
    words = " ".join(text for text, _ in pieces).split()
    before = 0
    for position in positions:
        heard, unheard = made.split(position)
        assert sorted([*heard.split(), *unheard.split()]) == sorted(words)
        assert len(heard.split()) >= before
        before = len(heard.split())
    told = [word for position in positions for word in made.news(position).split()]
    assert len(told) >= before
