"""Words of people on a call that mean something to the assistant, and words that it says of its own accord. English.

What is compared are bare words, as ``words_of`` gives them: recognisers differ in case, punctuation and hyphens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_APOSTROPHE = re.compile(r"[’'`]")
_WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> list[str]:
    """The bare words of a text: "Mm-hm, that's 5!" is mm, hm, thats, 5."""
    return _WORD.findall(_APOSTROPHE.sub("", text.casefold()))


def _phrases(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(words_of(phrase)) for phrase in text.split(","))


# Said while the assistant speaks, any of these stops it at once.
STOP = _phrases(
    "stop, wait, hold on, hang on, one moment, just a moment, one second, just a second, one sec, quiet, shut up,enough"
)
# Signs of listening: they never stop it, however many there are.
BACKCHANNELS = _phrases(
    "mm, mhm, mmhm, mmhmm, hm, hmm, uh, huh, uhhuh, um, umm, er, ah, aha, oh, okay, ok, right, yes, yeah, yep, yup,"
    "sure, alright, all right, good, great, fine, cool, perfect, exactly, indeed, i see, got it, thanks, thank you,"
    "makes sense"
)


# Said before it has begun to answer, these call the answer off; alone, or with signs of listening around them.
CALL_OFF = (*STOP, *_phrases("never mind, nevermind, forget it, forget about it, dont bother, no need, leave it"))

_AI = "(?:ai|a i)(?: assistant)?"
_IT = f"(?:{_AI}|assistant|robot|bot)s?"
_THE = "(?:an?|the|any|this|that|your|some) "
# Nobody has to be polite to have it gone. But "there is no AI in it" or "turn off the robot" may be what it is about.
_NOT_WANTED = re.compile(
    rf"\bno (?:more )?{_IT} (?:please|on (?:this|the|my|our) call|in (?:this|the) call)\b"
    rf"|\bplease no {_IT}\b"
    rf"|^(?:(?:oh|um|uh|sorry|hey|well|okay|ok) )*no (?:more )?{_IT}$"
    rf"|\b(?:dont|do not|didnt|did not) want (?:{_THE})?{_AI}\b"
    rf"|\b(?:dont|not|didnt|wont) (?:want |like |going )?(?:to )?(?:talk|speak|talking|speaking) (?:to|with)"
    rf" (?:{_THE})?(?:{_IT}|machine|computer)\b"
    rf"|\b(?:remove|kick|drop|disconnect|turn off|switch off|get rid of) (?:{_THE})?(?:{_AI}|assistant|bot)"
    rf"(?: off| out| from (?:this|the) call|(?: please)?$)"
    rf"|\b(?:turn|switch|kick|take|get|throw) (?:{_THE})?(?:{_AI}|assistant|bot) (?:off|out)\b"
    rf"|\bwithout (?:{_THE})?(?:{_AI}|bot) please\b"
)


def wants_no_assistant(text: str) -> bool:
    """Whether somebody does not want an artificial participant on the call: "No AI, please."."""
    return _NOT_WANTED.search(" ".join(words_of(text))) is not None


def find(phrases: Sequence[Sequence[str]], words: Sequence[str]) -> int | None:
    """Where the first of the phrases begins in the words; None if none is there."""
    for at in range(len(words)):
        if any(list(words[at : at + len(phrase)]) == list(phrase) for phrase in phrases):
            return at
    return None


def without(phrases: Sequence[Sequence[str]], words: Sequence[str]) -> list[str]:
    """The words that belong to none of the phrases."""
    left, at = list[str](), 0
    while at < len(words):
        found = [len(phrase) for phrase in phrases if list(words[at : at + len(phrase)]) == list(phrase)]
        if not found:
            left.append(words[at])
        at += max(found, default=1)
    return left
