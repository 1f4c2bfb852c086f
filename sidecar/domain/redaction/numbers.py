"""Card numbers, numbers like a US social security number, and telephone numbers among the runs of a text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import phonenumbers
from stdnum import luhn

from sidecar.domain.redaction.number_words import Piece
from sidecar.domain.redaction.runs import Run, readings

CARD_DIGITS = range(13, 20)
# So long are nearly all of them.
SPOKEN_CARD_DIGITS = frozenset({15, 16})
# So many steps upwards by one, and hardly another, are no card number.
COUNTED_LEAST = 5
COUNTED_SHARE = 0.7
# First digits of card issuers (lowest, highest), and how long their numbers are.
# https://en.wikipedia.org/wiki/Payment_card_number#Issuer_identification_number_(IIN)
ISSUERS: tuple[tuple[str, str, frozenset[int]], ...] = (
    ("4", "4", frozenset({13, 16, 19})),
    ("51", "55", frozenset({16})),
    ("2221", "2720", frozenset({16})),
    ("34", "34", frozenset({15})),
    ("37", "37", frozenset({15})),
    ("300", "305", frozenset({14, 16, 19})),
    ("36", "36", frozenset({14, 16, 19})),
    ("38", "39", frozenset({14, 16, 19})),
    ("3528", "3589", frozenset({16, 17, 18, 19})),
    ("50", "50", frozenset(CARD_DIGITS)),
    ("56", "58", frozenset(CARD_DIGITS)),
    ("6", "6", frozenset(CARD_DIGITS)),
    ("81", "82", frozenset({16, 17, 18, 19})),
    ("2200", "2204", frozenset({16, 17, 18, 19})),
    ("9792", "9792", frozenset({16})),
)
# Digits said of a card after its number: when it expires, and the code on its back.
BEHIND_CARD_MOST = 8
CODE_DIGITS = range(3, 5)
# So many characters before a number may say what it is.
TALK_NEAR = 48
SSN_GROUPS = (3, 2, 4)
SSN_DIGITS = 9

_CARD_TALK = re.compile(
    r"\b(?:card|visa|master ?card|amex|american express|maestro|discover|kreditkarte|kartennummer|carte|tarjeta|cartão"
    r"|carta|creditcard|kaartnummer)\b",
    re.IGNORECASE,
)
_ASKS_FOR_CARD = re.compile(
    r"\b(?:card number|number (?:on|of) (?:the|your) (?:\w+ )?card|long number|(?:credit|debit|bank) card|card details"
    r"|(?:what|which|your) card|kartennummer|kreditkarte|numéro de (?:la |votre )?carte"
    r"|número de (?:la |su )?tarjeta)\b",
    re.IGNORECASE,
)
_OTHER_NUMBER = re.compile(
    r"\b(?:order|tracking|reference|invoice|case|ticket|imei|serial|shipment|container|parcel|confirmation|isbn|barcode"
    r"|article|part|meter|gift card|loyalty card|library card|membership|card reader)\b",
    re.IGNORECASE,
)
_SSN_TALK = re.compile(r"\b(?:social(?: security)?|ssn|s\.s\.n\.|itin|tax(?:payer)? id\w*)\b", re.IGNORECASE)


_CODE_TALK = re.compile(
    r"\b(?:security code|card code|verification (?:code|value|number)|cvv2?|cvc2?|cid|(?:three|four|3|4) digits on the"
    r"|prüfziffer|sicherheitscode|cryptogramme|código de seguridad)\b",
    re.IGNORECASE,
)
_EXPIRY_TALK = re.compile(r"\b(?:expir\w*|exp|valid (?:thru|through|until|to)|gültig|expire|caduca)\b", re.IGNORECASE)


class Asked(NamedTuple):
    """What somebody has spoken of, so that the number that follows is known for what it is, even with a wrong digit."""

    card: bool = False
    ssn: bool = False
    code: bool = False

    def __or__(self, other: Asked) -> Asked:
        return Asked(self.card or other.card, self.ssn or other.ssn, self.code or other.code)


NOTHING_ASKED = Asked()


def asked_in(text: str) -> Asked:
    """What a text, said a moment ago by anybody, asks for."""
    return Asked(
        card=_ASKS_FOR_CARD.search(text) is not None,
        ssn=_SSN_TALK.search(text) is not None,
        code=_CODE_TALK.search(text) is not None,
    )


class Place(NamedTuple):
    """Tokens, from first to last."""

    first: int
    last: int


def card_in(run: Run, before: str, asked: Asked) -> Iterator[Place]:
    """Where a run holds a card number, to its end: what follows without a word is of that card, or another one.

    ``before``: the text that leads to it.
    """
    if _counts_up(run.pieces):
        return
    if _spoken_of_as_card(run, before, asked):
        yield _whole(run)
        return
    for pieces, digits in readings(run):
        begins = next((n for n, start in enumerate(_starts(pieces)) if _is_card(digits[start:])), None)
        if begins is not None:
            # "The other one four six seven …": what stands before it is not of it, if nothing was taken back.
            first = 0 if run.corrected or _starts(pieces)[begins] >= CARD_DIGITS.start else begins
            yield Place(pieces[first].first, run.pieces[-1].last)
            return


def _counts_up(pieces: Sequence[Piece]) -> bool:
    """Somebody counts, perhaps again and again: "one two three four"."""
    steps = [int(after.digits) - int(before.digits) for before, after in pairwise(pieces)]
    return len(steps) >= COUNTED_LEAST and steps.count(1) >= COUNTED_SHARE * len(steps)


def _starts(pieces: Sequence[Piece]) -> list[int]:
    starts, at = [], 0
    for piece in pieces:
        starts.append(at)
        at += len(piece.digits)
    return starts


def _is_card(digits: str) -> bool:
    """Whether a card number begins here."""
    return any(n <= len(digits) and luhn.is_valid(digits[:n]) for n in _lengths_at(digits))


def _lengths_at(digits: str) -> frozenset[int]:
    """How long card numbers are that begin so."""
    return frozenset().union(*(n for low, high, n in ISSUERS if low <= digits[: len(low)] <= high))


def _spoken_of_as_card(run: Run, before: str, asked: Asked) -> bool:
    """A digit may have been misheard: what is called a card number, and is as long as one, counts as one.

    So does what nobody calls anything, if it was spoken, begins as cards do, and is exactly as long.
    """
    if run.plus or not any(len(digits) in CARD_DIGITS for _, digits in readings(run)):
        return False
    talk = [found.end() for found in _CARD_TALK.finditer(before)]
    other = [found.end() for found in _OTHER_NUMBER.finditer(before)]
    if other and (not talk or other[-1] >= talk[-1]):
        return False
    if talk or asked.card:
        return True
    spoken = all(piece.spoken for piece in run.pieces)
    return spoken and len(run.digits) in SPOKEN_CARD_DIGITS and len(run.digits) in _lengths_at(run.digits)


def ssn_in(run: Run, before: str, asked: Asked) -> Iterator[Place]:
    """A run grouped three, two, four; or of nine digits, where it is spoken of as one."""
    if run.plus:
        return
    lengths = tuple(len(group) for group in run.groups)
    talk = asked.ssn or _SSN_TALK.search(before) is not None
    nine = any(len(digits) == SSN_DIGITS for _, digits in readings(run))
    zero = any(not group.strip("0") for group in run.groups)
    if (lengths == SSN_GROUPS and not zero) or (talk and nine):
        yield _whole(run)


def code_in(run: Run, before: str, asked: Asked, *, behind_card: bool) -> Iterator[Place]:
    """A run that is the code on the back of a card, or, behind a card number, when it expires."""
    near = before[-TALK_NEAR:]
    of_code = _CODE_TALK.search(near) is not None
    if (len(run.digits) in CODE_DIGITS and (of_code or (asked.code and run.opens and run.closes))) or (
        behind_card and len(run.digits) <= BEHIND_CARD_MOST and (of_code or _EXPIRY_TALK.search(near))
    ):
        yield _whole(run)


def phone_in(run: Run, region: str) -> Iterator[Place]:
    """A run that is a number somebody has: of ``region`` (ISO 3166), or with + and a country."""
    digits = f"+{run.digits}" if run.plus else run.digits
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return
    if phonenumbers.is_valid_number(number):
        yield Place(run.pieces[0].first - (1 if run.plus else 0), run.pieces[-1].last)


def _whole(run: Run) -> Place:
    return Place(run.pieces[0].first, run.pieces[-1].last)
