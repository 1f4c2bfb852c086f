"""One conference's way into the event log and onto the bus: who records need only say what happened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from sidecar.domain.conference.values import Conference
from sidecar.domain.events import (
    Coverage,
    Draft,
    Event,
    EventData,
    TranscriptGap,
    UtteranceFinal,
    UtterancePartial,
)
from sidecar.domain.redaction.rules import Policy, Rules
from sidecar.ports.clock import Clock
from sidecar.runtime.ears import Ears
from sidecar.runtime.event_bus import EventBus
from sidecar.runtime.event_writer import EventWriter, StoreOverloaded
from sidecar.runtime.redaction import Redaction
from sidecar.runtime.tally import Tally

log = structlog.get_logger()

DEFAULT_RULES = Rules(Policy())


class Recorder:
    """Durable facts are stored first and told afterwards; passing ones are only told."""

    def __init__(
        self,
        conference: Conference,
        *,
        writer: EventWriter,
        bus: EventBus,
        clock: Clock,
        ears: Ears | None = None,
        rules: Callable[[], Rules] | None = None,
    ) -> None:
        """``ears``: who is asked whether an utterance is somebody's own. ``rules``: what is redacted, as of now."""
        self.conference = conference
        self._ears = ears or Ears()
        self._writer = writer
        self._bus = bus
        self._clock = clock
        self._redaction = Redaction(rules or (lambda: DEFAULT_RULES), hand_on=self._hand_on, tally=writer.tally)
        self._lost: dict[str, TranscriptGap] = {}  # by fork: what the store never got
        self._heard: dict[str, int] = {}  # by fork: up to where all was heard, though the last of it may wait

    @property
    def tally(self) -> Tally:
        """Where this process counts, over all conferences."""
        return self._writer.tally

    def now_ms(self) -> int:
        """The present moment on the conference clock."""
        return self.conference.clock_ms(self._clock.now())

    def new_id(self, kind: str) -> str:
        """A fresh id of that kind."""
        return self._clock.new_id(kind)

    async def record(self, *facts: EventData) -> list[Event | None]:
        """Store facts in one transaction and tell them; returns when both happened. Raises StoreOverloaded."""
        return await self.hand_in(facts)

    def hand_in(self, facts: Sequence[EventData]) -> asyncio.Future[list[Event | None]]:
        """As ``record``, before anything that is handed in later: await what it returns. StoreOverloaded at once."""
        for fact in facts:
            if fork := getattr(fact, "fork", ""):
                self._redaction.release(fork)  # what its fork said before comes before it
        return self._writer.hand_in([self._draft(self._redaction.at_once(fact)) for fact in facts])

    def record_soon(self, fact: UtteranceFinal | TranscriptGap) -> None:
        """Hand what happened on a fork to the writer without waiting: a stuck store must not stop recognition.

        A final that ends amid digits is handed on later: see ``Redaction``. When even the writer's memory is full, a
        fact is lost; that is counted, and becomes a gap as soon as the writer takes facts again.
        """
        if isinstance(fact, UtteranceFinal) and self._ears.words(self.conference.id, fact):
            self._leave_out(fact)
        else:
            self._redaction.take(fact)

    def release(self, fork: str) -> None:
        """This fork will say nothing more for now: nothing of it waits for a continuation."""
        self._redaction.release(fork)

    def redacted(self, text: str) -> str:
        """A text that somebody in this process says, as it may be stored and told."""
        return self._redaction.text(text)

    def _hand_on(self, facts: Sequence[UtteranceFinal | TranscriptGap]) -> None:
        """All that forks say goes by here, redacted, on its way to the store and from there to everybody."""
        try:
            lost = [self._draft(gap) for gap in self._lost.values()]
            covered = [self._coverage(fork) for fork in {fact.fork for fact in facts} & self._heard.keys()]
            self._writer.submit_nowait([*lost, *(self._draft(fact) for fact in facts), *covered])
        except StoreOverloaded as error:
            self.tally.facts_lost += len(facts)
            for fact in facts:
                self._lost[fact.fork] = _lost_span(fact, self._lost.get(fact.fork))
                log.error("fact_lost", conference=self.conference.id, type=fact.type, code=error.code)
        else:
            self._lost.clear()

    async def settle(self) -> None:
        """Store what waits, and the gaps of facts that were lost, before anybody adds the transcript up.

        Raises StoreOverloaded.
        """
        self._redaction.release()
        lost, self._lost = self._lost, {}
        if lost:
            await self.record(*lost.values())

    def cover(self, fork: str, covered_ms: int) -> None:
        """Note that all speech of a fork up to here is handed in. May be lost without harm: a later note says more."""
        self._heard[fork] = covered_ms
        self._writer.submit_nowait([self._coverage(fork)])

    def _coverage(self, fork: str) -> Coverage:
        return Coverage(fork=fork, covered_ms=self._redaction.covered_ms(fork, self._heard[fork]))

    def tell(self, facts: Sequence[EventData]) -> None:
        """Tell passing facts (partials) to whoever listens now."""
        for fact in facts:
            if isinstance(fact, UtterancePartial):
                if self._ears.words(self.conference.id, fact):
                    continue
                self._redaction.speaks_on(fact)
                fact = self._redaction.partial(fact)  # noqa: PLW2901 - from here on there is only the redacted one
            self._bus.publish(
                Event(
                    id="",
                    type=fact.type,
                    seq=None,
                    timestamp=self._clock.now(),
                    conference=self.conference.id,
                    conference_sid=self.conference.sid,
                    tenant=self.conference.tenant,
                    data=fact,
                )
            )

    def _leave_out(self, echo: UtteranceFinal) -> None:
        """It is no utterance: what a page shows of it goes, and nothing of it is missing."""
        self.tally.assistants.echoes += 1
        self.cover(echo.fork, echo.end_ms)
        self.tell(
            [
                UtterancePartial(
                    id=echo.id,
                    participant=echo.participant,
                    start_ms=echo.start_ms,
                    end_ms=echo.end_ms,
                    text="",
                    lag_ms=echo.lag_ms,
                    coaching=echo.coaching,
                )
            ]
        )

    def _draft(self, fact: EventData) -> Draft:
        return Draft(
            id=self._clock.new_id("evt"), conference=self.conference.id, timestamp=self._clock.now(), data=fact
        )


def nothing_stored() -> asyncio.Future[list[Event | None]]:
    """What ``Recorder.hand_in`` would return for no facts, at once."""
    nothing: asyncio.Future[list[Event | None]] = asyncio.get_running_loop().create_future()
    nothing.set_result([])
    return nothing


def _lost_span(fact: UtteranceFinal | TranscriptGap, before: TranscriptGap | None) -> TranscriptGap:
    from_ms, to_ms = (fact.from_ms, fact.to_ms) if isinstance(fact, TranscriptGap) else (fact.start_ms, fact.end_ms)
    if before:
        from_ms, to_ms = min(from_ms, before.from_ms), max(to_ms, before.to_ms)
    return TranscriptGap(
        participant=fact.participant, fork=fact.fork, from_ms=from_ms, to_ms=to_ms, reason="store_overloaded"
    )
