"""Phrases that alert rules listen for, and where a text says one. One look-up per word, however many phrases there are.

A phrase is words that follow each other; case and punctuation do not count, nor do apostrophes (``dont`` is ``don't``).
``refund`` also means its regular English forms (refunds, refunded, refunding); ``"refund"`` in quotes means just that;
``cancel*`` means all words that begin so; ``...`` between two words stands for up to three others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

from sidecar.domain.errors import SidecarError

PHRASE_MAX_CHARS = 100
WORDS_MOST = 10
# A shorter beginning would mean half of all words.
PREFIX_LEAST = 3
# Words that "..." stands for, at most.
GAP_WORDS = 3

_WORD = re.compile(r"[^\W_]+(?:[’'`][^\W_]+)*")
_APOSTROPHE = re.compile(r"[’'`]")
_GAP = re.compile(r"\.\.\.|…")
_VOWEL = re.compile(r"[aeiouy]")

Key = TypeVar("Key")


class PhraseRefused(SidecarError):
    """A phrase that nobody can say, or that nearly everything is."""

    code = "phrase_invalid"


class Like(Enum):
    """How a word is compared."""

    FORMS = "forms"
    EXACT = "exact"
    PREFIX = "prefix"


class Term(NamedTuple):
    """One word of a phrase. ``gap``: up to three others may stand before it."""

    like: Like
    text: str
    gap: bool = False


class Span(NamedTuple):
    """A part of a text, in characters."""

    start: int
    end: int


class _Word(NamedTuple):
    plain: str
    stem: str
    start: int
    end: int


def parse_phrase(phrase: str) -> tuple[Term, ...]:
    """The words of a phrase. Raises PhraseRefused."""
    if len(phrase) > PHRASE_MAX_CHARS:
        raise PhraseRefused(f"A phrase has at most {PHRASE_MAX_CHARS} characters.")
    terms: list[Term] = []
    exact = gap = False
    for piece in re.findall(r'"|\.\.\.|…|[^\s"]+?(?=\.\.\.|…|["\s]|$)', phrase):
        if piece == '"':
            exact = not exact
        elif _GAP.fullmatch(piece):
            gap = True
        else:
            for word in _WORD.finditer(piece):
                prefix = piece[word.end() :].startswith("*")
                terms.append(_term(plain_word(word[0]), exact=exact, prefix=prefix, gap=gap and bool(terms)))
                gap = False
    if exact:
        raise PhraseRefused(f"The quotes of {phrase!r} do not close.")
    if not 0 < len(terms) <= WORDS_MOST:
        raise PhraseRefused(f"A phrase has 1 to {WORDS_MOST} words; {phrase!r} has {len(terms)}.")
    return tuple(terms)


def _term(word: str, *, exact: bool, prefix: bool, gap: bool) -> Term:
    if prefix:
        if len(word) < PREFIX_LEAST:
            raise PhraseRefused(f"{word}* has at least {PREFIX_LEAST} letters before the star.")
        return Term(Like.PREFIX, word, gap)
    return Term(Like.EXACT, word, gap) if exact else Term(Like.FORMS, stem(word), gap)


def plain_word(word: str) -> str:
    """As words are compared: without case and apostrophes."""
    return _APOSTROPHE.sub("", word.casefold())


def stem(word: str) -> str:
    """What the regular English forms of a word have in common; not itself a word. Others are left as they are."""
    if not word.isascii() or not word.isalpha() or len(word) <= 3:
        return word
    if word.endswith(("ies", "ied")) and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return _base(word[:-2])
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return stem(word[:-1])
    for ending in ("ing", "ed"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= 3 and _VOWEL.search(rest) and not word.endswith("eed"):
            return _base(rest)
    return _base(word)


def _base(word: str) -> str:
    """Without the -e that -ed and -ing take away, and without the letter that they double."""
    word = word.removesuffix("e") if len(word) > 3 else word
    doubled = len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouy"
    return word[:-1] if doubled else word


class PhraseBook(Generic[Key]):
    """Phrases by the key of whoever looks for them; built once, asked for every utterance."""

    def __init__(self, phrases: Iterable[tuple[Key, Sequence[Term]]]) -> None:
        self._by_first: Mapping[Like, dict[str, list[tuple[Key, Sequence[Term]]]]] = {like: {} for like in Like}
        for key, terms in phrases:
            first = terms[0]
            self._by_first[first.like].setdefault(first.text, []).append((key, terms))
        self._prefix_lengths = sorted({len(text) for text in self._by_first[Like.PREFIX]})

    def find(self, text: str) -> dict[Key, Span]:
        """Whose phrases the text has, each with where the first of them stands."""
        words = _words_of(text)
        found: dict[Key, Span] = {}
        for at, word in enumerate(words):
            for key, terms in self._candidates(word):
                if key not in found and (last := _ends_at(words, at, terms)) is not None:
                    found[key] = Span(word.start, words[last].end)
        return found

    def _candidates(self, word: _Word) -> Iterable[tuple[Key, Sequence[Term]]]:
        yield from self._by_first[Like.FORMS].get(word.stem, ())
        yield from self._by_first[Like.EXACT].get(word.plain, ())
        for length in self._prefix_lengths:
            if length > len(word.plain):
                break
            yield from self._by_first[Like.PREFIX].get(word.plain[:length], ())


def _words_of(text: str) -> list[_Word]:
    words = []
    for match in _WORD.finditer(text):
        plain = plain_word(match[0])
        words.append(_Word(plain, stem(plain), match.start(), match.end()))
    return words


def _ends_at(words: Sequence[_Word], at: int, terms: Sequence[Term]) -> int | None:
    """The last word of the phrase whose first one is at ``at``; None: it is not said here.

    Of several ways to fill the gaps all are followed at once, so the work is bounded by terms times words.
    """
    reached = {at}
    for term in terms[1:]:
        reach = GAP_WORDS + 1 if term.gap else 1
        ahead = {n for here in reached for n in range(here + 1, min(here + reach, len(words) - 1) + 1)}
        reached = {n for n in ahead if _is(words[n], term)}
        if not reached:
            return None
    return min(reached)


def _is(word: _Word, term: Term) -> bool:
    match term.like:
        case Like.FORMS:
            return word.stem == term.text
        case Like.EXACT:
            return word.plain == term.text
        case Like.PREFIX:
            return word.plain.startswith(term.text)
