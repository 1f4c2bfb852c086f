"""Whatever is said and whoever says it: VTT and SRT read back as the cues that were written."""

from __future__ import annotations

import html
import re

from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.exports.reading import Export
from sidecar.domain.exports.subtitles import srt_pieces, vtt_pieces
from tests.transcripts import Said, export_of_lines, golden_export

hostile = st.text() | st.lists(
    st.sampled_from(
        ["-->", "--->", "\n", "\r", "\n\n", "<v Bob>", "</v>", "&amp;", "NOTE", "1", "00:00:01.000", "WEBVTT", "\0"]
    )
).map(" ".join)
lines = st.lists(st.tuples(hostile, hostile, st.integers(0, 5_000_000), st.integers(0, 20_000)), max_size=6)
TIME = r"(\d{2,}):([0-5]\d):([0-5]\d)[.,](\d{3})"
Cue = tuple[str, int, int, str]


def cues(text: str, *, head: str) -> list[Cue]:
    """A reader of subtitles, by the rules of WebVTT 4.1: blocks between blank lines, of any line end."""
    normal = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix(head)
    found: list[Cue] = []
    for block in filter(None, normal.strip("\n").split("\n\n")):
        name, *rest = block.split("\n")
        if name.startswith("NOTE "):
            continue
        times, payload = rest
        parsed = re.fullmatch(f"{TIME} --> {TIME}", times)
        assert parsed is not None
        start, end = ms(parsed.groups()[:4]), ms(parsed.groups()[4:])
        assert end > start
        found.append((name, start, end, payload))
    return found


def ms(parts: tuple[str, ...]) -> int:
    hours, minutes, seconds, thousandths = map(int, parts)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths


def expected(export: Export, said: list[Said]) -> list[tuple[int, int, list[str], list[str]]]:
    """Start, end, and the words of name and text, in order of speech."""
    in_order = sorted(enumerate(said), key=lambda pair: (pair[1][2], pair[0]))
    assert len(export.lines) == len(said)
    return [
        (start, start + max(1, length), seen(name) or ["Caller"], seen(text))
        for _, (name, text, start, length) in in_order
    ]


def seen(text: str) -> list[str]:
    """The words that a reader sees: white space of every kind only parts them."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").split()


@given(lines)
def test_any_call_reads_back_from_vtt(said: list[Said]) -> None:
    export = export_of_lines(said)
    read = []
    for _, start, end, payload in cues("".join(vtt_pieces(export)), head="WEBVTT Partial transcript: more may follow."):
        span = re.fullmatch(r"<v ([^<>]+)>([^<>]*)", payload)
        assert span is not None
        read.append((start, end, html.unescape(span[1]).split(), html.unescape(span[2]).split()))
    assert read == expected(export, said)


@given(lines)
def test_any_call_reads_back_from_srt(said: list[Said]) -> None:
    export = export_of_lines(said)
    found = cues("".join(srt_pieces(export)), head="")
    assert [number for number, *_ in found] == [str(n + 1) for n in range(len(said))]
    assert not [payload for *_, payload in found if "-->" in payload]
    assert [(start, end, payload.split()) for _, start, end, payload in found] == [
        (start, end, seen(re.sub("-{2,}>", "->", f"{' '.join(name)}: {' '.join(text)}")))
        for start, end, name, text in expected(export, said)
    ]


def test_a_cue_of_vtt_has_the_id_of_its_utterance_and_people_who_spoke_at_once_overlap() -> None:
    found = cues("".join(vtt_pieces(golden_export("ended"))), head="WEBVTT")
    assert [(name, start, end) for name, start, end, _ in found] == [
        ("utt_01", 4000, 8250),
        ("utt_02", 9800, 13_900),
        ("utt_03", 10_500, 11_200),
        ("utt_04", 65_000, 68_500),
    ]
