"""Thoughts in front of an answer are not spoken, however the text is torn apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.adapters.chat_models.thoughts import Thoughts


def said(*pieces: str) -> str:
    thoughts = Thoughts()
    return "".join([*(thoughts.without(piece) for piece in pieces), thoughts.rest()])


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("<think>They want 5.</think>\n\nFive days.", "Five days."),
        ("\n<think></think>Yes.", "Yes."),
        ("Five days.", "Five days."),
        ("<thin ice", "<thin ice"),
        ("<thi", "<thi"),
        ("Use <think> tags</think>.", "Use <think> tags</think>."),
        ("<think>without an end", ""),
        ("", ""),
    ],
)
@given(data=st.data())
def test_only_thoughts_at_the_beginning_go(text: str, spoken: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert said(*pieces).strip() == spoken
