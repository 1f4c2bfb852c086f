"""Whether a transcript is complete, for the command line: files of events as people keep them, the verdict in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from sidecar.domain.errors import SidecarError
from sidecar.domain.manifest import LISTED_MOST, Verdict
from sidecar.domain.webhooks.sample_events import SAMPLE_CONFERENCE

UNREADABLE = 2
EXIT_CODES = {"complete": 0, "incomplete": 1, "unfinished": 3}
_WORST_FIRST = ("incomplete", "unfinished", "complete")


class NoEvents(SidecarError):
    """A file is not JSON, or there are no events of the conference in it."""

    code = "events_unreadable"


def events_in(text: str, conference: str = "") -> dict[str, list[Mapping[str, Any]]]:
    """The envelopes in a file by their conference: one per line, or a list, or pages and batches with ``data``.

    ``conference``: this one alone, by our id or Twilio's; without it all, samples aside. Raises NoEvents.
    """
    try:
        documents = [msgspec.json.decode(text)]
    except msgspec.DecodeError:
        try:
            documents = [msgspec.json.decode(line) for line in text.splitlines() if line.strip()]
        except msgspec.DecodeError as error:
            raise NoEvents(f"The file is not JSON, nor JSON line by line: {error}.") from None
    found = [one for document in documents for one in _envelopes(document)]
    if conference:
        ids = {
            one.get("conference") for one in found if conference in (one.get("conference"), one.get("conference_sid"))
        }
        if not ids:
            raise NoEvents(
                f"No event of conference {conference[:64]} is among the {len(found)} in the file.",
                next_step="Give its id as the events do, in `conference` or `conference_sid`.",
            )
    else:
        ids = {one.get("conference") for one in found} - {SAMPLE_CONFERENCE}
        if not ids:
            raise NoEvents("There is no event of a call in the file.")
    by_id: dict[str, list[Mapping[str, Any]]] = {}
    for one in found:
        if one.get("conference") in ids:  # before Twilio's id is known, events are without it
            by_id.setdefault(str(one["conference"]), []).append(one)
    return by_id


def worst(verdicts: Iterable[Verdict]) -> str:
    """The state that matters most."""
    return min((verdict.state for verdict in verdicts), key=_WORST_FIRST.index)


def in_words(verdict: Verdict) -> Sequence[str]:
    """For people."""
    counts = f"{verdict.utterances} utterances, {verdict.gaps} gaps, up to event {verdict.last_seq}"
    if verdict.state == "complete":
        lines = [f"complete: {counts}; the manifest (revision {verdict.revision}) fits"]
    elif verdict.state == "unfinished":
        lines = [f"not finished: {counts}; there is no manifest of all of it yet"]
    else:
        lines = [
            f"not complete: {counts}; the manifest (revision {verdict.revision}) does not fit",
            f"  its digest:    {verdict.expected}",
            f"  of the events: {verdict.found}",
        ]
    if verdict.missing:
        spans = [f"{first}" if first == last else f"{first}-{last}" for first, last in verdict.missing]
        more = f" and {len(spans) - LISTED_MOST} more" if len(spans) > LISTED_MOST else ""
        lines.append(f"  numbers without an event: {', '.join(spans[:LISTED_MOST])}{more}")
    return lines


def _envelopes(document: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(document, list):
        for one in document:
            yield from _envelopes(one)
    elif isinstance(document, dict) and "seq" in document and isinstance(document.get("data"), dict):
        yield document
    elif isinstance(document, dict) and isinstance(document.get("data"), list):
        yield from _envelopes(document["data"])
    else:
        raise NoEvents("The file holds something that is no event.", next_step="Keep envelopes as they came.")
