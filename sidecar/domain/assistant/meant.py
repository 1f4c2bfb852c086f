"""What an utterance is to the assistant: said to it, the answer to somebody else, a sign of listening. Pure.

Who is addressed by name is ``addressing``'s; here it is weighed with who spoke before, and with when it may speak.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from sidecar.domain.assistant.addressing import Address, address, to_somebody_else
from sidecar.domain.assistant.floor_orders import Manners, Person, Why
from sidecar.domain.assistant.phrases import BACKCHANNELS, CALL_OFF, find, without, words_of
from sidecar.domain.assistant.stay import Audience, Speaks
from sidecar.domain.conference.values import Role
from sidecar.domain.events import UtteranceFinal

# The one it answered is still talking to it so long after its answer, unless somebody else speaks.
FOLLOW_UP_MS = 8_000
# What was said longer ago was transcribed too late to be answered.
STALE_MS = 8_000


class Answered(msgspec.Struct, frozen=True):
    """Whom it answered last, from when to when. ``asks``: with a question, so that "yes" is an answer."""

    participant: str
    began_ms: int
    over_ms: int
    asks: bool = False

    def goes_on_with(self, said: UtteranceFinal) -> bool:
        """Whether this one spoke during the answer or soon after it."""
        mine = said.participant == self.participant
        return mine and said.end_ms > self.began_ms and said.start_ms <= self.over_ms + FOLLOW_UP_MS


class Remark(msgspec.Struct, frozen=True, kw_only=True):
    """An utterance, and what it is to the assistant. ``telling``: how many of its words are no signs of listening."""

    said: UtteranceFinal
    words: int
    telling: int
    calls_off: bool
    addressed: bool
    to_somebody_else: bool

    def ends(self, last: Answered) -> bool:
        """Whether after this the one it answered last is no longer talking to it."""
        if self.said.end_ms <= last.began_ms:
            return False
        return self.calls_off or (self.telling > 0 and self.said.participant != last.participant)


def remark(said: UtteranceFinal, person: Person, others: Collection[str], manners: Manners) -> Remark:
    """Read an utterance. ``others``: names of the humans on the call."""
    words = words_of(said.text)
    to_me = manners.audience is Audience.ALL or person.role is Role.AGENT
    return Remark(
        said=said,
        words=len(words),
        telling=len(without(BACKCHANNELS, words)),
        calls_off=find(CALL_OFF, words) is not None and not without((*BACKCHANNELS, *CALL_OFF), words),
        addressed=to_me and address(said.text, manners.name, others=others) is Address.ADDRESSED,
        to_somebody_else=to_somebody_else(said.text, others),
    )


def why_meant(heard: Remark, last: Answered | None, speaks: Speaks, now_ms: int) -> Why | None:
    """Why it would answer this, if it may; None: it is not meant. ``last``: whom it answered last."""
    said = heard.said
    if speaks is Speaks.ASKED or heard.calls_off or now_ms - said.end_ms > STALE_MS:
        return None
    if heard.addressed:
        return Why.ADDRESSED
    goes_on = last is not None and last.goes_on_with(said)
    if heard.telling == 0 and not (heard.words and goes_on and last is not None and last.asks):
        return None
    if speaks is Speaks.ALWAYS:
        return Why.ALWAYS
    return Why.FOLLOW_UP if goes_on and not heard.to_somebody_else else None
