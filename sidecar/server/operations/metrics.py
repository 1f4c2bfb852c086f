"""What operators watch, in Prometheus' form: read from plain counters all over the service when somebody asks.

No label carries an id, a name or anything else that a caller chose: the number of series does not grow with use.
``docs/metrics.md`` has a row for each; a test holds it to this file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Protocol

import msgspec
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

import sidecar
from sidecar.ports.event_forwarder import EventForwarder
from sidecar.ports.recogniser import Figure
from sidecar.ports.storage import Storage
from sidecar.runtime.alert_desk import AlertDesk
from sidecar.runtime.assistant.desk import AssistantDesk
from sidecar.runtime.event_bus import EventBus
from sidecar.runtime.event_writer import EventWriter
from sidecar.runtime.switchboard import Switchboard
from sidecar.runtime.tally import Distribution
from sidecar.runtime.wallboard import WallboardState
from sidecar.runtime.webhook_dispatcher import WebhookDispatcher
from sidecar.server.strangers import Strangers
from sidecar.server.stream_hub import StreamHub


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """Whose counters are shown."""

    switchboard: Switchboard
    assistants: AssistantDesk
    alerts: AlertDesk
    strangers: Strangers
    writer: EventWriter
    bus: EventBus
    stream_hub: StreamHub
    wallboard: WallboardState
    webhooks: WebhookDispatcher
    storage: Storage
    forwarder: EventForwarder | None = None


class Counts(Protocol):
    """An engine that counts."""

    @property
    def engine(self) -> str: ...

    def figures(self) -> Sequence[Figure]: ...


class Metrics:
    """A registry of its own, so that several services in one process (tests) do not share series."""

    def __init__(self, sources: Sources) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Sidecar(sources))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def exposition(self) -> bytes:
        """Prometheus' text format, version 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/)."""
        return generate_latest(self._registry)


class _Sidecar(Collector):
    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are not checked against other collectors', and collecting at registration is too early."""
        return ()

    def collect(self) -> Iterator[Metric]:
        yield _gauge("sidecar_info", "Always 1; the version is its label.", {(sidecar.__version__,): 1}, "version")
        yield from self._calls()
        yield from self._transcript()
        yield from self._recogniser()
        yield from self._assistants()
        yield from self._alerts()
        yield from self._store()
        yield from self._viewers()
        yield from self._webhooks()

    def _calls(self) -> Iterator[Metric]:
        switchboard, tally = self._sources.switchboard, self._sources.writer.tally
        yield _gauge("sidecar_conferences_active", "Conferences that this node looks after.", switchboard.conferences)
        yield _gauge("sidecar_forks_active", "Media streams that send audio now.", switchboard.live_forks)
        yield _gauge("sidecar_draining", "1 while the service is stopping.", int(switchboard.draining))
        strangers = self._sources.strangers
        yield _counter(
            "sidecar_refused",
            "Connections, requests, sockets, frames and forks turned away.",
            switchboard.refusals + strangers.refusals,
            "reason",
        )
        yield _gauge(
            "sidecar_strangers",
            "Who has not shown yet who he is: connections, requests under way, sockets before their start.",
            {
                "connections": len(strangers.connections),
                "requests": strangers.requests.size,
                "sockets": strangers.sockets.size,
            },
            "kind",
        )
        yield _counter("sidecar_media_frames", "Media frames received.", tally.frames)
        yield _counter("sidecar_media_frames_dropped", "Media frames that had come before.", tally.frames_dropped)
        yield _counter("sidecar_media_clock_jumps", "Timestamps that went backwards in a stream.", tally.clock_jumps)
        yield _counter("sidecar_streams_ended", "Media streams that ended.", tally.streams_ended, "reason")
        yield _counter(
            "sidecar_streams_asked_for", "Streams asked for in place of lost ones.", tally.streams_asked_for, "outcome"
        )
        forwarder = self._sources.forwarder
        yield _counter(
            "sidecar_callbacks_forwarded",
            "Conference callbacks passed on to SIDECAR_FORWARD_EVENTS_TO.",
            forwarder.outcomes if forwarder else {},
            "outcome",
        )

    def _transcript(self) -> Iterator[Metric]:
        tally = self._sources.writer.tally
        yield _histogram(
            "sidecar_transcript_delay_seconds",
            "From the end of an utterance to its final text, stored and told.",
            tally.transcript_delay_s,
        )
        yield _counter(
            "sidecar_transcript_gap_seconds",
            "Audio that was not transcribed.",
            {reason: ms / 1000 for reason, ms in tally.gap_ms.items()},
            "reason",
        )
        yield _counter("sidecar_redactions", "Numbers and other things hidden from texts.", tally.redactions, "kind")
        yield _counter("sidecar_events", "Durable events stored and told.", tally.events, "type")

    def _recogniser(self) -> Iterator[Metric]:
        engines, tally = self._sources.switchboard.engines, self._sources.writer.tally
        yield _counter(
            "sidecar_recogniser_errors", "Recogniser sessions that failed.", tally.recogniser_errors, "engine", "code"
        )
        yield _counter(
            "sidecar_recogniser_sessions", "Sessions begun, by what for.", tally.recogniser_sessions, "engine", "lane"
        )
        yield _gauge(
            "sidecar_recogniser_given_up",
            "1 while an engine failed so often that only probes ask it.",
            {one.engine: int(engines.given_up(one.engine)) for one in engines.engines},
            "engine",
        )
        yield _counter(
            "sidecar_recogniser_words_told_twice", "Words that two sessions heard; told once.", tally.words_heard_twice
        )
        yield from _figures("recogniser", engines.engines)

    def _alerts(self) -> Iterator[Metric]:
        desk = self._sources.alerts
        yield _counter("sidecar_alerts_raised", "Alerts that rules raised.", desk.raised)
        yield _counter("sidecar_alerts_lost", "Alerts that the store did not take.", desk.lost)
        yield _counter(
            "sidecar_alert_patterns_given_up",
            "Patterns given up for an utterance, for their cost.",
            desk.patterns_given_up,
        )
        yield _gauge(
            "sidecar_alerts_unwatched", "Conferences no rule looks at, for there are too many.", desk.unwatched
        )

    def _assistants(self) -> Iterator[Metric]:
        desk, tally = self._sources.assistants, self._sources.writer.tally.assistants
        yield _gauge("sidecar_assistants_active", "Assistants in calls, or on their way.", desk.live)
        yield _histogram("sidecar_assistant_join_seconds", "From an invitation to an open line.", tally.join_s)
        yield _histogram(
            "sidecar_assistant_turn_seconds",
            "Of answers that were heard: model, voice, waited for room, sent; total: from being meant to the line.",
            tally.turn_s,
            "stage",
            "engine",
        )
        yield _counter("sidecar_assistant_turns", "Turns that were spoken, by how they ended.", tally.turns, "outcome")
        yield _counter(
            "sidecar_assistant_barge_ins", "Who spoke into its turns, by what came of it.", tally.barge_ins, "outcome"
        )
        yield _counter(
            "sidecar_assistant_tokens", "What its thinking cost, as the vendor says.", tally.tokens, "engine", "kind"
        )
        yield _counter("sidecar_assistant_tools", "Tools that its model asked for.", tally.tools, "tool", "outcome")
        yield _counter("sidecar_assistant_echoes", "Utterances left out, for they were its own voice.", tally.echoes)
        yield _counter(
            "sidecar_assistant_fallbacks",
            "Answers that a realtime model did not give, and the cascade did.",
            tally.fallbacks,
            "code",
        )
        if desk.engines is not None and desk.engines.realtime is not None:
            yield from _figures("realtime", [desk.engines.realtime])

    def _store(self) -> Iterator[Metric]:
        writer, free = self._sources.writer, self._sources.storage.free_bytes()
        yield _gauge("sidecar_store_waiting", "Events in memory that wait for the store.", writer.waiting)
        yield _gauge("sidecar_store_stuck", "1 while the store does not take events.", int(writer.stuck))
        yield _counter("sidecar_store_batches", "Transactions that stored events.", writer.batches)
        yield _counter("sidecar_store_failures", "Transactions that were tried again.", writer.failures)
        yield _counter(
            "sidecar_store_lost",
            "What was not stored: refused for good, no room in memory, a fact lost (it becomes a gap).",
            {
                "refused": writer.refused,
                "overloaded": writer.overloaded,
                "fact": self._sources.writer.tally.facts_lost,
                "coverage": writer.coverage_dropped,
            },
            "kind",
        )
        if free is not None:
            yield _gauge("sidecar_disk_free_bytes", "Free space beside SQLite's file.", free)

    def _webhooks(self) -> Iterator[Metric]:
        webhooks = self._sources.webhooks
        yield _counter("sidecar_webhook_attempts", "Attempts to tell an endpoint.", webhooks.attempts, "outcome")
        yield _gauge("sidecar_webhook_backlog", "Deliveries, and events not yet in one, that wait.", webhooks.backlog)

    def _viewers(self) -> Iterator[Metric]:
        hub, bus, wallboard = self._sources.stream_hub, self._sources.bus, self._sources.wallboard
        yield _gauge("sidecar_sse_clients", "Event streams that are open.", hub.open)
        yield _counter("sidecar_sse_opened", "Event streams that were opened.", hub.opened)
        yield _counter("sidecar_sse_refused", "Event streams that were refused.", hub.refused)
        yield _counter("sidecar_sse_resumed", "Event streams that went on where an earlier one ended.", hub.resumed)
        yield _counter(
            "sidecar_sse_dropped",
            "What event streams lost: clients cut off (they resume), history that was gone, partials.",
            {
                "too_slow": hub.too_slow,
                "stalled": hub.stalled,
                "history_gone": hub.gaps,
                "partial_replaced": bus.partials_coalesced,
                "partial": bus.passing_dropped,
            },
            "kind",
        )
        yield _counter("sidecar_bus_events", "Events and partials published.", bus.published)
        yield _gauge("sidecar_bus_subscribers", "Who listens, the wallboard included.", bus.subscribers)
        yield _counter("sidecar_bus_too_slow", "Listeners cut off with a full queue.", bus.subscribers_too_slow)
        yield _gauge(
            "sidecar_wallboard_crowded_out", "Conferences without a row, for the board is full.", wallboard.crowded_out
        )


# One number, or one by label value, or by several label values in the order of the labels.
Values = float | Mapping[str, float] | Mapping[tuple[str], float] | Mapping[tuple[str, str], float]


def _figures(kind: str, engines: Iterable[Counts]) -> Iterator[Metric]:
    """What engines of one kind count: the same figure of several is one family."""
    figures: dict[str, tuple[Figure, dict[str, float]]] = {}
    for engine in engines:
        for figure in engine.figures():
            figures.setdefault(figure.name, (figure, {}))[1][engine.engine] = figure.value
    for figure, values in figures.values():
        family = _counter if figure.kind == "counter" else _gauge
        yield family(f"sidecar_{kind}_{figure.name}", figure.meaning, values, "engine")


def _counter(name: str, meaning: str, values: Values, *labels: str) -> Metric:
    """``name`` without ``_total``, which the format adds."""
    return _filled(CounterMetricFamily(name, meaning, labels=labels), values)


def _gauge(name: str, meaning: str, values: Values, *labels: str) -> Metric:
    return _filled(GaugeMetricFamily(name, meaning, labels=labels), values)


def _filled(family: CounterMetricFamily | GaugeMetricFamily, values: Values) -> Metric:
    if not isinstance(values, Mapping):
        family.add_metric((), values)
        return family
    for key, value in values.items():
        family.add_metric((key,) if isinstance(key, str) else key, value)
    return family


def _histogram(
    name: str, meaning: str, seen: Distribution | Mapping[tuple[str, str], Distribution], *labels: str
) -> Metric:
    family = HistogramMetricFamily(name, meaning, labels=labels)
    for key, one in seen.items() if isinstance(seen, Mapping) else [((), seen)]:
        bounds = [*map(str, one.bounds), "+Inf"]
        family.add_metric(key, list(zip(bounds, accumulate(one.counts), strict=True)), one.total)
    return family
