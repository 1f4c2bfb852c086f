"""Marks in a text are told apart from what was said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.redaction.by_hand import TAKEN_OUT
from sidecar.domain.redaction.marks import Piece, pieces
from sidecar.domain.redaction.rules import ANY_NUMBER, CARD_DETAILS, LABELS


@pytest.mark.parametrize("label", [*LABELS.values(), CARD_DETAILS, ANY_NUMBER, TAKEN_OUT.strip("[]"), "Straße 9_b-c"])
def test_every_label_is_a_mark(label: str) -> None:
    assert pieces(f"My card is [{label}], ok?") == [
        Piece("My card is ", mark=False), Piece(label, mark=True), Piece(", ok?", mark=False),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["[]", "[ blank]", "[<b>]", f"[{'x' * 41}]", "array[0", "a]b["])
def test_other_brackets_are_what_was_said(text: str) -> None:
    assert all(not piece.mark for piece in pieces(text))


@given(st.text(alphabet="[]ab <-"))
def test_no_character_is_lost(text: str) -> None:
    assert "".join(f"[{piece.text}]" if piece.mark else piece.text for piece in pieces(text)) == text
