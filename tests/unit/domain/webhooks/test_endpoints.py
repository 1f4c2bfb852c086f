"""The words of webhooks: which types an endpoint may ask for, and which it is told of."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sidecar.domain.events import DURABLE
from sidecar.domain.webhooks.endpoints import (
    DEFAULT_TYPES,
    EndpointRefused,
    checked_overlap,
    checked_types,
    is_batched,
    known_types,
    wants,
)


def test_every_durable_type_can_be_asked_for_and_no_passing_one() -> None:
    assert {data.type for data in DURABLE} < set(known_types())
    assert "endpoint.disabled" in known_types()
    assert "utterance.partial" not in known_types()


def test_who_asks_for_nothing_gets_the_default_set() -> None:
    assert checked_types([]) == DEFAULT_TYPES


def test_types_are_kept_once_and_in_order() -> None:
    assert checked_types(["conference.ended", "assistant.*", "conference.ended"]) == ("conference.ended", "assistant.*")


@pytest.mark.parametrize("pattern", ["", "conference", "conference.begun", "utterance.partial", "unknown.*", "a" * 200])
def test_a_type_that_does_not_exist_is_refused(pattern: str) -> None:
    with pytest.raises(EndpointRefused) as refused:
        checked_types([pattern])
    assert refused.value.code == "event_type_unknown"
    assert len(refused.value.message) < 150


@pytest.mark.parametrize(
    ("types", "wanted"),
    [(["*"], True), (["assistant.*"], True), (["assistant.joined"], True), (["assistant.left", "conference.*"], False)],
)
def test_a_filter_is_exact_or_for_a_kind_or_for_all(types: list[str], wanted: bool) -> None:
    assert wants(types, "assistant.joined") is wanted


def test_what_comes_often_travels_in_batches() -> None:
    assert is_batched("utterance.final")
    assert not is_batched("transcript.completed")


def test_an_overlap_of_secrets_is_a_week_at_most() -> None:
    assert checked_overlap(timedelta(days=7)) == timedelta(days=7)
    for wrong in (timedelta(days=7, seconds=1), timedelta(seconds=-1)):
        with pytest.raises(EndpointRefused, match="7 days"):
            checked_overlap(wrong)
