"""Who listens to a conference from inside this process, before anything is stored: the way of a word asks them.

They must be quick, for what they do is done between two frames. One that fails is asked no more; the way goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import structlog

from sidecar.domain.conference.values import Fork
from sidecar.domain.events import UtteranceFinal, UtterancePartial
from sidecar.domain.spans import Spans

log = structlog.get_logger()


class Ear(Protocol):
    """Listens to one conference."""

    def sound(self, fork: Fork, audio: bytes, ends_ms: int) -> None:
        """What a fork hands on to its recogniser, mu-law, and when it ends on the conference clock."""
        ...

    def paused(self, pauses: Spans) -> None:
        """When nobody is to be heard, as of now; forks are silent then by themselves."""
        ...

    def words(self, said: UtterancePartial | UtteranceFinal) -> bool:
        """What a participant says, as far as it is known. True: it is nothing but the echo of words that another
        participant said, so it is not this one's utterance."""
        ...


class Ears:
    """At most one per conference."""

    def __init__(self) -> None:
        self._ears: dict[str, Ear] = {}

    def open(self, conference_id: str, ear: Ear) -> None:
        """From now on this one listens."""
        self._ears[conference_id] = ear

    def close(self, conference_id: str, ear: Ear) -> None:
        """It listens no more; another one that does is left alone."""
        if self._ears.get(conference_id) is ear:
            del self._ears[conference_id]

    def sound(self, fork: Fork, audio: bytes, ends_ms: int) -> None:
        """Audio of a fork."""
        self._ask(fork.conference_id, lambda ear: ear.sound(fork, audio, ends_ms))

    def paused(self, conference_id: str, pauses: Spans) -> None:
        """When nobody is to be heard, as of now."""
        self._ask(conference_id, lambda ear: ear.paused(pauses))

    def words(self, conference_id: str, said: UtterancePartial | UtteranceFinal) -> bool:
        """Words of a participant; whether they are an echo."""
        return bool(self._ask(conference_id, lambda ear: ear.words(said)))

    def _ask(self, conference_id: str, question: Callable[[Ear], bool | None]) -> bool | None:
        ear = self._ears.get(conference_id)
        if ear is None:
            return None
        try:
            return question(ear)
        except Exception:
            log.exception("ear_failed", conference=conference_id)
            self._ears.pop(conference_id, None)
            return None
