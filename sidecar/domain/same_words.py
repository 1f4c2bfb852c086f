"""Two recogniser sessions heard the same audio: which words of the second one did the first tell already?

Their times differ by up to some tenths of a second, and their wording may. But words keep their order, so the two are
laid side by side as cheaply as possible; a word that falls upon one told before is the same. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.domain.events import Word
from sidecar.domain.replay import Span

# Two sessions place the middle of the same word at most so far apart.
SAME_WITHIN_MS = 400
# What it costs, in ms of difference, to hold that ...
OTHER_WORDING = 50  # ... a word is the same although it reads otherwise
NOT_HEARD_AGAIN = 350  # ... the second session missed a word
NOT_TOLD_BEFORE = 400  # ... the first session missed a word, or so much of the lead-in was not told
# How sure that is grows with the distance from the edge of what a session heard, for times are off there too.
HEARD_EDGE_MS = 100
LEAD_IN_EDGE_MS = 300


def told_before(
    words: Sequence[Word], told: Sequence[Word], *, began_ms: int, answers_ms: int, listened: Sequence[Span]
) -> dict[int, int]:
    """By index of each word of the second session that was told before: the index in ``told``.

    ``told`` is in order. ``began_ms``: where the second session's audio began; it cannot have heard what lies before.
    ``answers_ms``: what lies before is thought to be told. ``listened``: from where to where first sessions told all.
    """
    passed = sum(middle(one) < began_ms for one in told)
    told = told[passed:]
    if not told or not words:
        return {}
    last = middle(told[-1]) + SAME_WITHIN_MS
    near = [word for word in words if middle(word) <= last]
    # best[j]: of all ways to lay the words so far beside told[:j], the cheapest, and its pairs.
    best: list[tuple[float, dict[int, int]]] = [(0.0, {})]
    for j, one in enumerate(told):
        cost, pairs = best[j]
        best.append((cost + _missed(one, began_ms), pairs))
    for i, word in enumerate(near):
        news = _untold(middle(word), answers_ms, listened)
        after = [(cost + news, pairs) for cost, pairs in best]
        for j, one in enumerate(told):
            apart = abs(middle(word) - middle(one))
            if apart <= SAME_WITHIN_MS:
                cost, pairs = best[j]
                same = cost + apart + (0 if _plain(word) == _plain(one) else OTHER_WORDING)
                if same < after[j + 1][0]:
                    after[j + 1] = (same, pairs | {i: j})
            missed = after[j][0] + _missed(one, began_ms)
            if missed < after[j + 1][0]:
                after[j + 1] = (missed, after[j][1])
        best = after
    ways = [
        (cost + sum(_missed(one, began_ms) * _come(one, words[-1]) for one in told[j:]), pairs)
        for j, (cost, pairs) in enumerate(best)
    ]
    return {i: j + passed for i, j in min(ways, key=lambda way: way[0])[1].items()}


def middle(word: Word) -> int:
    """The middle of a word, which moves less between sessions than its edges do."""
    return (word.start_ms + word.end_ms) // 2


def _missed(word: Word, began_ms: int) -> float:
    """What it costs that the second session did not hear a word again: it may have begun in the middle of it."""
    return NOT_HEARD_AGAIN * _share(word.start_ms - began_ms, HEARD_EDGE_MS)


def _come(word: Word, last: Word) -> float:
    """How surely the second session, which has come to ``last``, has heard this word again."""
    return _share(SAME_WITHIN_MS - (middle(word) - middle(last)), SAME_WITHIN_MS)


def _untold(at_ms: int, answers_ms: int, listened: Sequence[Span]) -> float:
    """What it costs that nobody told a word at this place."""
    amid = [
        ((start <= at_ms) + (start <= at_ms - SAME_WITHIN_MS)) / 2 for start, end in listened if start <= at_ms <= end
    ]
    return NOT_TOLD_BEFORE * max([_share(answers_ms - at_ms, LEAD_IN_EDGE_MS), *amid])


def _share(part: float, whole: float) -> float:
    return min(1.0, max(0.0, part / whole))


def _plain(word: Word) -> str:
    return "".join(letter for letter in word.text.casefold() if letter.isalnum())
