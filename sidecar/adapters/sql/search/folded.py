"""Columns that hold another column's words, folded (``domain.folding``), so that both databases compare names alike."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Dialect, Text, TypeDecorator, or_
from sqlalchemy.engine.default import DefaultExecutionContext

from sidecar.domain.blocks import display_name
from sidecar.domain.folding import folded
from sidecar.domain.search import Term


class FoldedText(TypeDecorator[str]):
    """Any text; what is stored of it are its folded words, with a blank before and behind each."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        return None if value is None else folded_column(value)


def folded_column(text: str) -> str:
    """What such a column holds of a text."""
    return f" {' '.join(folded(text))} "


def has_words(column: ColumnElement[str], terms: tuple[Term, ...]) -> ColumnElement[bool]:
    """Whether one of the terms stands in a column of folded words. Words hold no wildcard of LIKE."""
    patterns = (f"% {' '.join(term.words)}{'' if term.prefix else ' '}%" for term in terms)
    return or_(*(column.cast(Text).like(pattern) for pattern in patterns))


def room_words(context: DefaultExecutionContext) -> str:
    """Of a new conference."""
    return _given(context, "room")


def label_words(context: DefaultExecutionContext) -> str:
    """Of a new participant."""
    return _given(context, "label")


def called_words(context: DefaultExecutionContext) -> str:
    """Of a new participant: what people call it."""
    return display_name(_given(context, "name"), _given(context, "label"))


def _given(context: DefaultExecutionContext, column: str) -> str:
    row: Any = context
    return str(row.get_current_parameters()[column])
