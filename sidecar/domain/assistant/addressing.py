"""Whether somebody speaks to the assistant, or only of it. English word order; any name. Pure.

"Ava, what is it?", "hey Ava", "what do you think, Ava?" address it. "Ava said five days" and "did you ask Ava?" mention
it. Recognisers write names as they please and forget commas, so spelling is compared by sound, and where no comma
helps, the words beside the name decide.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from enum import StrEnum

import msgspec

from sidecar.domain.assistant.phrases import words_of

_SENTENCE = re.compile(r"(?<=[.?!…])\s+")
_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[,;:–—-]|\.{2,}|…")
_PAUSES = frozenset(",;:–—….. ...")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_GREETINGS = _set("hey hi hello hallo")
# What may stand before a name with which somebody begins.
_OPENERS = _GREETINGS | _set(
    "ok okay so and but um uh er oh well now then please alright right yes yeah no sorry thanks thank you good morning"
    " afternoon evening great cool fine look listen excuse me actually"
)
# Behind the name, these ask or request something of it ...
_REQUESTS = _set(
    "what whats when whens where wheres who whos why how hows which whose please tell give read recap summarize"
    " summarise repeat check look find search leave stop explain say help show remind note write send start go wait"
    " quiet be lets let i im id we you youre your were any anything"
)
# ... and these do so in front of somebody or something: "Ava can you", but "Ava can do that".
_AUXILIARIES = _set("is are was can could would will shall should do does did have has may might isnt dont cant wont")
_SUBJECTS = _set(
    "you it that this there these those we i they he she the a an our my your his her their any anyone anything"
)
# In front of the name at the end, these make it a mention: "did you ask Ava", "I spoke with Ava".
_LEADING_TO = _set(
    "to with for from about by of on at and or the a an our your my that this is was its it ask asked asking tell told"
    " call called named name heard hear see saw like than as thats let lets meet invite want have has not dont"
)


class Address(StrEnum):
    """What an utterance has to do with the assistant."""

    ADDRESSED = "addressed"
    MENTIONED = "mentioned"
    ABSENT = "absent"


class _Token(msgspec.Struct, frozen=True):
    word: str
    pause_before: bool
    pause_after: bool


def address(text: str, name: str, *, others: Collection[str] = ()) -> Address:
    """How ``text`` relates to the assistant of this name. ``others``: names of people on the call, who go before."""
    wanted = words_of(name)[:1]
    taken = {word for other in others for word in words_of(other)}
    if not wanted:
        return Address.ABSENT
    found = Address.ABSENT
    for sentence in _SENTENCE.split(text.strip()):
        tokens = _tokens(sentence)
        for at, token in enumerate(tokens):
            if not sounds_like(token.word, wanted[0]) or (token.word in taken and token.word != wanted[0]):
                continue
            if _spoken_to(tokens, at, asks=sentence.endswith("?")):
                return Address.ADDRESSED
            found = Address.MENTIONED
    return found


def to_somebody_else(text: str, names: Collection[str]) -> bool:
    """Whether it begins with the name of one of these people: "Ben, can you send it?"."""
    firsts = {words_of(name)[0] for name in names if words_of(name)}
    for sentence in _SENTENCE.split(text.strip()):
        tokens = _tokens(sentence)
        for at, token in enumerate(tokens):
            if token.word in firsts and _spoken_to(tokens, at, asks=sentence.endswith("?")):
                return True
    return False


def _tokens(sentence: str) -> list[_Token]:
    parts = _TOKEN.findall(sentence)
    tokens = []
    for at, part in enumerate(parts):
        if part in _PAUSES:
            continue
        before = at > 0 and parts[at - 1] in _PAUSES
        after = at + 1 < len(parts) and parts[at + 1] in _PAUSES
        tokens += [_Token(word, before, after) for word in words_of(part)]
    return tokens


def _spoken_to(tokens: Sequence[_Token], at: int, *, asks: bool) -> bool:
    before = [token.word for token in tokens[:at]]
    after = [token.word for token in tokens[at + 1 :]]
    if before and before[-1] in _GREETINGS:
        return True
    if all(word in _OPENERS for word in before):
        return not after or (_asked_of_it(after) if not tokens[at].pause_after else after[0] not in ("who", "which"))
    if tokens[at].pause_before and (not after or asks or _asked_of_it(after)):
        return True
    asks = asks or before[0] in _REQUESTS or before[0] in _AUXILIARIES
    return not after and asks and before[-1] not in _LEADING_TO


def _asked_of_it(after: Sequence[str]) -> bool:
    if after[0] in _AUXILIARIES:
        return len(after) > 1 and after[1] in _SUBJECTS
    return after[0] in _REQUESTS


def sounds_like(word: str, name: str) -> bool:
    """Whether a recogniser may have meant the name: the same consonants, and vowels in the same places."""
    if word in (name, f"h{name}"):
        return True
    sound = _sound(name)
    return len(sound) >= 3 and _sound(word) == sound


def _sound(word: str) -> str:
    """The word with each run of vowels as one, and letters that sound alike as one letter."""
    word = re.sub(r"ph", "f", word)
    word = re.sub(r"c(?=[eiy])|z", "s", word)
    word = re.sub(r"ck|q|c", "k", word)
    word = re.sub(r"x", "ks", word)
    word = re.sub(r"(?<=.)h|(?<=[aeiou])l(?=[bv])", "", word)
    word = re.sub(r"v", "b", word)  # on a telephone line they are alike: "Abba" is Ava
    word = re.sub(r"[aeiouyäöüáéíóúàèìòù]+", "A", word)
    return re.sub(r"(.)\1+", r"\1", word)
