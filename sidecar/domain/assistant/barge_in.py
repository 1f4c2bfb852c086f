"""Whether somebody who speaks while the assistant does interrupts it. Pure: facts and time in, decisions out.

Listened to are the humans' own forks. Speech alone only holds the assistant; words decide. So a cough or music costs a
short pause, "mm-hm" hardly any, and a sentence ends the turn.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from sidecar.domain.assistant.echo import Echo
from sidecar.domain.assistant.phrases import BACKCHANNELS, STOP, find, without, words_of
from sidecar.domain.events import UtteranceFinal, UtterancePartial

# So much speech holds it.
HOLD_AFTER_MS = 300
# Within this words have to confirm it, or it goes on.
CONFIRM_WITHIN_MS = 700
# Words other than signs of listening; one may have been misheard.
CONFIRMING_WORDS = 2
# What is heard first, when it begins, is likely its own sound: speech counts from here on.
GUARD_MS = 300
# Who began to speak longer than this before it did is being spoken over, as was decided; only a stop word counts then.
COLLISION_MS = 300
# Whose speech held it for nothing, or is its own sound, does not hold it again so soon. Words always count.
REST_AFTER_NOISE_MS = 2_000
REST_AFTER_ECHO_MS = 30_000


class Why(StrEnum):
    """What confirmed an interruption."""

    STOP_WORD = "stop_word"
    WORDS = "words"


class Hold(msgspec.Struct, frozen=True):
    """Stop sending: this participant may be interrupting."""

    participant: str


class GoOn(msgspec.Struct, frozen=True):
    """It was nothing: go on where it stopped."""


class Interrupted(msgspec.Struct, frozen=True):
    """End the turn at what was heard of it."""

    participant: str
    why: Why


Decision = Hold | GoOn | Interrupted


class _Speech(msgspec.Struct):
    """Somebody is speaking. ``spent``: it does not hold the assistant (any more)."""

    since_ms: int
    spent: bool = False


class BargeIn:
    """The caller calls ``tick`` at ``next_ms``, and does what is decided. All times are ms of the conference clock.

    What a coach says is passed over: nobody but the coached hears it.
    """

    def __init__(self, echo: Echo) -> None:
        self._echo = echo
        self._speaking: dict[str, _Speech] = {}
        self._rests_until_ms: dict[str, int] = {}
        self._newest: dict[str, tuple[str, int]] = {}  # by participant: its utterance, and how many words it has so far
        self._before: dict[str, int] = {}  # by utterance: the words it had when the assistant began
        self._began_ms: int | None = None
        self._held_by: str | None = None
        self._hold_ends_ms = 0

    @property
    def holding(self) -> bool:
        """Whether the assistant is held until words confirm it, or time is up."""
        return self._held_by is not None

    def began(self, now_ms: int) -> None:
        """The assistant's first sound is sent."""
        self._began_ms = now_ms
        self._before = dict(self._newest.values())
        for speech in self._speaking.values():
            speech.spent = speech.since_ms < now_ms - COLLISION_MS

    def over(self) -> None:
        """The assistant's turn is over, in whatever way."""
        self._began_ms = None
        self._held_by = None

    def speech_started(self, participant: str, at_ms: int, now_ms: int, *, coaching: bool = False) -> Decision | None:
        """Somebody began to speak at ``at_ms``."""
        if participant not in self._speaking and not coaching:
            spoken_over = self._began_ms is not None and at_ms < self._began_ms - COLLISION_MS
            rests = now_ms < self._rests_until_ms.get(participant, now_ms)
            self._speaking[participant] = _Speech(at_ms, spent=spoken_over or rests)
        return self.tick(now_ms)

    def speech_ended(self, participant: str, now_ms: int) -> Decision | None:
        """Somebody is silent. What was said may still come as text, so a hold lasts."""
        self._speaking.pop(participant, None)
        return self.tick(now_ms)

    def left(self, participant: str, now_ms: int) -> Decision | None:
        """A participant is gone, muted, on hold, or coaches from now on."""
        self._speaking.pop(participant, None)
        return self._let_go(participant, now_ms) if self._held_by == participant else self.tick(now_ms)

    def words(self, said: UtterancePartial | UtteranceFinal, now_ms: int) -> Decision | None:
        """Text of a participant: an utterance as far as it is known. An empty one says that it was nothing."""
        if said.coaching:
            return None
        words = words_of(said.text)
        self._newest[said.participant] = (said.id, len(words))
        if self._began_ms is None or (words and said.end_ms <= self._began_ms):
            return self.tick(now_ms)
        since = words[self._before.get(said.id, 0) :]
        foreign = self._echo.beyond(" ".join(since), said.start_ms, said.end_ms)
        others = without(BACKCHANNELS, foreign)
        if find(STOP, foreign) is not None:
            return self._interrupted(said.participant, Why.STOP_WORD)
        if len(others) >= CONFIRMING_WORDS and said.start_ms >= self._began_ms - COLLISION_MS:
            return self._interrupted(said.participant, Why.WORDS)
        if isinstance(said, UtteranceFinal) or not others:
            rest_ms = REST_AFTER_ECHO_MS if len(foreign) < len(since) else 0
            return self._harmless(said, now_ms, rest_ms)
        return self.tick(now_ms)

    def tick(self, now_ms: int) -> Decision | None:
        """What follows from the time alone."""
        if self._began_ms is None:
            return None
        if self._held_by is not None:
            return self._let_go(self._held_by, now_ms, REST_AFTER_NOISE_MS) if now_ms >= self._hold_ends_ms else None
        due = self._due(now_ms)
        if not due:
            return None
        self._held_by = due[0]
        self._hold_ends_ms = now_ms + CONFIRM_WITHIN_MS
        return Hold(due[0])

    def next_ms(self) -> int | None:
        """When to call ``tick``, as things stand; a time that has passed means at once."""
        if self._began_ms is None:
            return None
        if self._held_by is not None:
            return self._hold_ends_ms
        unspent = [speech for speech in self._speaking.values() if not speech.spent]
        return min((_long_enough_ms(speech, self._began_ms) for speech in unspent), default=None)

    def _due(self, now_ms: int) -> list[str]:
        """Whose speech is long enough to hold the assistant."""
        began_ms = self._began_ms
        if began_ms is None:
            return []
        return [
            participant
            for participant, speech in self._speaking.items()
            if not speech.spent and now_ms >= _long_enough_ms(speech, began_ms)
        ]

    def _interrupted(self, participant: str, why: Why) -> Interrupted:
        self.over()
        return Interrupted(participant, why)

    def _harmless(self, said: UtterancePartial | UtteranceFinal, now_ms: int, rest_ms: int) -> Decision | None:
        """So far it is a sign of listening, an echo, too little, or nothing."""
        speech = self._speaking.get(said.participant)
        if speech is not None and said.text and said.end_ms <= speech.since_ms:
            return self.tick(now_ms)  # of what was said before the speech that goes on
        if self._held_by == said.participant:
            return self._let_go(said.participant, now_ms, rest_ms)
        self._spend(said.participant, now_ms, rest_ms)
        return self.tick(now_ms)

    def _let_go(self, participant: str, now_ms: int, rest_ms: int = 0) -> GoOn | None:
        """Its hold was for nothing. Somebody else who speaks by now takes it over, until the same moment."""
        self._spend(participant, now_ms, rest_ms)
        due = self._due(now_ms)
        if due and now_ms < self._hold_ends_ms:
            self._held_by = due[0]
            return None
        for other in due:
            self._spend(other, now_ms, rest_ms)
        self._held_by = None
        return GoOn()

    def _spend(self, participant: str, now_ms: int, rest_ms: int) -> None:
        if participant in self._speaking:
            self._speaking[participant].spent = True
        if rest_ms:
            until_ms = self._rests_until_ms.get(participant, 0)
            self._rests_until_ms[participant] = max(until_ms, now_ms + rest_ms)


def _long_enough_ms(speech: _Speech, began_ms: int) -> int:
    return max(speech.since_ms, began_ms + GUARD_MS) + HOLD_AFTER_MS
