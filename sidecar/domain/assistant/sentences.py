"""From a model's text, as it comes piece by piece, to sentences that a voice can speak. Pure.

A voice wants whole sentences, and people want to hear something soon. So the first cut may fall at a comma, tiny
sentences wait for the next, and long ones are cut where it hurts least. Models write for the eye: markup, list marks
and emoji are taken out. How the text was divided into pieces makes no difference.
"""

from __future__ import annotations

import re

# The first words may go to the voice at a clause's end from here on.
FIRST_CLAUSE_CHARACTERS = 30
# Less than this is no sentence by itself: "Yes." goes with what follows.
SHORTEST_CHARACTERS = 10
# A longer one is cut anyway: a voice takes its time for it, and an interruption could say little about what was heard.
LONGEST_CHARACTERS = 220
# Where a forced cut may fall at the earliest.
FORCED_FROM_CHARACTERS = 60

_ABBREVIATIONS = frozenset(
    re.findall(
        r"\S+",
        "mr. mrs. ms. dr. prof. st. jr. sr. no. nr. vs. etc. approx. dept. est. inc. ltd. co. corp. fig. min. max. ca."
        " cf. jan. feb. mar. apr. jun. jul. aug. sep. sept. oct. nov. dec. ext. tel. rd. ave. apt. e.g. i.e.",
    )
)
_LETTERS_AND_DOTS = re.compile(r"(?:[^\W\d_]\.)+")  # J. or U.S. or a.m.
_LIST_NUMBER = re.compile(r"\d{1,2}[.)]")
_ENDS = re.compile(r"[.?!…][\"'”’)\]*_`]*$")
_CLAUSE_ENDS = re.compile(r"[^\W_][,;:–—]$")

_LINK = re.compile(r"!?\[([^\]]*)\]\([^)\s]*\)")
_LINE_MARK = re.compile(r"^\s*(?:#{1,6}\s+|>\s*|[-*+•]\s+|\|)")
_MARKUP = re.compile(r"`+|\*+(?=\S)|(?<=\S)\*+|(?<!\w)_+|_+(?!\w)|~~|\|")
_LOOSE_MARK = re.compile(r"\s+([,.;:!?])")
_EMOJI = re.compile("[\u20e3\u200d\u2600-\u27bf\u2b00-\u2bff\ufe0f\U0001f000-\U0001faff\U000e0000-\U000e007f]")


class Sentences:
    """One answer: text in, sentences out. ``close`` gives the rest."""

    def __init__(self) -> None:
        self._buffer = ""
        self._first = True

    def add(self, text: str) -> list[str]:
        """More text; the sentences that are complete by now."""
        sentences: list[str] = []
        for character in text:
            if character.isspace() and self._ends(at_line_end=character == "\n"):
                sentences += self._cut(len(self._buffer))
            elif self._buffer or not character.isspace():
                self._buffer += character
            if len(self._buffer) >= LONGEST_CHARACTERS:
                sentences += self._cut(_least_harm(self._buffer))
        return sentences

    def close(self) -> list[str]:
        """No more text comes: what is left."""
        return self._cut(len(self._buffer))

    def _ends(self, *, at_line_end: bool) -> bool:
        """Whether a sentence ends behind what is here, now that white space follows."""
        spoken = _for_the_ear(self._buffer)
        if len(spoken) < SHORTEST_CHARACTERS:
            return False
        last = self._buffer.split()[-1]
        if at_line_end:
            return True
        if _ENDS.search(last):
            return not _stands_for_a_word(last, alone=last == self._buffer.strip())
        return self._first and len(spoken) >= FIRST_CLAUSE_CHARACTERS and _CLAUSE_ENDS.search(last) is not None

    def _cut(self, at: int) -> list[str]:
        spoken, self._buffer = _for_the_ear(self._buffer[:at]), self._buffer[at:].lstrip()
        if not any(character.isalnum() for character in spoken):
            return []
        self._first = False
        return [spoken]


def _stands_for_a_word(last: str, *, alone: bool) -> bool:
    """Whether the full stop belongs to an abbreviation, an initial or the number of a list."""
    word = last.lstrip("\"'“‘([*_`")
    if word in ("I.", "i."):
        return False
    return (
        word.lower() in _ABBREVIATIONS
        or bool(_LETTERS_AND_DOTS.fullmatch(word))
        or (alone and bool(_LIST_NUMBER.fullmatch(word)))
    )


def _least_harm(text: str) -> int:
    """Where to cut a sentence that is too long: behind its last clause, else its last word, else anywhere."""
    for mark in (", ", "; ", ": ", " – ", " — ", " "):
        at = text.rfind(mark, FORCED_FROM_CHARACTERS)
        if at >= 0:
            return at + len(mark)
    return len(text)


def _for_the_ear(text: str) -> str:
    """Without markup and emoji, white space as single blanks."""
    lines = [_LINE_MARK.sub("", line) for line in _LINK.sub(r"\1", text).splitlines()]
    words = " ".join(_EMOJI.sub("", _MARKUP.sub("", " ".join(lines))).split())
    return _LOOSE_MARK.sub(r"\1", words)
