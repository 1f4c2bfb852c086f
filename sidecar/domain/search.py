"""What somebody looks for, read from one line of text, and what of a found line is shown. docs/search.md has the words.

Pure: knows no database. Every text is either understood or refused with a sentence; none is passed on as it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta

import msgspec

from sidecar.domain.conference.values import Role
from sidecar.domain.errors import SidecarError
from sidecar.domain.folding import Word, folded, words

QUERY_CHARS_MOST = 500
TERMS_MOST = 24
# Beginnings shorter than this fit half of all words.
PREFIX_CHARS_LEAST = 2
SNIPPET_CHARS = 240
# Of a long line, so much stands before the first hit.
_LEAD_CHARS = 60

_QUOTES = str.maketrans(dict.fromkeys("“”„«»‟", '"'))
_PART = re.compile(
    r"""\s*(?P<unwanted>-(?=\S))?
    (?:(?P<filter>speaker|label|role|room|before|after):)?
    (?:"(?P<phrase>[^"]*)"|(?P<bare>[^\s"]+)|(?(filter)|(?!)))(?P<star>(?<=")\*)?\s*""",
    re.VERBOSE | re.IGNORECASE,
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class QueryRefused(SidecarError):
    """A query that cannot be searched for: query_empty, query_too_long, query_invalid."""

    code = "query_invalid"


class Term(msgspec.Struct, frozen=True):
    """Words that stand one after the other; with ``prefix`` the last one may go on."""

    words: tuple[str, ...]
    prefix: bool = False

    def spans(self, text: Sequence[Word]) -> list[tuple[int, int]]:
        """Where it stands in a text: offsets of characters, end exclusive."""
        length = len(self.words)
        return [
            (text[at].start, text[at + length - 1].end)
            for at in range(len(text) - length + 1)
            if self._stands_at(text, at)
        ]

    def _stands_at(self, text: Sequence[Word], at: int) -> bool:
        *before, last = self.words
        ends = text[at + len(before)].text
        if not (ends.startswith(last) if self.prefix else ends == last):
            return False
        return all(text[at + n].text == word for n, word in enumerate(before))


class SearchQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Lines that have all of ``wanted`` and nothing of ``unwanted``, by one of the speakers, labels and roles, in one
    of the rooms (none given: any), said from ``since`` on and before ``until`` (UTC)."""

    wanted: tuple[Term, ...] = ()
    unwanted: tuple[Term, ...] = ()
    speakers: tuple[Term, ...] = ()
    labels: tuple[Term, ...] = ()
    rooms: tuple[Term, ...] = ()
    roles: tuple[Role, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    conference: str | None = None


class Piece(msgspec.Struct, frozen=True):
    """A part of a snippet. ``hit``: it is what was looked for."""

    text: str
    hit: bool


def search_query(text: str, filters: Iterable[tuple[str, str]] = ()) -> SearchQuery:
    """Read a query. ``filters``: more of them by name, as ``speaker:`` and so on, and ``from``, ``to``, ``conference``.

    Raises QueryRefused, which says what is wrong and how to write it.
    """
    if len(text) > QUERY_CHARS_MOST:
        raise QueryRefused(
            f"A search has at most {QUERY_CHARS_MOST} characters.", next_step="Make it shorter.", code="query_too_long"
        )
    reading = _Reading()
    for name, value in filters:
        reading.filter(name, value)
    reading.read(text.translate(_QUOTES))
    return reading.done()


def period(since: str, until: str) -> tuple[datetime | None, datetime | None]:
    """Days or moments as ``from`` and ``to`` take them, "" for none: from the first on, before the second.

    Raises QueryRefused.
    """
    reading = _Reading()
    for name, value in (("from", since), ("to", until)):
        if value:
            reading.filter(name, value)
    return reading.since, reading.until


def name_terms(text: str) -> tuple[Term, ...]:
    """What somebody has typed of a name; nothing when there is no word in it."""
    found = folded(text)
    return (Term(tuple(found), prefix=True),) if found else ()


def snippet(text: str, wanted: Sequence[Term], *, most: int = SNIPPET_CHARS) -> list[Piece]:
    """The text, or of a long one the part around the first hit, cut into pieces where hits begin and end."""
    hits = _merged(span for term in wanted for span in term.spans(words(text)))
    start, end = _window(text, hits[0][0] if hits else 0, most)
    pieces = [Piece("… ", False)] if start else []
    at = start
    for first, last in hits:
        if last <= start or first >= end:
            continue
        pieces.append(Piece(text[at:first], False))
        pieces.append(Piece(text[first : min(last, end)], True))
        at = min(last, end)
    pieces.append(Piece(text[at:end], False))
    if end < len(text):
        pieces.append(Piece(" …", False))
    return [piece for piece in pieces if piece.text]


def day_start(text: str) -> datetime:
    """The first moment of ``2026-11-23``, UTC. ValueError for anything else."""
    if not _DAY.fullmatch(text):
        raise ValueError(text)
    return datetime.combine(date.fromisoformat(text), time(), UTC)


class _Reading:
    """A query on its way from text to value."""

    def __init__(self) -> None:
        self.wanted: list[Term] = []
        self.unwanted: list[Term] = []
        self.terms: dict[str, list[Term]] = {"speaker": [], "label": [], "room": []}
        self.roles: list[Role] = []
        self.since: datetime | None = None
        self.until: datetime | None = None
        self.conference: str | None = None

    def read(self, text: str) -> None:
        at = 0
        while at < len(text):
            part = _PART.match(text, at)
            if part is None:
                if not text[at:].strip():
                    return
                raise QueryRefused(
                    "A quotation mark is not closed.", next_step='Write the words of a phrase between two: "like this".'
                )
            at = part.end()
            self._take(part)

    def _take(self, part: re.Match[str]) -> None:
        value = part["phrase"] if part["phrase"] is not None else part["bare"] or ""
        if part["filter"]:
            if part["unwanted"]:
                raise QueryRefused("A filter cannot be excluded.", next_step="Put the minus before a word or a phrase.")
            self.filter(part["filter"].lower(), value + ("*" if part["star"] else ""))
            return
        prefix = bool(part["star"]) or (part["phrase"] is None and value.endswith("*"))
        term = _term(value, prefix=prefix)
        if term is not None:
            (self.unwanted if part["unwanted"] else self.wanted).append(term)

    def filter(self, name: str, value: str) -> None:
        match name:
            case "speaker" | "label" | "room":
                term = _term(value, prefix=value.endswith("*"))
                if term is None:
                    raise QueryRefused(f"{name} has no word to look for.", next_step=f"Write it so: {name}:maya.")
                self.terms[name].append(term)
            case "role":
                if value.lower() not in set(Role):
                    raise QueryRefused(
                        "There is no such role.", next_step=f"Roles are {', '.join(Role)}: write role:agent."
                    )
                self.roles.append(Role(value.lower()))
            case "after" | "from":
                moment = _moment(name, value)
                self.since = moment if self.since is None else max(self.since, moment)
            case "before" | "to":
                moment = _moment(name, value)
                if name == "to" and _DAY.fullmatch(value):  # with that day
                    moment = _next_day(moment)
                self.until = moment if self.until is None else min(self.until, moment)
            case _:
                self.conference = value

    def done(self) -> SearchQuery:
        filters = (self.roles, self.since, self.until, *self.terms.values())
        if not self.wanted and (self.unwanted or not any(filters)):
            raise QueryRefused(
                "There is no word to look for.",
                next_step='Write words, a "phrase" or the beginning of a word and a star: refund "two weeks" canc*.',
                code="query_empty",
            )
        if len(self.wanted) + len(self.unwanted) + sum(map(len, self.terms.values())) > TERMS_MOST:
            raise QueryRefused(
                f"A search has at most {TERMS_MOST} words and phrases.",
                next_step="Leave some out.",
                code="query_too_long",
            )
        return SearchQuery(
            wanted=tuple(self.wanted),
            unwanted=tuple(self.unwanted),
            speakers=tuple(self.terms["speaker"]),
            labels=tuple(self.terms["label"]),
            rooms=tuple(self.terms["room"]),
            roles=tuple(self.roles),
            since=self.since,
            until=self.until,
            conference=self.conference,
        )


def _term(text: str, *, prefix: bool) -> Term | None:
    """The words of the text, None when it has none: punctuation and pictures are passed over."""
    found = folded(text)
    if not found:
        return None
    if prefix and found[-1].isascii() and len(found[-1]) < PREFIX_CHARS_LEAST:
        raise QueryRefused(
            f"A star needs at least {PREFIX_CHARS_LEAST} letters before it.", next_step="Write more of the word."
        )
    return Term(tuple(found), prefix)


def _moment(name: str, value: str) -> datetime:
    try:
        moment = day_start(value) if _DAY.fullmatch(value) else datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise QueryRefused(
            f"{name} is neither a day nor a moment.",
            next_step="Write a day as 2026-11-23; in from and to also a moment, 2026-11-23T10:15:00Z.",
        ) from error


def _next_day(moment: datetime) -> datetime:
    try:
        return moment + timedelta(days=1)
    except OverflowError:  # the last day of all
        return moment


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _window(text: str, first_hit: int, most: int) -> tuple[int, int]:
    """From and to, at most so many characters with the first hit among them; it begins and ends at blanks if it can."""
    if len(text) <= most:
        return 0, len(text)
    start = max(0, min(first_hit - _LEAD_CHARS, len(text) - most))
    if start:
        start = text.find(" ", start, first_hit) + 1 or start
    end = min(len(text), start + most)
    if end < len(text):
        end = max(text.rfind(" ", first_hit, end), 0) or end
    return start, end
