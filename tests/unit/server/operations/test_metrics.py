"""Metrics: what the page about them says is what a scraper gets, and nothing in them comes from a caller."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from sidecar.adapters.openai_account import OpenaiAccount
from sidecar.adapters.realtime.openai import VENDOR, OpenaiRealtimeModel
from sidecar.adapters.recognisers.local import LocalRecogniser
from sidecar.adapters.recognisers.local_pool import LocalPool
from sidecar.adapters.sql import (
    Database,
    SqlAlerts,
    SqlAssistants,
    SqlDirectory,
    SqlEventLog,
    SqlOutbox,
    SqlWebhookQueue,
)
from sidecar.ports.recogniser import Recogniser
from sidecar.runtime.alert_desk import AlertDesk
from sidecar.runtime.assistant.desk import AssistantDesk, AssistantPolicy, Engines
from sidecar.runtime.event_bus import EventBus
from sidecar.runtime.event_writer import EventWriter
from sidecar.runtime.switchboard import Switchboard
from sidecar.runtime.wallboard import WallboardState
from sidecar.runtime.webhook_dispatcher import WebhookDispatcher
from sidecar.server.operations.metrics import Metrics, Sources
from sidecar.server.strangers import Strangers
from sidecar.server.stream_hub import StreamHub
from tests.fake_engines import FakeChatModel, FakeVoice
from tests.fake_webhooks import FakeWebhookSender
from tests.fakes import FakeClock
from tests.unit.runtime.test_tally import FINAL, TURN, event

PAGE = Path(__file__).parents[4] / "docs" / "metrics.md"


def no_model() -> LocalRecogniser:
    """A local recogniser without a thread."""

    def load() -> object:
        raise AssertionError("no job is given")

    return LocalRecogniser(LocalPool(0, load))  # type: ignore[arg-type]


def sources(folder: Path, recogniser: Recogniser | None = None) -> Sources:
    """A service at rest."""
    database, bus, clock = Database(f"sqlite:///{folder}/x.sqlite3"), EventBus(), FakeClock()
    log, directory = SqlEventLog(database), SqlDirectory(database)
    writer = EventWriter(log, bus, clock)
    return Sources(
        switchboard=Switchboard(
            directory=directory,
            event_log=log,
            writer=writer,
            bus=bus,
            clock=clock,
            recogniser=recogniser or no_model(),
            telephony=None,
            max_forks=1,
        ),
        assistants=AssistantDesk(
            AssistantPolicy(),
            rows=SqlAssistants(database),
            directory=directory,
            event_log=log,
            writer=writer,
            bus=bus,
            clock=clock,
            telephony=None,
            engines=Engines(FakeChatModel(), FakeVoice(), OpenaiRealtimeModel(OpenaiAccount("", "key", VENDOR))),
        ),
        alerts=AlertDesk(
            rows=SqlAlerts(database), directory=directory, event_log=log, writer=writer, bus=bus, clock=clock
        ),
        strangers=Strangers(sockets_most=1),
        writer=writer,
        bus=bus,
        stream_hub=StreamHub(),
        wallboard=WallboardState(directory=directory, event_log=log, bus=bus, clock=clock),
        webhooks=WebhookDispatcher(
            queue=SqlWebhookQueue(database, SqlOutbox(), clock.new_id),
            sender=FakeWebhookSender(),
            clock=clock,
            kept=(timedelta(days=30), timedelta(days=7)),
        ),
        storage=database,
    )


async def test_the_page_has_every_metric_with_its_kind_and_labels(tmp_path: Path) -> None:
    """A label that is not on the page is a label that nobody thought about."""
    found = Metrics(sources(tmp_path)).exposition().decode()
    kinds = dict(re.findall(r"^# TYPE (sidecar_\w+) (\w+)$", found, flags=re.MULTILINE))
    page = re.findall(r"^\| `(sidecar_\w+)` \| (\w+) \| ?(.*?) ?\| .+ \|$", PAGE.read_text(), flags=re.MULTILINE)
    assert {name: kind for name, kind, _ in page} == kinds
    assert len(page) == len(kinds)
    promised = {name: set(re.findall(r"`(\w+)`", labels)) for name, _, labels in page}
    for family in text_string_to_metric_families(found):
        for sample in family.samples:
            if family.name.startswith("sidecar_"):
                name = family.name + ("_total" if family.type == "counter" else "")
                assert set(sample.labels) - {"le"} <= promised[name]


async def test_counters_of_the_service_reach_the_scraper(tmp_path: Path) -> None:
    """With Prometheus' own parser: names, labels, and a histogram that adds up."""
    parts = sources(tmp_path)
    tally = parts.writer.tally
    tally.stored(event(FINAL), delay_s=0.2)
    tally.recogniser_errors["local", "timeout"] += 2
    tally.assistants.fallbacks["realtime_timeout"] += 1
    tally.stored(event(TURN), delay_s=0.0)
    tally.assistants.join_s.note(2.5)
    tally.assistants.tokens["openai-compatible", "input"] += 900
    tally.assistants.tools["leave", "refused"] += 1
    tally.assistants.barge_ins["went_on"] += 1
    parts.switchboard.refusals["signature_wrong"] += 3
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(Metrics(parts).exposition().decode())
        for sample in family.samples
    }
    assert samples["sidecar_refused_total", (("reason", "signature_wrong"),)] == 3
    assert samples["sidecar_recogniser_errors_total", (("code", "timeout"), ("engine", "local"))] == 2
    assert samples["sidecar_assistant_fallbacks_total", (("code", "realtime_timeout"),)] == 1
    assert samples["sidecar_assistant_join_seconds_count", ()] == 1
    turn_s = "sidecar_assistant_turn_seconds_bucket"
    assert samples[turn_s, (("engine", "local"), ("le", "0.25"), ("stage", "voice"))] == 0
    assert samples[turn_s, (("engine", "local"), ("le", "0.5"), ("stage", "voice"))] == 1
    assert samples["sidecar_assistant_turns_total", (("outcome", "interrupted"),)] == 1
    assert samples["sidecar_assistant_tokens_total", (("engine", "openai-compatible"), ("kind", "input"))] == 900
    assert samples["sidecar_assistant_tools_total", (("outcome", "refused"), ("tool", "leave"))] == 1
    assert samples["sidecar_assistant_barge_ins_total", (("outcome", "went_on"),)] == 1
    assert samples["sidecar_realtime_connections_lost_total", (("engine", "openai-realtime"),)] == 0
    assert samples["sidecar_transcript_delay_seconds_bucket", (("le", "0.5"),)] == 0
    assert samples["sidecar_transcript_delay_seconds_bucket", (("le", "0.75"),)] == 1
    assert samples["sidecar_transcript_delay_seconds_count", ()] == 1
    assert samples["process_open_fds", ()] > 0
