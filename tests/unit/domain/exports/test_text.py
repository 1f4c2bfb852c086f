"""TXT: for people."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.exports.text import text_pieces
from tests.transcripts import Said, export_of_lines, golden_export

lines = st.lists(st.tuples(st.text(), st.text(), st.integers(0, 5_000_000), st.integers(0, 20_000)), max_size=6)


@given(lines)
def test_every_utterance_is_one_line_with_its_time(said: list[Said]) -> None:
    title, blank, *rest = "".join(text_pieces(export_of_lines(said))).split("\n")
    assert (title, blank, rest[-1:] or [""]) == ("Partial transcript: more may follow.", "", [""])
    assert len(rest[:-1]) == len(said)
    assert all(re.match(r"\d\d:\d\d:\d\d  ", line) for line in rest[:-1])


def test_a_complete_transcript_has_nothing_but_its_lines() -> None:
    first, *_ = "".join(text_pieces(golden_export("ended"))).splitlines()
    assert first.startswith("00:00:04  Maya ")
