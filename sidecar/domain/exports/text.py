"""TXT: one line per utterance or gap, ``time  speaker  text``, for people."""

from __future__ import annotations

from collections.abc import Iterator

from sidecar.domain.exports.reading import Export, Noted, Paused, Spoken, clock

PARTIAL_WORDS = "Partial transcript: more may follow."
NAME_CHARS_MAX = 24


def text_pieces(export: Export) -> Iterator[str]:
    """Lines in order of speech. A transcript that is not complete begins with a line that says so."""
    if export.partial:
        yield f"{PARTIAL_WORDS}\n\n"
    width = min(max((len(one.called) for one in export.speakers), default=0), NAME_CHARS_MAX)
    for line in export.lines:
        words = line.words if isinstance(line, Spoken) else f"[{line.words}]"
        who = "" if isinstance(line, Paused | Noted) else line.speaker.called
        time = clock(line.span[0]).partition(".")[0]
        yield f"{time}  {who:<{width}}  {words}\n"
