"""The words that pages share, and JSON that cannot leave its element."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from sidecar.server.pages.rendering import Renderer, counted, counted_gaps, island, offset, parts, span
from sidecar.server.pages.static_files import StaticFiles


@pytest.mark.parametrize(
    ("ms", "words"), [(0, "00:00"), (-5, "00:00"), (187_999, "03:07"), (3_600_000, "1:00:00"), (36_061_000, "10:01:01")]
)
def test_an_offset_reads_as_a_clock(ms: int, words: str) -> None:
    assert offset(ms) == words


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (0, "0 s"), (400, "0.4 s"), (4_000, "4 s"), (4_049, "4 s"), (9_960, "10 s"), (14_400, "14 s"),
        (60_000, "1 min"), (75_000, "1 min 15 s"), (3_600_000, "1 h"), (7_500_000, "2 h 5 min"),
    ],
)  # fmt: skip
def test_a_length_reads_with_its_units(ms: int, words: str) -> None:
    assert span(ms) == words


def test_gaps_are_counted_out() -> None:
    assert counted_gaps(0, 0) == "no gaps"
    assert counted_gaps(1, 4000) == "1 gap of 4 s"
    assert counted_gaps(3, 12_000) == "3 gaps, 12 s in all"
    assert counted(1, "line", "lines") == "1 line"


def test_a_sentence_is_cut_at_its_slots() -> None:
    assert parts("Audio of {name} resumed", {"name": "Ana"}) == [
        ("text", "Audio of "),
        ("name", "Ana"),
        ("text", " resumed"),
    ]


@given(st.text())
def test_no_text_can_end_its_script_element(text: str) -> None:
    written = str(island({"text": text}))
    assert not set("<>&") & set(written)
    assert json.loads(written) == {"text": text}


@dataclass(frozen=True)
class Page:
    name: str


def test_templates_escape_text_and_refuse_names_they_were_not_given(tmp_path: Path) -> None:
    (tmp_path / "good.html").write_text("<b>{{ page.name }}</b>")
    (tmp_path / "bad.html").write_text("{{ page.nickname }}")
    renderer = Renderer(tmp_path, StaticFiles({}))
    assert renderer.html("good.html", Page("<i>")) == "<b>&lt;i&gt;</b>"
    with pytest.raises(UndefinedError):
        renderer.html("bad.html", Page("x"))
