"""Finals without what must not be told: one, or several that were said one after the other and are judged together."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sidecar.domain.events import UtteranceFinal
from sidecar.domain.redaction.numbers import NOTHING_ASKED, Asked
from sidecar.domain.redaction.rules import Finding, Rules, apart, masked_words


def redact(
    finals: Sequence[UtteranceFinal], rules: Rules, *, before: str = "", asked: Asked = NOTHING_ASKED
) -> tuple[list[UtteranceFinal], list[Finding]]:
    """The finals, redacted in text, words and cut tail, and what was found in their texts.

    ``before``: digits that the same fork ended with and that are told already. Engines may write words otherwise than
    the text ("four one" and "41"), so both are judged; what only one of the two shows costs the other its numbers.
    """
    texts = [final.text for final in finals]
    spoken = [" ".join(word.text for word in final.words) for final in finals]
    in_texts, in_words = _found(texts, rules, before, asked), _found(spoken, rules, before, asked)
    redacted = []
    for final, of_text, of_words in zip(finals, in_texts, in_words, strict=True):
        text, words = rules.masked(final.text, of_text), masked_words(final.words, of_words)
        if final.words and len(of_text) > len(of_words):
            words = rules.words_without_runs(words)
        elif len(of_words) > len(of_text):
            text = rules.without_runs(text)
        cut = rules.masked(final.cut, rules.findings(final.cut, asked))
        redacted.append(msgspec.structs.replace(final, text=text, words=words, cut=cut))
    return redacted, [finding for findings in in_texts for finding in findings]


def _found(texts: Sequence[str], rules: Rules, before: str, asked: Asked) -> list[list[Finding]]:
    """The findings in each text, of which some may reach from one into the next."""
    parts = [before, *texts] if before else list(texts)
    return apart(parts, rules.findings(" ".join(parts), asked))[len(parts) - len(texts) :]
