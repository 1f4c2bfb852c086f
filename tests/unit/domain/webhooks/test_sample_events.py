"""A sample of each event is like a real one, and nobody takes it for one."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from sidecar.domain import events
from sidecar.domain.webhooks.sample_events import SAMPLE_CONFERENCE, UnknownEventType, durable_types, sample

NOW = datetime(2026, 11, 23, 10, 42, 7, tzinfo=UTC)


@pytest.mark.parametrize("type_", durable_types())
def test_every_durable_event_has_a_sample_that_reads_as_the_real_one_does(type_: str) -> None:
    made = sample(type_, event_id="evt_1", tenant="acme", timestamp=NOW)
    envelope = msgspec.json.decode(events.encode(made))
    assert events.decode_data(type_, msgspec.json.encode(envelope["data"])) == made.data
    assert (envelope["id"], envelope["type"], envelope["tenant"]) == ("evt_1", type_, "acme")
    assert envelope["conference"] == SAMPLE_CONFERENCE
    assert envelope["timestamp"] == "2026-11-23T10:42:07Z"


def test_a_sample_says_something_that_could_have_been_said() -> None:
    said = sample("utterance.final", event_id="evt_1", tenant="", timestamp=NOW).data
    assert isinstance(said, events.UtteranceFinal)
    assert said.text == "I would like to book a repair."
    assert said.start_ms < said.end_ms


def test_a_type_that_is_none_is_refused_with_those_that_are() -> None:
    with pytest.raises(UnknownEventType) as refused:
        sample("utterance.partial", event_id="evt_1", tenant="", timestamp=NOW)
    assert refused.value.code == "event_type_unknown"
    assert "conference.started" in refused.value.next_step
