"""Every format against its golden file, names of files, and the documentation's samples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.errors import NotFound
from sidecar.domain.exports import FORMATS, chunks, export_format, file_name, read_export
from tests.transcripts import GOLDEN, conference, golden_export

PAGE = Path(__file__).parents[4] / "docs" / "exports.md"


def written(case: str, form: str) -> str:
    """A golden call in a format, as it would lie on disk."""
    return b"".join(chunks(FORMATS[form].pieces(golden_export(case)))).decode()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("case", ["ended", "partial", "assistant", "noted"])
def test_each_format_writes_its_golden_file(case: str, form: str) -> None:
    assert written(case, form).encode() == (GOLDEN / case / f"transcript.{form}").read_bytes()


@pytest.mark.parametrize("form", FORMATS)
def test_the_sample_in_the_documentation_is_what_is_written(form: str) -> None:
    sample = re.search(rf"^```{form}\n(.*?)^```$", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)
    assert sample is not None
    assert sample[1] == written("ended", form).replace("\r\n", "\n")


def test_the_documentation_has_a_row_for_each_format() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", PAGE.read_text(), flags=re.MULTILINE)
    assert rows == [(one.name, f"{one.content_type}; charset=utf-8") for one in FORMATS.values()]


def test_a_file_of_a_transcript_that_is_not_complete_says_so_in_its_name() -> None:
    assert file_name(golden_export("ended"), FORMATS["vtt"]) == "support-1-20261101T124100Z.vtt"
    assert file_name(golden_export("partial"), FORMATS["csv"]) == "support-1-20261101T124100Z-partial.csv"


@given(st.text(max_size=200))
def test_no_room_name_makes_a_file_name_that_needs_quoting(room: str) -> None:
    name = file_name(read_export(conference(room=room), [], []), FORMATS["txt"])
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\.txt", name)


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(NotFound, match="txt, vtt, srt, json, csv"):
        export_format("docx")


@given(st.lists(st.text()), st.integers(1, 50))
def test_chunks_lose_nothing_and_are_of_some_size(pieces: list[str], size: int) -> None:
    cut = list(chunks(pieces, size=size))
    assert b"".join(cut).decode() == "".join(pieces)
    assert all(len(one) >= size for one in cut[:-1])
