"""What a transcript adds up to, so that a reader can check that nothing of it is missing. Pure.

The digest is over one line per ``utterance.*`` event in order of seq: ``seq,id,revision,text`` and ``\\n``, in UTF-8,
``id`` being the utterance's. Nothing in it is escaped. All lines of an utterance that was redacted have the text that
its last redaction left: the store has no other any more. docs/completeness.md says the same to strangers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from sidecar.domain.events import Event, TranscriptCompleted, TranscriptGap, UtteranceFinal
from sidecar.domain.redaction.events import UtteranceRedacted

# More missing numbers than this are counted and not listed.
LISTED_MOST = 20


def canonical_line(seq: int, utterance: str, revision: int, text: str) -> bytes:
    """What one event adds to the digest."""
    return f"{seq},{utterance},{revision},{text}\n".encode()


class Manifest:
    """Adds up a conference's events as the store has them, in order of seq, to what ``transcript.completed`` says."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._utterances: set[str] = set()
        self._gaps = 0
        self._gap_ms = 0
        self._last_seq = 0
        self._revision = 1

    def add(self, events: Iterable[Event]) -> None:
        """More events; they must follow the ones added before."""
        for event in events:
            self._last_seq = event.seq or self._last_seq
            data = event.data
            if isinstance(data, UtteranceFinal | UtteranceRedacted):
                self._utterances.add(data.id)
                self._digest.update(canonical_line(self._last_seq, data.id, data.revision, data.text))
            elif isinstance(data, TranscriptGap):
                self._gaps += 1
                self._gap_ms += data.to_ms - data.from_ms
            elif isinstance(data, TranscriptCompleted):
                self._revision = data.revision + 1

    def completed(self) -> TranscriptCompleted:
        """The manifest over all that was added. A correction after the first one gives the next revision."""
        return TranscriptCompleted(
            utterances=len(self._utterances),
            gaps=self._gaps,
            gap_ms=self._gap_ms,
            last_seq=self._last_seq,
            sha256=self._digest.hexdigest(),
            revision=self._revision,
        )


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether these events are a whole transcript.

    ``state``: complete; incomplete: something is missing or not as it was told; unfinished: there is no manifest of it
    yet. ``missing``: numbers that none of the events has, as (first, last); with a subscription to some types only
    there are always some, and the transcript is complete all the same if its digest is right. ``revision``: of the
    manifest.
    """

    state: Literal["complete", "incomplete", "unfinished"]
    utterances: int
    gaps: int
    last_seq: int
    missing: list[tuple[int, int]]
    revision: int = 0
    expected: str = ""
    found: str = ""


def verdict_of(envelopes: Iterable[Mapping[str, Any]]) -> Verdict:
    """Of envelopes of one conference, as JSON has them, in any order, some of them twice, some types left out.

    KeyError, TypeError or ValueError for what is none.
    """
    events = {int(one["seq"]): one for one in envelopes if one.get("seq") is not None}
    order = sorted(events)
    manifests = [seq for seq in order if events[seq]["type"] == TranscriptCompleted.type]
    if not manifests:
        gaps = sum(events[seq]["type"] == TranscriptGap.type for seq in order)
        said = {events[seq]["data"]["id"] for seq in order if events[seq]["type"].startswith("utterance.")}
        last_seq = order[-1] if order else 0
        missing = _holes(order, last_seq)
        return Verdict(state="unfinished", utterances=len(said), gaps=gaps, last_seq=last_seq, missing=missing)
    told = msgspec.convert(events[manifests[-1]]["data"], TranscriptCompleted)
    covered = [seq for seq in order if seq <= told.last_seq]
    lines = [(seq, events[seq]["type"], events[seq]["data"]) for seq in covered]
    lines = [line for line in lines if line[1].startswith("utterance.")]
    left = {data["id"]: data["text"] for _, type_, data in lines if type_ == UtteranceRedacted.type}
    digest = hashlib.sha256()
    for seq, _, data in lines:
        digest.update(canonical_line(seq, data["id"], data["revision"], left.get(data["id"], data["text"])))
    found = digest.hexdigest()
    later = any(events[seq]["type"] == UtteranceRedacted.type for seq in order if seq > told.last_seq)
    state: Literal["complete", "incomplete", "unfinished"] = "complete" if found == told.sha256 else "incomplete"
    return Verdict(
        state="unfinished" if later else state,  # its next manifest is on the way
        utterances=len({data["id"] for _, _, data in lines}),
        gaps=sum(events[seq]["type"] == TranscriptGap.type for seq in covered),
        last_seq=told.last_seq,
        missing=_holes(covered, told.last_seq),
        revision=told.revision,
        expected=told.sha256,
        found=found,
    )


def _holes(numbers: Sequence[int], last: int) -> list[tuple[int, int]]:
    """What is missing of 1 to ``last`` in these ascending numbers, as (first, last)."""
    holes, due = [], 1
    for number in [*numbers, last + 1]:
        if number > due:
            holes.append((due, number - 1))
        due = number + 1
    return holes
