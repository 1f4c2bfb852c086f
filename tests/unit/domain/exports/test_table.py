"""CSV reads back with any reader, and runs nothing in a spreadsheet."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.exports.table import COLUMNS, csv_pieces, guarded
from tests.transcripts import Said, export_of_lines, golden_export

hostile = st.text() | st.sampled_from(
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n", "'=1", 'say "hi", now', ";", "\0"]
)
lines = st.lists(st.tuples(hostile, hostile, st.integers(0, 5_000_000), st.integers(0, 20_000)), max_size=6)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


@given(lines)
def test_any_call_reads_back_and_no_cell_is_a_formula(said: list[Said]) -> None:
    read = rows("".join(csv_pieces(export_of_lines(said))))
    in_order = [one for _, one in sorted(enumerate(said), key=lambda pair: (pair[1][2], pair[0]))]
    assert [int(row["start_ms"]) for row in read] == [start for _, _, start, _ in in_order]
    for row, (_, text, _, _) in zip(read, in_order, strict=True):
        assert row["text"] in {text, f"'{text}"}
        assert not [cell for cell in row.values() if cell.startswith(tuple("=+-@\t\r\n"))]


@pytest.mark.parametrize("text", ["=1+1", "+49", "-5", "@x", "\t1", "\rx", "\nx"])
def test_a_cell_that_begins_like_a_formula_gets_an_apostrophe(text: str) -> None:
    assert guarded(text) == "'" + text


@pytest.mark.parametrize("text", ["", "1+1", "a=b", " =1", "'=1"])
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert guarded(text) == text


def test_every_row_has_every_column_and_rows_end_as_the_standard_says() -> None:
    text = "".join(csv_pieces(golden_export("ended")))
    assert {len(row) for row in csv.reader(io.StringIO(text, newline=""))} == {len(COLUMNS)}
    assert text.count("\r\n") == text.count("\n") == 6


def test_a_gap_is_a_row_with_its_reason_and_times_are_iso_utc() -> None:
    [gap] = [row for row in rows("".join(csv_pieces(golden_export("ended")))) if row["kind"] == "gap"]
    assert (gap["reason"], gap["text"], gap["started_at"]) == ("stream_reconnected", "", "2026-11-01T12:41:16.400Z")
