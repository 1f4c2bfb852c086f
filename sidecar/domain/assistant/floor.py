"""The floor: who speaks when, between the people on a call and the assistant. Facts and time in, orders out. Pure.

It knows who is there and whose words count, knows the assistant's own echo again, and asks ``barge_in`` while a turn
sounds, ``turn_taking`` else. A runtime that tells it everything and does as it is told needs no judgement of its own.

All times are ms of the conference clock. After each fact, and at ``next_ms``, time is looked at too.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from sidecar.domain.assistant.barge_in import BargeIn, Decision, GoOn, Hold
from sidecar.domain.assistant.echo import Echo
from sidecar.domain.assistant.floor_orders import (
    Ask,
    Cut,
    Dropped,
    Ended,
    GoOnPlaying,
    HoldPlayback,
    Leave,
    Leaving,
    Manners,
    Order,
    Person,
    SayGoodbyeAndLeave,
    Speak,
)
from sidecar.domain.assistant.phrases import wants_no_assistant
from sidecar.domain.assistant.quiet import Quiet
from sidecar.domain.assistant.stay import Audience
from sidecar.domain.assistant.turn_taking import State, TurnTaking
from sidecar.domain.conference.values import Role
from sidecar.domain.events import UtteranceFinal, UtterancePartial


class Floor:
    """One assistant on one call, from when it joined until it is told to leave; from then on nothing is ordered."""

    def __init__(self, manners: Manners, new_id: Callable[[], str]) -> None:
        """``new_id`` names turns."""
        self._manners = manners
        self._people: dict[str, Person] = {}
        self._echo = Echo()
        self._quiet = Quiet()
        self._barge_in = BargeIn(self._echo)
        self._turns = TurnTaking(manners, self._quiet, new_id)
        self._leaving = False

    @property
    def state(self) -> State:
        """What the assistant does just now."""
        return self._turns.state

    @property
    def turn(self) -> str | None:
        """The turn that goes on."""
        return self._turns.turn

    def is_echo(self, said: UtterancePartial | UtteranceFinal) -> bool:
        """Whether a human's fork merely gave back what the assistant said: that is nothing for the transcript."""
        return self._echo.is_own(said.text, said.start_ms, said.end_ms)

    # -- who is there ----------------------------------------------------------------------------------------------

    def present(self, person: Person, now_ms: int) -> list[Order]:
        """Somebody is on the call, or is there in another way than before."""
        self._people[person.participant] = person
        return self._after(now_ms) if self._counts(person.participant) else self._silence(person.participant, now_ms)

    def left(self, participant: str, now_ms: int) -> list[Order]:
        """Somebody hung up. With the last human, the assistant leaves."""
        known = self._people.pop(participant, None)
        orders = self._silence(participant, now_ms)
        humans = [p for p in self._people.values() if p.role is not Role.ASSISTANT and not p.coaching]
        if known is not None and not humans:
            orders += self._leave(Leaving.LAST_HUMAN_LEFT, now_ms)
        return orders

    def behave(self, manners: Manners, now_ms: int) -> list[Order]:
        """From now on the assistant is to behave like this."""
        if self._leaving:
            return []
        self._manners = manners
        return self._take(self._turns.behave(manners, now_ms), now_ms)

    # -- what they say ---------------------------------------------------------------------------------------------

    def speech_started(self, participant: str, at_ms: int, now_ms: int) -> list[Order]:
        """Somebody began to speak at ``at_ms``."""
        if not self._counts(participant):
            return []
        self._quiet.speech_started(participant, at_ms)
        if not self._may_interrupt(participant):
            return self._after(now_ms)
        return self._decided(self._barge_in.speech_started(participant, at_ms, now_ms), now_ms) + self._after(now_ms)

    def speech_ended(self, participant: str, at_ms: int, now_ms: int) -> list[Order]:
        """Somebody has been silent since ``at_ms``."""
        self._quiet.speech_ended(participant, at_ms)
        return self._decided(self._barge_in.speech_ended(participant, now_ms), now_ms) + self._after(now_ms)

    def words(self, said: UtterancePartial | UtteranceFinal, now_ms: int) -> list[Order]:
        """Text of somebody, partial or final. An empty partial says that it was nothing."""
        who, final = said.participant, isinstance(said, UtteranceFinal)
        if said.coaching or not self._counts(who):
            return []
        orders: list[Order] = []
        if self._may_interrupt(who):
            orders += self._decided(self._barge_in.words(said, now_ms), now_ms)
        self._quiet.words(who, said.start_ms, said.end_ms, now_ms, final=final or not said.text)
        if isinstance(said, UtteranceFinal) and not self.is_echo(said):
            if wants_no_assistant(said.text):
                return orders + self._leave(Leaving.NOT_WANTED, now_ms)
            names = [person.name for person in self._people.values() if person.role is not Role.ASSISTANT]
            person = self._people.get(who) or Person(participant=who, name="", role=Role.OTHER)
            orders += self._take(self._turns.heard(said, person, names, now_ms), now_ms)
        return orders + self._after(now_ms)

    # -- what is wished --------------------------------------------------------------------------------------------

    def ask(self, ask: Ask, now_ms: int) -> list[Order]:
        """Panel or API want a turn."""
        return self._take(self._turns.ask(ask, now_ms), now_ms)

    def stop(self, now_ms: int) -> list[Order]:
        """Panel or API want the present turn to end. The assistant stays."""
        return self._take(self._turns.end(Dropped.CALLED_OFF, Ended.STOPPED), now_ms) + self._after(now_ms)

    # -- what becomes of turns ---------------------------------------------------------------------------------------

    def ready(self, turn: str, now_ms: int) -> list[Order]:
        """The first audio of an answer is there."""
        return self._take(self._turns.ready(turn, now_ms), now_ms)

    def sounds(self, text: str, now_ms: int) -> None:
        """These words are being sent: of turns, fillers and goodbyes."""
        self._echo.said(text, now_ms)

    def over(self, turn: str, heard: str, now_ms: int) -> list[Order]:
        """A turn is over, by itself or as ordered, and this was heard of it."""
        if turn == self._turns.turn:
            self._barge_in.over()
        return self._take(self._turns.over(turn, heard, now_ms), now_ms)

    def failed(self, turn: str, now_ms: int) -> list[Order]:
        """Model or voice failed before anything of the answer could sound."""
        return self._take(self._turns.failed(turn, now_ms), now_ms)

    # -- time ------------------------------------------------------------------------------------------------------

    def tick(self, now_ms: int) -> list[Order]:
        """What follows from the time alone."""
        return self._decided(self._barge_in.tick(now_ms), now_ms) + self._after(now_ms)

    def next_ms(self) -> int | None:
        """When to call ``tick``, as things stand; a time that has passed means at once."""
        if self._leaving:
            return None
        times = (self._barge_in.next_ms(), self._turns.next_ms(), self._manners.leave_at_ms)
        return min((time for time in times if time is not None), default=None)

    def _after(self, now_ms: int) -> list[Order]:
        limit_ms = self._manners.leave_at_ms
        if limit_ms is not None and now_ms >= limit_ms:
            return self._leave(Leaving.TIME_LIMIT, now_ms)
        return self._take(self._turns.tick(now_ms), now_ms)

    def _take(self, orders: list[Order], now_ms: int) -> list[Order]:
        """Orders of ``turn_taking``, as far as it still has any to give."""
        if self._leaving:
            return []
        for order in orders:
            if isinstance(order, Speak):
                self._barge_in.began(now_ms)
            elif isinstance(order, Cut):
                self._barge_in.over()
        return orders

    def _decided(self, decision: Decision | None, now_ms: int) -> list[Order]:
        turn = self._turns.turn
        if decision is None or turn is None:
            return []
        if isinstance(decision, Hold):
            return [HoldPlayback(turn)]
        if isinstance(decision, GoOn):
            return [GoOnPlaying(turn)]
        self._turns.interrupted(now_ms)
        return [Cut(turn, Ended(decision.why), decision.participant)]

    def _leave(self, why: Leaving, now_ms: int) -> list[Order]:
        if self._leaving:
            return []
        ended = self._turns.end(Dropped.LEAVING, Ended.LEAVING)
        self._turns.behave(msgspec.structs.replace(self._manners, muted=True), now_ms)  # it takes no turn any more
        self._barge_in.over()
        self._leaving = True
        silently = self._manners.muted or why is Leaving.LAST_HUMAN_LEFT
        return [*ended, Leave(why) if silently else SayGoodbyeAndLeave(why)]

    def _silence(self, participant: str, now_ms: int) -> list[Order]:
        self._quiet.left(participant)
        return self._decided(self._barge_in.left(participant, now_ms), now_ms) + self._after(now_ms)

    def _counts(self, participant: str) -> bool:
        """Somebody of whom nothing is known yet is a human: a fork may be heard before its call has joined."""
        person = self._people.get(participant)
        return person is None or not (person.coaching or person.rests or person.role is Role.ASSISTANT)

    def _may_interrupt(self, participant: str) -> bool:
        """Who does not hear the assistant does not interrupt it either."""
        person = self._people.get(participant)
        return self._manners.audience is Audience.ALL or (person is not None and person.role is Role.AGENT)
