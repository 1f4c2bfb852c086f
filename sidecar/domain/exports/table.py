"""CSV: a row per utterance or gap, in order of speech. RFC 4180: https://www.rfc-editor.org/rfc/rfc4180."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from sidecar.domain.exports.reading import Export, Missing, Noted, Paused, Spoken

COLUMNS = (
    "seq", "start_ms", "end_ms", "started_at", "participant", "role", "text", "name", "kind", "reason",
    "participant_id", "utterance_id", "revision", "engine", "confidence", "lag_ms", "coaching",
    "cut",
)  # fmt: skip
# A spreadsheet takes a cell that begins so for a formula, and callers choose what they say and how they are called:
# https://owasp.org/www-community/attacks/CSV_Injection
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_BLANK = ("",) * 8  # what only lines of participants have


def csv_pieces(export: Export) -> Iterator[str]:
    """A header and the rows, each with CR LF. Of a gap, ``text`` is empty and ``reason`` its stable word; of a pause,
    ``name`` is who wanted it and ``reason`` why, in their words; of a note, ``name`` is who wrote it.

    ``coaching``: ``true`` for what only one participant heard. ``cut``: what the assistant had ready behind ``text``
    and nobody heard.
    """
    yield _row(COLUMNS)
    for line in export.lines:
        start, end = line.span
        place = (line.seq, start, end, export.wall_clock(start))
        if isinstance(line, Paused):
            yield _row((*place, "", "", "", guarded(line.by), "pause", guarded(line.reason), *_BLANK))
        elif isinstance(line, Noted):
            yield _row((*place, "", "", guarded(line.note.text), guarded(line.note.by), "note", "", *_BLANK))
        else:
            yield _row((*place, guarded(line.speaker.label), line.speaker.role, *_details(line)))


def guarded(text: str) -> str:
    """The text, with an apostrophe before it if a spreadsheet would run it as a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _details(line: Spoken | Missing) -> tuple[object, ...]:
    name, who = guarded(line.speaker.called), line.speaker.id
    if isinstance(line, Missing):
        return ("", name, "gap", line.gap.reason, who, *_BLANK[1:])
    said = line.said
    engine = (said.revision, said.engine, said.confidence, said.lag_ms, "true" if said.coaching else "")
    return (guarded(said.text), name, "utterance", "", who, said.id, *engine, guarded(said.cut))


def _row(cells: Sequence[object]) -> str:
    written = io.StringIO(newline="")
    csv.writer(written).writerow(cells)
    return written.getvalue()
