"""Digits that belong together, however they are said: runs over separators, fillers and corrections. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product
from typing import NamedTuple

from sidecar.domain.redaction.number_words import Piece, Token, pieces_of, tokens_of

SIGNS = frozenset("-–—‐‑.,·…;()")
# Between two digits of one number.
FILLERS = frozenset({
    "uh", "um", "er", "erm", "ah", "hm", "hmm", "mm", "mhm", "and", "then", "so", "okay", "ok", "yeah", "dash",
    "hyphen", "space", "comma", "next",
    "äh", "ähm", "und", "dann", "strich", "euh", "et", "puis", "ensuite", "tiret", "eh", "este", "y", "luego", "guión",
    "e", "depois", "ehm", "poi", "trattino", "en", "dan", "streepje",
})  # fmt: skip
# Also before a number that goes on from the line before, or behind one that may.
LEAD_INS = FILLERS | {"yes", "right", "like", "well", "is", "it's", "ja", "also", "oui", "sí", "sim", "eens"}
CORRECTIONS = frozenset({
    "no", "nope", "sorry", "wait", "correction", "actually", "rather", "scratch", "that", "mean", "i", "oops", "pardon",
    "excuse", "me", "my", "mistake", "make", "let", "start", "over", "again", "not",
    "nein", "entschuldigung", "quatsch", "moment", "korrektur", "non", "désolé", "perdón", "perdona", "espera",
    "desculpe", "não", "scusi", "scusa", "nee",
})  # fmt: skip
# "no sorry I mean": more words than this are another sentence.
WORDS_BETWEEN = 6
# How much of what was said before "no, sorry" it may take back.
TAKEN_BACK_MOST = 8
# Corrections of one run that are tried in all combinations.
CORRECTIONS_TRIED = 2


class Run(NamedTuple):
    """Pieces that follow each other. ``corrected``: those behind a "no, sorry". ``plus``: a + before it."""

    pieces: tuple[Piece, ...]
    corrected: frozenset[int]
    groups: tuple[str, ...]  # as it was grouped, by spaces in what is written or signs in what is spoken
    plus: bool
    opens: bool  # nothing but fillers before it
    closes: bool  # nothing but fillers behind it

    @property
    def digits(self) -> str:
        """All of it."""
        return "".join(piece.digits for piece in self.pieces)


def runs_of(text: str, language: str = "en", *, strict: bool = True) -> tuple[list[Token], list[Run]]:
    """The tokens of a text and its runs. ``strict``: without digits that are part of a word such as ``AB1234``."""
    tokens = tokens_of(text)
    pieces = _believable(pieces_of(tokens, language))
    runs: list[list[Piece]] = []
    marks: list[set[int]] = []
    for piece in pieces:
        if piece.glued and strict:
            runs.append([])
            marks.append(set())
            continue
        kind = joins(tokens, runs[-1][-1].last + 1, piece.first) if runs and runs[-1] else None
        if kind is None:
            runs.append([])
            marks.append(set())
        elif kind:
            marks[-1].add(len(runs[-1]))
        runs[-1].append(piece)
    return tokens, [_run(tokens, run, mark) for run, mark in zip(runs, marks, strict=True) if run]


def readings(run: Run) -> list[tuple[tuple[Piece, ...], str]]:
    """What a run may mean: as it stands first, then with corrections heeded, with and without doubtful words."""
    sure = tuple(piece for piece in run.pieces if not piece.doubtful)
    found = [(run.pieces, run.digits)]
    if len(sure) < len(run.pieces):
        found.append((sure, "".join(piece.digits for piece in sure)))
    marks = sorted(run.corrected)[-CORRECTIONS_TRIED:]
    for taken_back in product(range(TAKEN_BACK_MOST + 1), repeat=len(marks)):
        if any(taken_back):
            kept = _without(run.pieces, dict(zip(marks, taken_back, strict=True)))
            found.append((kept, "".join(piece.digits for piece in kept)))
    return found


def _without(pieces: Sequence[Piece], taken_back: dict[int, int]) -> tuple[Piece, ...]:
    kept: list[Piece] = []
    for at, piece in enumerate(pieces):
        gone = taken_back.get(at, 0)
        while gone and kept:
            last = kept.pop()
            if len(last.digits) > gone:
                kept.append(last._replace(digits=last.digits[:-gone]))
                break
            gone -= len(last.digits)
        kept.append(piece)
    return tuple(kept)


def _believable(pieces: Sequence[Piece]) -> list[Piece]:
    """Without the words that merely sound like digits, but for those amid single digits."""
    kept = []
    for at, piece in enumerate(pieces):
        if piece.doubtful:
            around = (*pieces[at - 1 : at], *pieces[at + 1 : at + 2])
            close = at > 0 and all(
                len(one.digits) == 1 and min(abs(one.last - piece.first), abs(one.first - piece.last)) == 1
                for one in around
            )
            if len(around) < 2 or not close:
                continue
        kept.append(piece)
    return kept


def joins(tokens: Sequence[Token], first: int, end: int, fillers: frozenset[str] = FILLERS) -> bool | None:
    """Whether the tokens are nothing that parts two pieces: None for no, True if they take something back."""
    words, corrects = 0, False
    for token in tokens[first:end]:
        word = token.text.lower()
        if word in SIGNS:
            continue
        words += 1
        if word in CORRECTIONS:
            corrects = True
        elif word not in fillers:
            return None
    return corrects if words <= WORDS_BETWEEN else None


def _run(tokens: Sequence[Token], pieces: Sequence[Piece], marks: set[int]) -> Run:
    first, last = pieces[0].first, pieces[-1].last
    before = tokens[first - 1].text.lower() if first else ""
    return Run(
        pieces=tuple(pieces),
        corrected=frozenset(marks),
        groups=_groups(tokens, pieces),
        plus=before in {"+", "plus"},
        opens=joins(tokens, 0, first, LEAD_INS) is not None,
        closes=joins(tokens, last + 1, len(tokens), LEAD_INS) is not None,
    )


def _groups(tokens: Sequence[Token], pieces: Sequence[Piece]) -> tuple[str, ...]:
    groups = [pieces[0].digits]
    for before, piece in pairwise(pieces):
        apart = any(
            token.text in SIGNS or token.text.lower() in {"dash", "hyphen"}
            for token in tokens[before.last + 1 : piece.first]
        )
        if apart or not (before.spoken and piece.spoken):
            groups.append(piece.digits)
        else:
            groups[-1] += piece.digits
    return tuple(groups)
