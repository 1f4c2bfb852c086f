"""Two recogniser sessions heard the same audio: which words of the second one did the first tell already?

Their times differ by up to some tenths of a second, and their wording may. But words keep their order, so the two are
laid side by side as cheaply as possible; a word that falls upon one told before is the same. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.domain.events import Word

# Two sessions place the middle of the same word at most so far apart.
SAME_WITHIN_MS = 400
# What it costs, in ms of difference, to hold that ...
OTHER_WORDING = 50  # ... a word is the same although it reads otherwise
NOT_HEARD_AGAIN = 350  # ... the second session missed a word
NOT_TOLD_BEFORE = 400  # ... the first session missed a word amid what it told; half of it where it began to listen


def told_before(words: Sequence[Word], told: Sequence[Word], *, began_ms: int, listened_from_ms: int) -> dict[int, int]:
    """By index of each word of the second session that was told before: the index in ``told``.

    ``told`` is in order. ``began_ms``: where the second session's audio began; it cannot have heard what lies before.
    ``listened_from_ms``: where the first session began.
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
        at = middle(word)
        news = NOT_TOLD_BEFORE * ((at >= listened_from_ms) + (at - SAME_WITHIN_MS >= listened_from_ms)) / 2
        # At the end of what was told, a further word is simply news.
        after = [(cost + (news if j < len(told) else 0), pairs) for j, (cost, pairs) in enumerate(best)]
        for j, one in enumerate(told):
            apart = abs(at - middle(one))
            if apart <= SAME_WITHIN_MS:
                cost, pairs = best[j]
                same = cost + apart + (0 if _plain(word) == _plain(one) else OTHER_WORDING)
                if same < after[j + 1][0]:
                    after[j + 1] = (same, pairs | {i: j})
            missed = after[j][0] + _missed(one, began_ms)
            if missed < after[j + 1][0]:
                after[j + 1] = (missed, after[j][1])
        best = after
    # What was told of later audio is not heard again yet.
    come = sum(middle(one) <= middle(words[-1]) for one in told)
    ways = [(cost + sum(_missed(one, began_ms) for one in told[j:come]), pairs) for j, (cost, pairs) in enumerate(best)]
    return {i: j + passed for i, j in min(ways, key=lambda way: way[0])[1].items()}


def middle(word: Word) -> int:
    """The middle of a word, which moves less between sessions than its edges do."""
    return (word.start_ms + word.end_ms) // 2


def _missed(word: Word, began_ms: int) -> float:
    return NOT_HEARD_AGAIN if word.start_ms >= began_ms else 0.0


def _plain(word: Word) -> str:
    return "".join(letter for letter in word.text.casefold() if letter.isalnum())
