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
HALF_HEARD = 230  # ... at most, if it began amid speech and perhaps in the middle of that word
NOT_TOLD_BEFORE = 400  # ... the first session missed a word, or so much of the lead-in was not told
# How sure that is grows with the distance from the edge of what a session heard, for times are off there too.
HEARD_EDGE_MS = 100
AMID_EDGE_MS = 150
LEAD_IN_EDGE_MS = 300


def told_before(
    words: Sequence[Word], told: Sequence[Word], *, began_ms: int, answers_ms: int | None, listened: Sequence[Span]
) -> dict[int, int]:
    """By index of each word of the second session that was told before: the index in ``told``.

    ``told`` is in order. ``began_ms``: where the second session's audio began; it cannot have heard what lies before.
    ``answers_ms``: what lies before is thought to be told; None: it began amid speech that nobody had told.
    ``listened``: from where to where first sessions told all.
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
        best.append((cost + _missed(one, began_ms, amid=answers_ms is None), pairs))
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
            missed = after[j][0] + _missed(one, began_ms, amid=answers_ms is None)
            if missed < after[j + 1][0]:
                after[j + 1] = (missed, after[j][1])
        best = after
    ways = [
        (cost + sum(_missed(one, began_ms, amid=answers_ms is None) * _come(one, words[-1]) for one in told[j:]), pairs)
        for j, (cost, pairs) in enumerate(best)
    ]
    return {i: j + passed for i, j in min(ways, key=lambda way: way[0])[1].items()}


def middle(word: Word) -> int:
    """The middle of a word, which moves less between sessions than its edges do."""
    return (word.start_ms + word.end_ms) // 2


def _missed(word: Word, began_ms: int, *, amid: bool) -> float:
    """What it costs that the second session did not hear a word again: it may have begun in the middle of it."""
    inside_ms = word.start_ms - began_ms
    if amid and inside_ms < AMID_EDGE_MS:
        return min(HALF_HEARD, NOT_HEARD_AGAIN * _share(inside_ms + AMID_EDGE_MS, 2 * AMID_EDGE_MS))
    return NOT_HEARD_AGAIN * _share(inside_ms, HEARD_EDGE_MS)


def _come(word: Word, last: Word) -> float:
    """How surely the second session, which has come to ``last``, has heard this word again."""
    return _share(SAME_WITHIN_MS - (middle(word) - middle(last)), SAME_WITHIN_MS)


def _untold(at_ms: int, answers_ms: int | None, listened: Sequence[Span]) -> float:
    """What it costs that nobody told a word at this place."""
    amid = [
        ((start <= at_ms) + (start <= at_ms - SAME_WITHIN_MS)) / 2 for start, end in listened if start <= at_ms <= end
    ]
    lead_in = 0.0 if answers_ms is None else _share(answers_ms - at_ms, LEAD_IN_EDGE_MS)
    return NOT_TOLD_BEFORE * max([lead_in, *amid])


def _share(part: float, whole: float) -> float:
    return min(1.0, max(0.0, part / whole))


def _plain(word: Word) -> str:
    return "".join(letter for letter in word.text.casefold() if letter.isalnum())
