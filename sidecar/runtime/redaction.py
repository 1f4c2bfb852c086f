"""Nothing leaves this process unredacted: all that is said passes here, before alerts, store, bus and the assistant.

A final that ends amid digits waits for what follows, for a number may be said in two or three goes; so do gaps behind
it. What waits is not stored, so no coverage is told of it: whatever dies meanwhile, it is heard again or is a gap.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import reduce
from operator import or_

import msgspec

from sidecar.domain.assistant.events import AssistantTurn
from sidecar.domain.event_data import EventData
from sidecar.domain.events import TranscriptGap, UtteranceFinal, UtterancePartial
from sidecar.domain.redaction.numbers import NOTHING_ASKED, Asked, asked_in
from sidecar.domain.redaction.redact import redact
from sidecar.domain.redaction.rules import NO_TAIL, RUN_DIGITS, Rules, Tail
from sidecar.runtime.tally import Tally

# So long a final that ends amid digits waits for its continuation; while more digits come, again.
CONTINUES_WITHIN_S = 3.0
# But in all no longer than this, and with no more finals.
WAITS_MOST_S = 20.0
WAITING_MOST = 8
# A number that goes on later than that has been told in part; the rest of it is still known for what it is.
REMEMBERED_S = 30.0
# What was asked of anybody counts for answers within this time.
ASKED_WITHIN_S = 30.0
ASKED_MOST = 20


class _Line:
    """What one fork said last."""

    def __init__(self) -> None:
        self.waiting: list[UtteranceFinal | TranscriptGap] = []
        self.since_s = 0.0
        self.timer: asyncio.TimerHandle | None = None
        self.told = NO_TAIL  # the digits in which it ended, told already
        self.told_at_s = 0.0

    def stop_waiting(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Redaction:
    """One per conference. ``rules``: asked each time, for they may change. ``hand_on``: where redacted facts go."""

    def __init__(
        self,
        rules: Callable[[], Rules],
        *,
        hand_on: Callable[[Sequence[UtteranceFinal | TranscriptGap]], None],
        tally: Tally,
    ) -> None:
        self._rules = rules
        self._hand_on = hand_on
        self._tally = tally
        self._lines: dict[str, _Line] = {}  # by fork
        self._forks: dict[str, str] = {}  # by participant
        self._asked: deque[tuple[float, Asked]] = deque(maxlen=ASKED_MOST)

    def partial(self, partial: UtterancePartial) -> UtterancePartial:
        """The same without numbers."""
        text = self._rules().masked_partial(partial.text, self._asked_of_late())
        return partial if text == partial.text else msgspec.structs.replace(partial, text=text)

    def speaks_on(self, partial: UtterancePartial) -> None:
        """Somebody says more: what waits for its continuation waits for the end of that, or for nothing any more."""
        fork = self._forks.get(partial.participant, "")
        line = self._lines.get(fork)
        if line is None or not line.waiting:
            return
        leads_on = self._rules().leads_on(partial.text)
        if leads_on:
            self._wait(fork, line)
        elif leads_on is False:
            self.release(fork)

    def at_once(self, fact: EventData) -> EventData:
        """What was said by nobody on a fork, redacted, now: the assistant's words."""
        if isinstance(fact, UtteranceFinal):
            self._listen(fact.text)
            [fact] = self._judge([fact], NO_TAIL)
        elif isinstance(fact, AssistantTurn):
            fact = msgspec.structs.replace(fact, text=self.text(fact.text), heard=self.text(fact.heard))
        return fact

    def text(self, text: str) -> str:
        """Any text, redacted."""
        rules = self._rules()
        return rules.masked(text, rules.findings(text, self._asked_of_late()))

    def take(self, fact: UtteranceFinal | TranscriptGap) -> None:
        """What happened on a fork: handed on at once, or when it is known what the digits at its end are."""
        if isinstance(fact, UtteranceFinal):
            self._listen(fact.text)
        line = self._lines.setdefault(fact.fork, _Line())
        self._forks[fact.participant] = fact.fork
        if isinstance(fact, TranscriptGap) and not line.waiting:
            self._hand_on([fact])
            return
        if line.waiting and isinstance(fact, UtteranceFinal) and fact.late != self._late(line):
            self.release(fact.fork)  # what is heard again goes on from something else
        if not line.waiting:
            line.since_s = _now_s()
        line.waiting.append(fact)
        ends_amid = self._tail(line).digits >= RUN_DIGITS
        if ends_amid and len(line.waiting) < WAITING_MOST and _now_s() - line.since_s < WAITS_MOST_S:
            self._wait(fact.fork, line)
        else:
            self.release(fact.fork)

    def release(self, fork: str | None = None) -> None:
        """Wait no more for what this fork, or any, says next: nothing will come, or something else must follow."""
        for name in [fork] if fork is not None else list(self._lines):
            line = self._lines.get(name)
            if line is None or not line.waiting:
                continue
            line.stop_waiting()
            before, tail = self._remembered(line), self._tail(line)
            waiting, line.waiting = line.waiting, []
            line.told, line.told_at_s = tail, _now_s()
            finals = iter(self._judge([fact for fact in waiting if isinstance(fact, UtteranceFinal)], before))
            self._hand_on([next(finals) if isinstance(fact, UtteranceFinal) else fact for fact in waiting])

    def covered_ms(self, fork: str, covered_ms: int) -> int:
        """How much of this coverage may be told: none of what waits."""
        line = self._lines.get(fork)
        starts = [fact.start_ms for fact in line.waiting if isinstance(fact, UtteranceFinal)] if line else []
        return min([covered_ms, *starts])

    def _late(self, line: _Line) -> bool:
        return any(fact.late for fact in line.waiting if isinstance(fact, UtteranceFinal))

    def _wait(self, fork: str, line: _Line) -> None:
        line.stop_waiting()
        left_s = max(0.0, line.since_s + WAITS_MOST_S - _now_s())
        line.timer = asyncio.get_running_loop().call_later(min(CONTINUES_WITHIN_S, left_s), self.release, fork)

    def _judge(self, finals: Sequence[UtteranceFinal], before: Tail) -> list[UtteranceFinal]:
        redacted, findings = redact(finals, self._rules(), before=before.text, asked=self._asked_of_late())
        for finding in findings:
            self._tally.redactions[finding.kind] += 1
        return redacted

    def _tail(self, line: _Line) -> Tail:
        texts = [fact.text for fact in line.waiting if isinstance(fact, UtteranceFinal)]
        return self._rules().tail(" ".join([self._remembered(line).text, *texts]).strip(), self._asked_of_late())

    def _remembered(self, line: _Line) -> Tail:
        return line.told if _now_s() - line.told_at_s <= REMEMBERED_S else NO_TAIL

    def _listen(self, text: str) -> None:
        asked = asked_in(text)
        if asked != NOTHING_ASKED:
            self._asked.append((_now_s(), asked))

    def _asked_of_late(self) -> Asked:
        since_s = _now_s() - ASKED_WITHIN_S
        return reduce(or_, (asked for at_s, asked in self._asked if at_s >= since_s), NOTHING_ASKED)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
