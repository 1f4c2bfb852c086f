"""Bare words, and phrases among them."""

from __future__ import annotations

import pytest

from sidecar.domain.phrases import BACKCHANNELS, STOP, find, without, words_of


def test_words_are_bare() -> None:
    assert words_of("Mm-hm, that's  5 %! Señor_Straße") == ["mm", "hm", "thats", "5", "señor", "strasse"]
    assert words_of(" …? ") == []


@pytest.mark.parametrize("text", ["Stop.", "wait, what?", "Hold on!", "um, one moment please", "OK STOP", "Hang-on"])
def test_a_stop_phrase_is_found_wherever_it_stands(text: str) -> None:
    assert find(STOP, words_of(text)) is not None


@pytest.mark.parametrize("text", ["", "stopping", "hold the line", "one", "a second opinion", "on hold"])
def test_what_only_resembles_a_stop_phrase_is_none(text: str) -> None:
    assert find(STOP, words_of(text)) is None


@pytest.mark.parametrize(
    "text", ["Mm-hm.", "mhm", "Uh-huh, okay.", "Right. Right.", "Yeah, I see", "All right, thank you!", "Hmm…"]
)
def test_signs_of_listening_leave_no_word(text: str) -> None:
    assert without(BACKCHANNELS, words_of(text)) == []


def test_other_words_are_left_in_their_order() -> None:
    assert without(BACKCHANNELS, words_of("Okay, but I see no refund, right?")) == ["but", "no", "refund"]
