"""VTT and SRT: cues on the conference clock. Cues of people who spoke at the same time overlap, as they did.

WebVTT: https://www.w3.org/TR/webvtt1/. SRT has no standard; this is the form that players agree on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sidecar.domain.exports.reading import Export, Line, Missing, clock
from sidecar.domain.exports.text import PARTIAL_WORDS

# A cue must end after it starts.
CUE_MIN_MS = 1
_ARROW = re.compile("-{2,}>")
_VTT_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\0": "\N{REPLACEMENT CHARACTER}"})


def vtt_pieces(export: Export) -> Iterator[str]:
    """WebVTT: the id of a cue is the utterance's, its voice span the speaker; a gap is a NOTE."""
    yield f"WEBVTT {PARTIAL_WORDS}\n" if export.partial else "WEBVTT\n"
    for line in export.lines:
        name = line.speaker.called.translate(_VTT_ESCAPES)
        start, end = line.span
        if isinstance(line, Missing):
            words = line.words.translate(_VTT_ESCAPES)
            yield f"\nNOTE {clock(start)} to {clock(end)}, {name}: {words}\n"
        else:
            text = line.words.translate(_VTT_ESCAPES)
            yield f"\n{line.said.id}\n{_times(line, point='.')}\n<v {name}>{text}\n"


def srt_pieces(export: Export) -> Iterator[str]:
    """SRT: numbered cues, each with its speaker before it; a gap is a cue in brackets.

    SRT cannot escape: an arrow ``-->`` in what was said, which would look like a new cue, becomes ``->``.
    """
    for number, line in enumerate(export.lines, 1):
        words = f"[{line.words}]" if isinstance(line, Missing) else line.words
        shown = _ARROW.sub("->", f"{line.speaker.called}: {words}").replace("\0", "\N{REPLACEMENT CHARACTER}")
        yield f"{number}\n{_times(line, point=',')}\n{shown}\n\n"


def _times(line: Line, *, point: str) -> str:
    start, end = line.span
    return f"{clock(start, point=point)} --> {clock(max(end, start + CUE_MIN_MS), point=point)}"
