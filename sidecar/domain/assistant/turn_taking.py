"""When the assistant takes a turn: whether its answer is still wanted, and when there is room for it. Pure.

Thinking begins as soon as it is meant (``meant``), for that takes longest; sounding begins when everybody has been
quiet for a moment. In between people may go on, answer themselves, or call it off. While a turn sounds, ``barge_in``
decides.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from enum import StrEnum

import msgspec

from sidecar.domain.assistant.floor_orders import (
    Answer,
    Ask,
    Cut,
    Drop,
    Dropped,
    Ended,
    Filler,
    GiveUp,
    Manners,
    Note,
    Order,
    Person,
    Speak,
    TellPanel,
    Why,
)
from sidecar.domain.assistant.meant import Answered, Remark, remark, why_meant
from sidecar.domain.assistant.quiet import Quiet
from sidecar.domain.assistant.stay import Speaks
from sidecar.domain.events import UtteranceFinal

# Who asks by the panel waits for a pause no longer than this.
ASKED_WAITS_MS = 5_000
# Thinking that takes longer than the first is covered by a word, longer than the second is given up.
FILLER_MS = 4_000
GIVE_UP_MS = 12_000
# An answer that finds no room for so long has nothing to do any more with what is being said.
NO_ROOM_MS = 20_000
# A human who says so many words after the question has answered it; signs of listening do not count.
ANSWERING_WORDS = 2
# Who speaks into somebody else's words for so long is not answering: that is people talking at once.
AT_ONCE_MS = 500
# The start of an answer may be placed so much before the end of the question.
OVERLAP_MS = 200
# Wishes from the panel that wait while a turn goes on; a further one is refused, and the panel says so.
ASKS_KEPT = 3


class State(StrEnum):
    """What the assistant does just now."""

    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"


class _Phase(StrEnum):
    THINKING = "thinking"
    READY = "ready"  # the first audio is there
    SOUNDING = "sounding"


class _Turn(msgspec.Struct, kw_only=True):
    """A turn from the question on. ``from_ms``, ``to_ms``: when that was said. ``latest_ms``: it waits no longer."""

    id: str
    why: Why
    asked_by: str
    prompt: str
    from_ms: int
    to_ms: int
    since_ms: int
    exact: bool = False
    latest_ms: int | None = None
    phase: _Phase = _Phase.THINKING
    filled: bool = False
    began_ms: int = 0


class TurnTaking:
    """Every method returns orders. The caller calls ``tick`` at ``next_ms``, and after telling ``quiet`` anything."""

    def __init__(self, manners: Manners, quiet: Quiet, new_id: Callable[[], str]) -> None:
        self._manners = manners
        self._quiet = quiet
        self._new_id = new_id
        self._turn: _Turn | None = None
        self._answered: Answered | None = None
        self._next: UtteranceFinal | None = None  # what it will answer as soon as it is quiet, if it always speaks
        self._asks: deque[Ask] = deque(maxlen=ASKS_KEPT)

    @property
    def state(self) -> State:
        """What it does."""
        if self._turn is None:
            return State.LISTENING
        return State.SPEAKING if self._turn.phase is _Phase.SOUNDING else State.THINKING

    @property
    def turn(self) -> str | None:
        """The turn that goes on."""
        return self._turn.id if self._turn else None

    def behave(self, manners: Manners, now_ms: int) -> list[Order]:
        """From now on like this."""
        self._manners = manners
        if manners.speaks is not Speaks.ALWAYS:
            self._next = None
        if not manners.muted:
            return self.tick(now_ms)
        self._next = None
        self._asks.clear()
        return self.end(Dropped.MUTED, Ended.MUTED)

    def ask(self, ask: Ask, now_ms: int) -> list[Order]:
        """Panel or API want a turn. One that merely thinks makes way; one that sounds is waited for."""
        if self._manners.muted:
            return [TellPanel(Note.MUTED, ask.by)]
        if len(self._asks) == ASKS_KEPT:
            return [TellPanel(Note.BUSY, ask.by)]
        self._asks.append(ask)
        orders: list[Order] = []
        if self._turn is not None and self._turn.phase is not _Phase.SOUNDING and self._turn.why is not Why.ASKED:
            orders += self.end(Dropped.ASKED_OTHERWISE, Ended.STOPPED)
        return orders + self.tick(now_ms)

    def heard(self, said: UtteranceFinal, person: Person, others: Collection[str], now_ms: int) -> list[Order]:
        """A human's utterance. ``others``: names of the humans on the call."""
        read = remark(said, person, others, self._manners)
        why = why_meant(read, self._answered, self._manners.speaks, now_ms)
        if self._answered is not None and read.ends(self._answered):
            self._answered = None
        if why is not None and self._manners.muted:
            return [TellPanel(Note.MUTED, person.participant)] if why is Why.ADDRESSED else []
        turn = self._turn
        if turn is None:
            return [] if why is None else self._meet(said, why, now_ms)
        if turn.phase is _Phase.SOUNDING or turn.why is Why.ASKED:
            return []
        dropped = self._unwanted(turn, read)
        if dropped is not None and why is not Why.ADDRESSED:
            return self.end(dropped, Ended.STOPPED)
        goes_on = person.participant == turn.asked_by and read.telling > 0 and not read.to_somebody_else
        return self._more(turn, said, why or turn.why, now_ms) if why is not None or goes_on else []

    def ready(self, turn: str, now_ms: int) -> list[Order]:
        """The first audio of a turn's answer is there."""
        if self._turn is not None and self._turn.id == turn and self._turn.phase is _Phase.THINKING:
            self._turn.phase = _Phase.READY
        return self.tick(now_ms)

    def over(self, turn: str, heard: str, now_ms: int) -> list[Order]:
        """A turn is over, in whatever way; ``heard`` of it, which may be nothing."""
        if self._turn is not None and self._turn.id == turn:
            self._close(now_ms, asks=heard.rstrip().endswith("?"))
        return self.tick(now_ms)

    def failed(self, turn: str, now_ms: int) -> list[Order]:
        """Model or voice failed before anything could sound."""
        if self._turn is None or self._turn.id != turn:
            return []
        by, self._turn = self._turn.asked_by, None
        return [TellPanel(Note.FAILED, by), *self.tick(now_ms)]

    def interrupted(self, now_ms: int) -> None:
        """Somebody cut the turn that sounds. What he said may be for it, if it is the one it was answering."""
        self._close(now_ms)

    def end(self, dropped: Dropped, ended: Ended) -> list[Order]:
        """End whatever goes on. Nobody is being answered any more."""
        turn, self._turn, self._answered = self._turn, None, None
        if turn is None:
            return []
        return [Cut(turn.id, ended) if turn.phase is _Phase.SOUNDING else Drop(turn.id, dropped)]

    def tick(self, now_ms: int) -> list[Order]:
        """What follows from the time, and from who is quiet."""
        free = now_ms >= self._quiet.free_from_ms()
        orders: list[Order] = []
        if self._turn is not None:
            orders = self._go_on(self._turn, now_ms, free=free)
        if self._turn is None and self._asks:
            ask = self._asks.popleft()
            orders += self._answer(
                Why.ASKED,
                ask.by,
                ask.text,
                (now_ms, now_ms),
                now_ms,
                exact=ask.exact,
                latest_ms=now_ms + ASKED_WAITS_MS,
            )
        elif self._turn is None and self._next is not None and free:
            said, self._next = self._next, None
            orders += self._answer(Why.ALWAYS, said.participant, said.text, (said.start_ms, said.end_ms), now_ms)
        return orders

    def next_ms(self) -> int | None:
        """When to call ``tick``, as things stand."""
        free_ms, turn = self._quiet.free_from_ms(), self._turn
        if turn is None:
            return free_ms if self._next is not None else None
        if turn.phase is _Phase.SOUNDING:
            return None
        if turn.phase is _Phase.READY:
            return min(free_ms, turn.since_ms + NO_ROOM_MS if turn.latest_ms is None else turn.latest_ms)
        give_up_ms = turn.since_ms + GIVE_UP_MS
        return give_up_ms if turn.filled or turn.exact else min(give_up_ms, max(free_ms, turn.since_ms + FILLER_MS))

    def _meet(self, said: UtteranceFinal, why: Why, now_ms: int) -> list[Order]:
        """Nothing goes on yet."""
        if why is Why.ALWAYS:
            self._next = said
            return self.tick(now_ms)
        return self._answer(why, said.participant, said.text, (said.start_ms, said.end_ms), now_ms)

    def _unwanted(self, turn: _Turn, read: Remark) -> Dropped | None:
        """Whether what is said while it thinks or waits for room makes its answer superfluous."""
        said = read.said
        if read.calls_off:
            return Dropped.CALLED_OFF
        if said.participant == turn.asked_by or turn.why is Why.ALWAYS or not read.telling:
            return None
        if turn.why is Why.FOLLOW_UP and said.start_ms < turn.from_ms:
            return Dropped.NOT_MEANT
        at_once = self._quiet.spoken_into_ms(said.participant, said.start_ms, said.end_ms) >= AT_ONCE_MS
        answers = read.telling >= ANSWERING_WORDS and said.start_ms >= turn.to_ms - OVERLAP_MS and not at_once
        return Dropped.ANSWERED_BY_HUMAN if answers else None

    def _more(self, turn: _Turn, said: UtteranceFinal, why: Why, now_ms: int) -> list[Order]:
        """More is asked before it has begun to answer: it thinks again."""
        self._turn = None
        drop = Drop(turn.id, Dropped.MORE_WAS_SAID)
        if why is Why.ALWAYS:
            self._next = said
            return [drop, *self.tick(now_ms)]
        mine = said.participant == turn.asked_by
        prompt = f"{turn.prompt} {said.text}" if mine else said.text
        span = (min(turn.from_ms, said.start_ms) if mine else said.start_ms, said.end_ms)
        return [drop, *self._answer(why, said.participant, prompt, span, now_ms)]

    def _answer(
        self,
        why: Why,
        asked_by: str,
        prompt: str,
        span: tuple[int, int],
        now_ms: int,
        *,
        exact: bool = False,
        latest_ms: int | None = None,
    ) -> list[Order]:
        self._next = None
        self._turn = _Turn(
            id=self._new_id(),
            why=why,
            asked_by=asked_by,
            prompt=prompt,
            from_ms=span[0],
            to_ms=span[1],
            since_ms=now_ms,
            exact=exact,
            latest_ms=latest_ms,
        )
        return [
            Answer(
                turn=self._turn.id,
                why=why,
                asked_by=asked_by,
                prompt=prompt,
                private=why is Why.ASKED,
                exact=exact,
            )
        ]

    def _go_on(self, turn: _Turn, now_ms: int, *, free: bool) -> list[Order]:
        """What time does to a turn that does not sound yet."""
        waited_ms = now_ms - turn.since_ms
        if turn.phase is _Phase.READY:
            if free or (turn.latest_ms is not None and now_ms >= turn.latest_ms):
                turn.phase, turn.began_ms = _Phase.SOUNDING, now_ms
                return [Speak(turn.id)]
            if waited_ms >= NO_ROOM_MS:
                return [*self.end(Dropped.NO_ROOM, Ended.STOPPED), TellPanel(Note.NO_ROOM, turn.asked_by)]
        elif turn.phase is _Phase.THINKING:
            if waited_ms >= GIVE_UP_MS:
                self._turn = None
                return [GiveUp(turn.id), TellPanel(Note.GAVE_UP, turn.asked_by)]
            if waited_ms >= FILLER_MS and free and not turn.filled and not turn.exact:
                turn.filled = True
                return [Filler(turn.id)]
        return []

    def _close(self, now_ms: int, *, asks: bool = False) -> None:
        turn, self._turn = self._turn, None
        if turn is not None and turn.phase is _Phase.SOUNDING:
            self._answered = Answered(turn.asked_by, turn.began_ms, now_ms, asks)
