"""The chat model that needs no model: it finds what was said, and makes nothing up. English, no account, no network.

It knows the lines of ``domain.assistant.said`` in the messages of role ``user``; the last line of the last such message
is the question. Whatever is asked beyond its four answers, it says that no model is configured.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from sidecar.domain.assistant.said import Said, lines_in
from sidecar.ports.chat_model import ChatMessage, Piece, TextPiece, Tool, ToolCall
from sidecar.ports.engines import EngineSettings

LEAVE = "leave"  # the tool that ends the assistant's part in the call

NO_MODEL = (
    "No language model is configured here, so I can't answer that. I can give a recap, tell you what somebody said"
    " about something, read back the last number, or leave."
)
NOTHING_YET = "I haven't heard anything on this call yet."
GOODBYE = "Goodbye."

RECAP_LINES = 4  # how the call began, and its newest lines
RECAP_WORDS = 4  # a line of fewer words tells nothing: "Yes, please."
QUOTE_CHARACTERS = 160  # some ten seconds of speech
QUOTES = 2

_RECAP = re.compile(
    r"\b(recap|summari[sz]e|summary|sum (?:it |this |that )?up|catch me up|what (?:did|have) i miss)", re.I
)
_SAID = re.compile(
    r"\bwhat (?:did|has|have) (?P<name>.+?) (?:say|said|mention|mentioned|tell us|told us)\b"
    r"(?: (?:about|on|regarding) (?P<topic>.+?))?\s*[?.!]*$",
    re.I,
)
_NUMBER = re.compile(r"\b(?:read|say|repeat|give)\b.*\bnumbers?\b|\bwhat was (?:the|that) (?:last )?number\b", re.I)
_LEAVE = re.compile(
    r"\b(?:leave|hang up|drop off|go away|you (?:can|may) go|good ?bye)(?: the (?:call|conference)| us)?"
    r"(?:,? (?:now|please))*(?:, \w+)?\W*$",
    re.I,
)
_SMALL = "zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple"
_LARGE = (
    "ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty"
    "|seventy|eighty|ninety|hundred|thousand|million"
)
# "$42.50", "4155 550 100", "(415) 555-0100", "four one five", "thirty": but "one" alone is hardly ever a number.
_A_NUMBER = re.compile(
    r"[$€£]?\(?\d(?:[\d,.:()-]|\s(?=[\d(]))*%?"
    rf"|\b(?:{_SMALL}|{_LARGE})(?:[\s,-]+(?:{_SMALL}|{_LARGE}))+\b|\b(?:{_LARGE})\b",
    re.I,
)
_DIGIT_BY_DIGIT = 5  # so many digits are no amount but an order, a card, a telephone
# Too small to be what somebody asks about.
_LITTLE_WORDS = re.compile(
    r"(?:an?|and|are|about|at|be|been|did|do|for|from|had|has|have|he|her|his|i|in|is|its?|me|my|of|on|or|our|she|that|the"
    r"|their|them|they|this|to|us|was|we|were|what|when|where|which|who|will|with|you|your)"
)


class ScriptedChatModel:
    """Behind the ChatModel port: what the demo, the tests and an installation without a model answer with."""

    engine = "scripted"

    async def answer(
        self, messages: Sequence[ChatMessage], *, tools: Sequence[Tool] = ()
    ) -> AsyncGenerator[Piece, None]:
        """One answer, sentence by sentence; nothing when a tool's result was the last message."""
        if not messages or messages[-1].role == "tool":
            return
        heard = [message.text for message in messages if message.role == "user"]
        *before, question = heard[-1].splitlines() if heard and heard[-1].strip() else [""]
        said = [line for text in (*heard[:-1], "\n".join(before)) for line in lines_in(text)]
        asked = next((line.text for line in lines_in(question)), question)
        if _LEAVE.search(asked) and any(tool.name == LEAVE for tool in tools):
            yield TextPiece(GOODBYE)
            yield ToolCall("call_1", LEAVE, "{}")
            return
        for sentence in _answer(asked, said):
            yield TextPiece(sentence)

    async def close(self) -> None:
        """Nothing to free."""


def _answer(asked: str, said: Sequence[Said]) -> list[str]:
    """Sentences; all but the last end with a space."""
    answers: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Sequence[Said]], list[str]]], ...] = (
        (_SAID, _what_was_said),
        (_NUMBER, _last_number),
        (_RECAP, _recap),
    )
    for pattern, give in answers:
        if found := pattern.search(asked):
            return _spaced(give(found, said) if said else [NOTHING_YET])
    return _spaced([NO_MODEL])


def _recap(_: re.Match[str], said: Sequence[Said]) -> list[str]:
    """Who is heard, how it began, and the newest lines; quoted, because nothing here could put it in other words."""
    telling = [line for line in said if len(line.text.split()) >= RECAP_WORDS] or list(said)
    chosen = telling if len(telling) <= RECAP_LINES else [telling[0], *telling[1 - RECAP_LINES :]]
    names = list(dict.fromkeys(_called(line.name) for line in said))
    return [f"On this call I have heard {_listed(names)}.", *(_quoted(line) for line in chosen)]


def _what_was_said(found: re.Match[str], said: Sequence[Said]) -> list[str]:
    name, topic = found["name"].strip(), (found["topic"] or "").strip()
    wanted = _words(name)
    by_name = [line for line in said if wanted & _words(line.name)]
    if not by_name:
        return [f"I haven't heard anybody called {name}."]
    if not topic:
        return [_quoted(line) for line in by_name[-QUOTES:]]
    stems = {_stem(word) for word in _words(topic)}
    about = [line for line in by_name if stems & {_stem(word) for word in _words(line.text)}]
    if not about:
        return [f"I haven't heard {_called(by_name[-1].name)} say anything about {topic}."]
    return [_quoted(line) for line in about[-QUOTES:]]


def _last_number(_: re.Match[str], said: Sequence[Said]) -> list[str]:
    for line in reversed(said):
        numbers = [found[0] for found in _A_NUMBER.finditer(line.text)]
        if numbers:
            number = numbers[-1].rstrip(" ,.:(-")
            digits = re.sub(r"[\s()-]", "", number)
            if digits.isdigit() and len(digits) >= _DIGIT_BY_DIGIT:
                number = " ".join(digits)
            return [f"The last number, from {_called(line.name)}, was {number}."]
    return ["I haven't heard a number on this call."]


def _quoted(line: Said) -> str:
    text = line.text.strip()
    if len(text) > QUOTE_CHARACTERS:
        text = text[:QUOTE_CHARACTERS].rsplit(" ", 1)[0].rstrip(" ,;:") + " …"
    verb = "asked" if text.endswith("?") else "said"
    stop = "" if text.endswith((".", "!", "?", "…")) else "."
    return f"{_called(line.name)} {verb}: {text}{stop}"


def _called(name: str) -> str:
    """Without what stands in parentheses behind it: "Maya (agent)" is Maya."""
    return re.sub(r"\s*\([^)]*\)$", "", name) or name


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"[^\W_]+", text.lower()) if not _LITTLE_WORDS.fullmatch(word)}


def _stem(word: str) -> str:
    """Enough for "refund", "refunds" and "refunded" to be one; the endings of English are few."""
    return re.sub(r"(?:ing|ed|es|s|e|y)$", "", word) if len(word) > 4 else word


def _spaced(sentences: Sequence[str]) -> list[str]:
    return [*(f"{sentence} " for sentence in sentences[:-1]), sentences[-1]]


@asynccontextmanager
async def open_scripted(_: EngineSettings) -> AsyncIterator[ScriptedChatModel]:
    """The factory; it needs nothing."""
    yield ScriptedChatModel()
