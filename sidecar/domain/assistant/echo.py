"""The assistant's own words, coming back by a participant's telephone: known again and left out. Pure.

A conference does not send a participant its own voice, but a loudspeaker beside a microphone does, late and distorted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from difflib import SequenceMatcher

from sidecar.domain.assistant.phrases import STOP, find, words_of

# The same words, at most so long before or after the assistant said them, are its own.
SAME_WITHIN_MS = 3_000
# An echo ends with its sound, or so much later. Who says its last words again after that asks back: "Five days?"
LINGERS_MS = 1_000
# With so much of it the same, the rest was misheard.
SAME_SHARE = 2 / 3
# Words alone that occur everywhere prove nothing; among more words, at least so many have to follow each other.
SAME_RUN = 2
WORDS_KEPT = 400


class Echo:
    """Told what the assistant says, it knows it again. All times are ms of the conference clock."""

    def __init__(self) -> None:
        self._said: deque[tuple[int, str]] = deque(maxlen=WORDS_KEPT)

    def said(self, text: str, at_ms: int) -> None:
        """Words of the assistant, and about when they sound."""
        self._said.extend((at_ms, word) for word in words_of(text))

    def beyond(self, text: str, start_ms: int, end_ms: int) -> list[str]:
        """The words of a text, spoken from ``start_ms`` to ``end_ms``, that are not the assistant's own."""
        words = words_of(text)
        said = [word for at, word in self._said if start_ms - SAME_WITHIN_MS <= at <= end_ms + SAME_WITHIN_MS]
        if not said or end_ms > self._said[-1][0] + LINGERS_MS:
            return words
        return _beyond(words, said)

    def is_own(self, text: str, start_ms: int, end_ms: int) -> bool:
        """Whether an utterance is nothing but the assistant's own words."""
        return bool(words_of(text)) and not self.beyond(text, start_ms, end_ms)


def _beyond(words: Sequence[str], said: Sequence[str]) -> list[str]:
    runs = SequenceMatcher(None, said, words, autojunk=False).get_matching_blocks()
    shortest = min(SAME_RUN, len(words))
    same = {at for run in runs for at in range(run.b, run.b + run.size)}
    in_runs = {at for run in runs if run.size >= shortest for at in range(run.b, run.b + run.size)}
    others = [word for at, word in enumerate(words) if at not in same]
    if len(same) >= SAME_SHARE * len(words) and find(STOP, others) is None:
        return []
    return [word for at, word in enumerate(words) if at not in in_runs]
