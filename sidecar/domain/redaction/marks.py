"""Marks: what stands in a text for words that were taken out of it, such as ``[card number]``. Pure.

Pages show them apart from what was said (``static/js/said.js`` does the same). A recogniser's own marks look alike.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# A label as rules and people's own patterns may have it.
_MARK = re.compile(r"\[(\w[\w -]{0,39})\]")


class Piece(NamedTuple):
    """Of a text: words that were said, or with ``mark`` the label that stands for some, without its brackets."""

    text: str
    mark: bool


def pieces(text: str) -> list[Piece]:
    """The text cut at its marks; none is empty."""
    cut = _MARK.split(text)
    return [Piece(piece, mark=bool(n % 2)) for n, piece in enumerate(cut) if piece]
