"""Words that a person takes out of a line after it was told. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher

import msgspec

from sidecar.domain.errors import SidecarError
from sidecar.domain.events import Event, UtteranceFinal, Word
from sidecar.domain.redaction.events import UtteranceRedacted

# What stands in their place.
TAKEN_OUT = "[redacted]"


class UtteranceChanged(SidecarError):
    """The line is not as it was when it was read: somebody else redacted it meanwhile. Read it again, then decide."""

    code = "utterance_changed"


def without(text: str, start: int, end: int) -> str:
    """The text without the characters from ``start`` to before ``end``. Raises ValueError for what it has not."""
    if not 0 <= start < end <= len(text):
        raise ValueError(f"There are no characters {start} to {end} in a text of {len(text)}.")
    return f"{text[:start]}{TAKEN_OUT}{text[end:]}"


def forgotten(line: UtteranceFinal, text: str) -> UtteranceFinal:
    """The line as its redaction leaves it. Words keep their times; those that ``text`` has no more lose their text.

    Where an engine's words cannot be told from the text's, all of them do.
    """
    said = line.text.split()
    kept = {
        at
        for run in SequenceMatcher(None, said, text.split(), autojunk=False).get_matching_blocks()
        for at in range(run.a, run.a + run.size)
    }
    known = len(said) == len(line.words)
    words = [_forgotten(word) if at not in kept or not known else word for at, word in enumerate(line.words)]
    return msgspec.structs.replace(line, text=text, words=words, cut=TAKEN_OUT if line.cut else "")


def settled(events: Iterable[Event]) -> Sequence[Event]:
    """The events as readers of all of them see them: each line as its last redaction left it, in that revision."""
    events = list(events)
    left = {event.data.id: event.data for event in events if isinstance(event.data, UtteranceRedacted)}
    return [_settled(event, left) for event in events] if left else events


def _settled(event: Event, left: Mapping[str, UtteranceRedacted]) -> Event:
    line = event.data
    if not isinstance(line, UtteranceFinal) or (redacted := left.get(line.id)) is None:
        return event
    line = msgspec.structs.replace(forgotten(line, redacted.text), revision=redacted.revision)
    return msgspec.structs.replace(event, data=line)


def _forgotten(word: Word) -> Word:
    return msgspec.structs.replace(word, text=TAKEN_OUT)
