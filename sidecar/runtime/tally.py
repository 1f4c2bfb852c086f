"""What this process has counted since it began, in plain numbers, read when somebody collects metrics.

Counters of one object's own (the bus, the writer, the stream hub) stand on that object; here is what many short-lived
objects have in common: streams, recogniser sessions, recorders. Never: ids, text, anything that a caller chose.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

from sidecar.domain.assistant.events import AssistantTurn
from sidecar.domain.events import Event, TranscriptGap, UtteranceFinal

# Upper bounds for the delay of a transcript, in seconds: good, noticeable, and no longer live.
DELAY_BOUNDS_S = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
# From an invitation to an open line, the announcement included; for the stages of an answer, from our own share to what
# nobody waits for.
JOIN_BOUNDS_S = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 30.0)
TURN_BOUNDS_S = (0.01, 0.025, 0.06, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)


class Distribution:
    """How many values were at most each bound (ascending); the last count is of those above all bounds."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def note(self, value: float) -> None:
        """One more value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class AssistantTally:
    """What assistants came to. Of what a model says only known words become keys."""

    def __init__(self) -> None:
        self.join_s = Distribution(JOIN_BOUNDS_S)
        self.turn_s: dict[tuple[str, str], Distribution] = {}  # of turns that were heard, by stage and engine
        self.turns: Counter[str] = Counter()  # by outcome
        self.barge_ins: Counter[str] = Counter()  # by what they came to
        self.tokens: Counter[tuple[str, str]] = Counter()  # by engine, and whether they went in, out or were estimated
        self.tools: Counter[tuple[str, str]] = Counter()  # by tool and outcome
        self.fallbacks: Counter[str] = Counter()  # answers that a realtime model did not give, by code
        self.echoes = 0  # utterances that were its own words, come back by somebody's telephone

    def turn_over(self, turn: AssistantTurn) -> None:
        """A turn is stored."""
        self.turns[turn.outcome] += 1
        latency = turn.latency
        for stage, engine, took_ms in (
            ("model", turn.chat_model, latency.model),
            ("voice", turn.voice, latency.voice),
            ("waited", "", latency.waited),
            ("sent", "", latency.sent),
            ("total", turn.chat_model, latency.total),
        ):
            if took_ms is not None:
                self.turn_s.setdefault((stage, engine), Distribution(TURN_BOUNDS_S)).note(took_ms / 1000)


class Tally:
    """Grows only; belongs to the event loop's thread."""

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()  # stored and told, by type
        self.gap_ms: Counter[str] = Counter()  # stored gaps, by reason
        self.transcript_delay_s = Distribution(DELAY_BOUNDS_S)
        self.recogniser_errors: Counter[tuple[str, str]] = Counter()  # by engine and code
        self.recogniser_sessions: Counter[tuple[str, str]] = Counter()  # by engine, and by what for
        self.words_heard_twice = 0  # by two sessions; told once
        self.streams_ended: Counter[str] = Counter()  # media streams, by reason
        self.streams_asked_for: Counter[str] = Counter()  # to replace a lost one, by outcome
        self.frames = 0
        self.frames_dropped = 0  # duplicates
        self.clock_jumps = 0  # timestamps that went backwards, of streams that have ended
        self.redactions: Counter[str] = Counter()  # by kind
        self.assistants = AssistantTally()
        self.facts_lost = 0  # neither stored nor waiting: even the writer's memory was full

    def stored(self, event: Event, delay_s: float) -> None:
        """A durable event was stored and told, ``delay_s`` after it happened."""
        self.events[event.type] += 1
        match event.data:
            case TranscriptGap(from_ms=from_ms, to_ms=to_ms, reason=reason):
                self.gap_ms[reason] += to_ms - from_ms
            case UtteranceFinal(lag_ms=lag_ms, fork=fork) if fork:
                self.transcript_delay_s.note(lag_ms / 1000 + max(0.0, delay_s))
            case AssistantTurn() as turn:
                self.assistants.turn_over(turn)
            case _:
                pass
