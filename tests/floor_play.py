"""A call played against the floor: people speak at given times, an assistant thinks and sounds; time is a number.

It stands in for runtime, recogniser, model and voice, with their delays, and writes down what was ordered when.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

from sidecar.domain.assistant import floor_orders as fo
from sidecar.domain.assistant.floor import Floor
from sidecar.domain.conference.values import Role
from sidecar.domain.events import UtteranceFinal, UtterancePartial

MS_PER_WORD = 300
NOTICED_MS = 100  # a detector tells of speech, and of its end, so much later
KNOWN_MS = 250  # a recogniser tells a word so long after it was said
FINAL_MS = 500  # and all of them so long after the end

AGENT = fo.Person(participant="ana", name="Ana", role=Role.AGENT)
CUSTOMER = fo.Person(participant="ben", name="Ben Ode", role=Role.CUSTOMER)
COACH = fo.Person(participant="sue", name="Sue", role=Role.SUPERVISOR, coaching=True)


class FloorPlay:
    """Script it with ``says``, ``noise`` and ``at``, then ``run``."""

    def __init__(
        self,
        *people: fo.Person,
        manners: fo.Manners | None = None,
        thinks_ms: int = 600,
        answer: str = "Returns are free within thirty days of delivery.",
    ) -> None:
        numbers = itertools.count(1)
        self.manners = manners or fo.Manners()
        self.floor = Floor(self.manners, lambda: f"t{next(numbers)}")
        self.thinks_ms = thinks_ms
        self.answer = answer
        self.log: list[tuple[int, fo.Order]] = []
        self.heard: dict[str, str] = {}
        self.now_ms = 0
        self._agenda: list[tuple[int, int, Callable[[], list[fo.Order] | None]]] = []
        self._numbers = itertools.count()
        self._utterances = itertools.count(1)
        self._sounding: list[str] = []  # words of the answer that are still to come
        self._held = False
        for person in people or (AGENT, CUSTOMER):
            self.at(0, lambda person=person: self.floor.present(person, 0))  # type: ignore[misc]

    # -- the script ------------------------------------------------------------------------------------------------

    def at(self, ms: int, fact: Callable[[], list[fo.Order] | None]) -> None:
        """Something happens at this time."""
        heapq.heappush(self._agenda, (ms, next(self._numbers), fact))

    def says(
        self, who: str, text: str, at: int, *, coaching: bool = False, final_ms: int = FINAL_MS, partials: bool = True
    ) -> int:
        """Somebody says this, word by word. Returns when it is said.

        ``final_ms``: so long after that it is known for good; before, without ``partials``, nothing is.
        """
        words, id_ = text.split(), f"utt_{next(self._utterances)}"
        end = at + MS_PER_WORD * len(words)
        self._speech(who, at, end)
        for n in range(1, len(words) + 1 if partials else 0):
            until = at + n * MS_PER_WORD
            partial = UtterancePartial(
                id=id_,
                participant=who,
                start_ms=at,
                end_ms=until,
                text=" ".join(words[:n]),
                lag_ms=0,
                coaching=coaching,
            )
            self.at(until + KNOWN_MS, lambda partial=partial: self.floor.words(partial, self.now_ms))  # type: ignore[misc]
        final = UtteranceFinal(
            id=id_, participant=who, fork="frk_1", session="ses_1", result_index=0, revision=1, start_ms=at, end_ms=end,
            text=text, engine="scripted", lag_ms=0, coaching=coaching,
        )  # fmt: skip
        self.at(end + final_ms, lambda: self.floor.words(final, self.now_ms))
        return end

    def noise(self, who: str, at: int, for_ms: int) -> None:
        """Sound without words."""
        self._speech(who, at, at + for_ms)

    def _speech(self, who: str, at: int, end: int) -> None:
        self.at(at + NOTICED_MS, lambda: self.floor.speech_started(who, at, self.now_ms))
        self.at(end + NOTICED_MS, lambda: self.floor.speech_ended(who, end, self.now_ms))

    # -- the play --------------------------------------------------------------------------------------------------

    def run(self, until: int = 60_000) -> list[str]:
        """Plays it; the orders in words, as ``orders`` has them."""
        while self.now_ms < until:
            due = self.floor.next_ms()
            ahead = self._agenda[0][0] if self._agenda else until
            if due is not None and max(due, self.now_ms) < ahead:
                self.now_ms = max(due, self.now_ms)
                self._take(self.floor.tick(self.now_ms))
                assert self.floor.next_ms() != due, f"it wants to be ticked again and again at {due} ms"
            elif self._agenda:
                self.now_ms, _, fact = heapq.heappop(self._agenda)
                self._take(fact() or [])
            else:
                self.now_ms = until
        return self.orders()

    def orders(self) -> list[str]:
        """What was ordered, each in a word or two."""
        return [_in_words(order) for _, order in self.log]

    def when(self, order: str) -> int:
        """When this was ordered first."""
        return next(ms for ms, one in self.log if _in_words(one) == order)

    def _take(self, orders: list[fo.Order]) -> None:
        for order in orders:
            self.log.append((self.now_ms, order))
            self._do(order)

    def _do(self, order: fo.Order) -> None:
        match order:
            case fo.Answer(turn=turn):
                self.at(self.now_ms + self.thinks_ms, lambda: self.floor.ready(turn, self.now_ms))
            case fo.Speak(turn=turn):
                self._sounding, self.heard[turn], self._held = self.answer.split(), "", False
                self.at(self.now_ms, lambda: self._sound(turn))
            case fo.HoldPlayback():
                self._held = True
            case fo.GoOnPlaying(turn=turn):
                self._held = False
                self.at(self.now_ms, lambda: self._sound(turn))
            case fo.Cut(turn=turn):
                self._sounding = []
                self.at(self.now_ms, lambda: self.floor.over(turn, self.heard[turn], self.now_ms))
            case fo.Filler():
                self.floor.sounds("Let me see.", self.now_ms)
            case _:
                pass

    def _sound(self, turn: str) -> list[fo.Order] | None:
        if self._held or self.floor.turn != turn:
            return None
        if not self._sounding:
            return self.floor.over(turn, self.heard[turn], self.now_ms)
        word = self._sounding.pop(0)
        self.floor.sounds(word, self.now_ms)
        self.heard[turn] = f"{self.heard[turn]} {word}".strip()
        self.at(self.now_ms + MS_PER_WORD, lambda: self._sound(turn))
        return None


def _in_words(order: fo.Order) -> str:
    kind = {"HoldPlayback": "hold", "GoOnPlaying": "go on", "SayGoodbyeAndLeave": "goodbye", "TellPanel": "tell"}
    name = type(order).__name__
    detail = getattr(order, "why", None) or getattr(order, "note", "")
    return f"{kind.get(name, name.lower())} {detail}".strip()
