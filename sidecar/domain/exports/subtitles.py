"""VTT and SRT: cues on the conference clock. Cues of people who spoke at the same time overlap, as they did.

WebVTT: https://www.w3.org/TR/webvtt1/. SRT has no standard; this is the form that players agree on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sidecar.domain.exports.reading import Export, Line, Noted, Paused, Spoken, clock
from sidecar.domain.exports.text import PARTIAL_WORDS

# A cue must end after it starts.
CUE_MIN_MS = 1
_ARROW = re.compile("-{2,}>")
_VTT_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\0": "\N{REPLACEMENT CHARACTER}"})


def vtt_pieces(export: Export) -> Iterator[str]:
    """WebVTT: the id of a cue is the utterance's, its voice span the speaker; a gap, a pause or a note is a NOTE."""
    yield f"WEBVTT {PARTIAL_WORDS}\n" if export.partial else "WEBVTT\n"
    for line in export.lines:
        words = line.words.translate(_VTT_ESCAPES)
        start, end = line.span
        if isinstance(line, Paused | Noted):
            yield f"\nNOTE {clock(start)}: {words}\n"
            continue
        name = line.speaker.called.translate(_VTT_ESCAPES)
        if isinstance(line, Spoken):
            yield f"\n{line.said.id}\n{_times(line, point='.')}\n<v {name}>{words}\n"
        else:
            yield f"\nNOTE {clock(start)} to {clock(end)}, {name}: {words}\n"


def srt_pieces(export: Export) -> Iterator[str]:
    """SRT: numbered cues, each with its speaker before it; a gap or a pause is a cue in brackets.

    It is shown to whoever watches, so notes are not in it. And it cannot escape: an arrow ``-->`` in what was
    said, which would look like a new cue, becomes ``->``.
    """
    told = [line for line in export.lines if not isinstance(line, Noted)]
    for number, line in enumerate(told, 1):
        words = line.words if isinstance(line, Spoken) else f"[{line.words}]"
        said = words if isinstance(line, Paused) else f"{line.speaker.called}: {words}"
        shown = _ARROW.sub("->", said).replace("\0", "\N{REPLACEMENT CHARACTER}")
        yield f"{number}\n{_times(line, point=',')}\n{shown}\n\n"


def _times(line: Line, *, point: str) -> str:
    start, end = line.span
    return f"{clock(start, point=point)} --> {clock(max(end, start + CUE_MIN_MS), point=point)}"
