"""A transcript as a file: TXT, VTT, SRT, JSON or CSV, of a call that is over or one that goes on (then it says so).

Pure: events in, text out in pieces, so that nobody has to hold a long file in memory twice. ``docs/exports.md`` shows
each format.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC

import msgspec

from sidecar.domain.errors import NotFound
from sidecar.domain.exports.document import json_pieces
from sidecar.domain.exports.reading import Export, read_export
from sidecar.domain.exports.subtitles import srt_pieces, vtt_pieces
from sidecar.domain.exports.table import csv_pieces
from sidecar.domain.exports.text import text_pieces

__all__ = ["FORMATS", "Export", "ExportFormat", "chunks", "export_format", "file_name", "read_export"]

CHUNK_BYTES = 65_536
ROOM_CHARS_MAX = 60


class ExportFormat(msgspec.Struct, frozen=True, kw_only=True):
    """``name`` is the ending of the file and of the address; ``pieces`` renders, ``use`` says in words what for."""

    name: str
    content_type: str
    use: str
    pieces: Callable[[Export], Iterator[str]]


FORMATS = {
    one.name: one
    for one in (
        ExportFormat(name="txt", content_type="text/plain", use="to read", pieces=text_pieces),
        ExportFormat(name="vtt", content_type="text/vtt", use="subtitles for the web", pieces=vtt_pieces),
        ExportFormat(name="srt", content_type="application/x-subrip", use="subtitles for players", pieces=srt_pieces),
        ExportFormat(name="json", content_type="application/json", use="everything, for programs", pieces=json_pieces),
        ExportFormat(name="csv", content_type="text/csv", use="for a spreadsheet", pieces=csv_pieces),
    )
}


def export_format(name: str) -> ExportFormat:
    """By its name. Raises NotFound, which lists the others."""
    found = FORMATS.get(name)
    if found is None:
        raise NotFound(f"There is no export format {name[:16]!r}.", next_step=f"Choose one of: {', '.join(FORMATS)}.")
    return found


def file_name(export: Export, form: ExportFormat) -> str:
    """``support-1-20261101T124100Z.vtt``, with ``-partial`` before the dot while the transcript is not complete.

    ASCII letters, digits, ``.``, ``_`` and ``-`` only: safe in a header and on every disk.
    """
    conference = export.conference
    room = re.sub(r"[^A-Za-z0-9_]+", "-", conference.room)[:ROOM_CHARS_MAX].strip("-_") or "conference"
    started = conference.clock_zero.astimezone(UTC)
    return f"{room}-{started:%Y%m%dT%H%M%SZ}{'-partial' if export.partial else ''}.{form.name}"


def chunks(pieces: Iterable[str], *, size: int = CHUNK_BYTES) -> Iterator[bytes]:
    """The pieces as UTF-8, gathered into chunks of at least ``size`` bytes (the last one may be smaller)."""
    gathered = bytearray()
    for piece in pieces:
        gathered += piece.encode()
        if len(gathered) >= size:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)
