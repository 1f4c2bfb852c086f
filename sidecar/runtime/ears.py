"""Who listens to a conference from inside this process, before anything is stored: the way of a word asks them.

They must be quick: what they do is done between two frames.
"""

from __future__ import annotations

from typing import Protocol

from sidecar.domain.conference import Fork
from sidecar.domain.events import UtteranceFinal, UtterancePartial


class Ear(Protocol):
    """One per conference at most."""

    def sound(self, fork: Fork, audio: bytes, ends_ms: int) -> None:
        """What a fork hands on to its recogniser, mu-law, and when it ends on the conference clock."""
        ...

    def words(self, said: UtterancePartial | UtteranceFinal) -> bool:
        """What a participant says, as far as it is known. True: it is nothing but the echo of words that another
        participant said, so it is not this one's utterance."""
        ...


# By conference.
Ears = dict[str, Ear]
