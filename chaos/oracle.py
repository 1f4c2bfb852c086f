"""Compares what was said with what is stored, told and exported. Pure: it knows nothing of processes and faults.

Callers say numbered words (``tests.emulated_deepgram.ears``), so each word can be asked: is it in the transcript, once,
at its place and time, or inside a gap that was declared?
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice, pairwise
from statistics import median
from typing import Any

import msgspec

from tests.emulated_deepgram.ears import Heard, number_of

# Two clocks count the audio between two streams: a word this near to a gap may have been cut by it.
EDGE_MS = 60
# So many words that were heard tell where one lies that was not.
NEIGHBOURS = 8
# How far a word may be from its place, beyond what the recogniser itself is off.
TIMES_OFF_MS = 50

Spoken = Mapping[str, Sequence[Heard]]
"""By participant's id: the words in the order in which they were said, with times in what the caller plays."""

Events = Sequence[Mapping[str, Any]]
"""Envelopes of durable events as the API gives them."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One word of the transcript. ``number`` None: a word that nobody can have said."""

    number: int | None
    start_ms: int
    end_ms: int


class Verdict(msgspec.Struct, kw_only=True):
    """What became of the words. ``lost`` and ``doubled`` name them as ``participant:number``.

    ``in_gaps``: not heard, and declared. ``disordered``: words that stand behind a later one. ``strange``: words that
    this participant never said. ``off_ms``: how far the worst time is off, beyond the recogniser's own jitter.
    ``heard_in_gaps``: words in the transcript that lie in a gap entirely, so that the gap declares too much.
    """

    said: int = 0
    heard: int = 0
    in_gaps: int = 0
    lost: list[str] = []
    doubled: list[str] = []
    disordered: list[str] = []
    strange: list[str] = []
    heard_in_gaps: list[str] = []
    off_ms: int = 0
    times_off: int = 0
    gaps: dict[str, int] = {}
    gap_ms: int = 0

    @property
    def faults(self) -> list[str]:
        """One line for each kind of fault; empty: the transcript is true."""
        found = {
            "lost": self.lost,
            "doubled": self.doubled,
            "out of order": self.disordered,
            "never said": self.strange,
        }
        return [f"{len(words)} {what}: {', '.join(words[:5])}" for what, words in found.items() if words]


def judge(spoken: Spoken, stored: Events, *, jitter_ms: int) -> Verdict:
    """The stored events of a finished conference against what was said in it."""
    verdict = Verdict()
    lines: dict[str, list[tuple[int, int, list[Told]]]] = {}
    gaps: dict[str, list[tuple[int, int]]] = {}
    for event in stored:
        data = event["data"]
        if event["type"] == "utterance.final":
            lines.setdefault(data["participant"], []).append((data["start_ms"], event["seq"], _told(data)))
        elif event["type"] == "transcript.gap":
            gaps.setdefault(data["participant"], []).append((data["from_ms"], data["to_ms"]))
            verdict.gaps[data["reason"]] = verdict.gaps.get(data["reason"], 0) + 1
            verdict.gap_ms += data["to_ms"] - data["from_ms"]
    for who in set(lines) | set(spoken):
        in_order = [word for _, _, words in sorted(lines.get(who, [])) for word in words]
        _Judge(who, spoken.get(who, ()), in_order, gaps.get(who, []), jitter_ms).add_to(verdict)
    return verdict


def offset_of(said: Sequence[Heard], heard: Iterable[Told], jitter_ms: int) -> int | None:
    """Where the caller's zero lies on the conference clock: the middle of what the words say. None if none was heard.

    Words that are off by more than jitter and clocks explain are left out.
    """
    place = {number_of(word.text): word.start_ms for word in said}
    apart = [told.start_ms - place[told.number] for told in heard if told.number in place]
    if not apart:
        return None
    middle = median(apart)
    sane = [one for one in apart if abs(one - middle) <= jitter_ms + 2 * TIMES_OFF_MS]
    return round((min(sane) + max(sane)) / 2) if sane else round(middle)


def words_of(stored: Events, who: str) -> list[Told]:
    """All words of one participant, in the order in which they were stored."""
    return [
        word
        for event in stored
        if event["type"] == "utterance.final" and event["data"]["participant"] == who
        for word in _told(event["data"])
    ]


class _Judge(msgspec.Struct):
    """One participant's words: what was said, and what stands in the transcript, by the start of its line."""

    who: str
    said: Sequence[Heard]
    told: Sequence[Told]
    gaps: Sequence[tuple[int, int]]
    jitter_ms: int

    def add_to(self, verdict: Verdict) -> None:
        place = {number_of(word.text): word for word in self.said}
        times = Counter(word.number for word in self.told)
        verdict.said += len(place)
        verdict.heard += sum(number in place for number in times)
        verdict.strange += [f"{self.who}:{number}" for number in times if number not in place]
        verdict.doubled += [f"{self.who}:{number}" for number in place if times[number] > 1]
        known = [word.number for word in self.told if word.number is not None]
        verdict.disordered += [f"{self.who}:{later}" for earlier, later in pairwise(known) if later < earlier]
        offset = offset_of(self.said, self.told, self.jitter_ms)
        missing = [number for number in place if number not in times]
        lost = [number for number in missing if not self._in_gap(place[number])]
        verdict.in_gaps += len(missing) - len(lost)
        verdict.lost += [f"{self.who}:{number}" for number in lost]
        if offset is not None:
            for one in self.told:
                if one.number in place:
                    self._look_at_times(verdict, one, place[one.number], offset)

    def _in_gap(self, missing: Heard) -> bool:
        """Whether a part of the word lies in a gap: a word is heard whole or not at all.

        Its place on the conference clock follows from the words before it and from those behind it; these may be of
        two streams whose clocks differ a little.
        """
        before = [one for one in self.said if one.start_ms < missing.start_ms]
        behind = [one for one in self.said if one.start_ms > missing.start_ms]
        offsets = [self._offset_of(reversed(before)), self._offset_of(behind)]
        if offsets == [None, None]:
            return bool(self.gaps)  # not one word was heard, so nobody knows where the caller's zero lies
        return any(
            missing.start_ms + offset < to_ms + EDGE_MS and from_ms - EDGE_MS < missing.end_ms + offset
            for offset in offsets
            if offset is not None
            for from_ms, to_ms in self.gaps
        )

    def _offset_of(self, near: Iterable[Heard]) -> int | None:
        """Of the first words of these that were heard."""
        told = {one.number: one for one in self.told}
        found = islice((told[n] for word in near if (n := number_of(word.text)) in told), NEIGHBOURS)
        return offset_of(self.said, found, self.jitter_ms)

    def _look_at_times(self, verdict: Verdict, told: Told, word: Heard, offset: int) -> None:
        start, end = word.start_ms + offset, word.end_ms + offset
        off = max(abs(told.start_ms - start), abs(told.end_ms - end)) - self.jitter_ms
        verdict.off_ms = max(verdict.off_ms, off)
        verdict.times_off += off > TIMES_OFF_MS
        if any(from_ms <= start - EDGE_MS and end + EDGE_MS <= to_ms for from_ms, to_ms in self.gaps):
            verdict.heard_in_gaps.append(f"{self.who}:{told.number}")


def _told(data: Mapping[str, Any]) -> list[Told]:
    return [
        Told(number=number_of(word["text"]), start_ms=word["start_ms"], end_ms=word["end_ms"]) for word in data["words"]
    ]


class Copy(msgspec.Struct, kw_only=True):
    """How a copy of the log differs from it; by seq."""

    missing: list[int] = []
    doubled: list[int] = []
    disordered: list[int] = []
    changed: list[int] = []

    @property
    def faults(self) -> list[str]:
        """One line for each kind of fault; empty: it is a true copy."""
        found = msgspec.structs.asdict(self)
        return [f"{len(seqs)} {what}: {', '.join(map(str, seqs[:5]))}" for what, seqs in found.items() if seqs]


def compare(stored: Events, copy: Events) -> Copy:
    """A reader's events, in the order of their arrival, against the log."""
    by_seq = {event["seq"]: event for event in stored}
    seqs = [event["seq"] for event in copy]
    times = Counter(seqs)
    return Copy(
        missing=sorted(set(by_seq) - set(seqs)),
        doubled=sorted(seq for seq, count in times.items() if count > 1),
        disordered=[later for earlier, later in pairwise(seqs) if later < earlier],
        changed=sorted({e["seq"] for e in copy if _content(e) != _content(by_seq.get(e["seq"], {}))}),
    )


def compare_export(stored: Events, document: Mapping[str, Any]) -> Copy:
    """``transcript.json`` against the log: each utterance and each gap of it, once, word for word."""
    kept = [event for event in stored if event["type"] in ("utterance.final", "transcript.gap")]
    exported = [*document["utterances"], *document["gaps"]]
    type_of = {event["seq"]: event["type"] for event in kept}
    as_events = [
        {
            "seq": line["seq"],
            "type": type_of.get(line["seq"], ""),
            "data": {k: v for k, v in line.items() if k not in ("seq", "role", "participant_id")}
            | {"participant": line["participant_id"]},
        }
        for line in sorted(exported, key=lambda line: line["seq"])
    ]
    return compare([_plain(event) for event in kept], [_plain(event) for event in as_events])


def holes(stored: Events) -> list[int]:
    """Numbers that are missing in the log itself."""
    return sorted(set(range(1, len(stored) + 1)) - {event["seq"] for event in stored})


def _content(event: Mapping[str, Any]) -> tuple[Any, Any]:
    return event.get("type"), event.get("data")


def _plain(event: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"seq": event["seq"], "type": event["type"], "data": dict(event["data"])}
