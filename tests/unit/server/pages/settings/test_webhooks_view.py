"""Endpoints and deliveries in words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sidecar.domain.webhooks.endpoints import Attempt, Delivery, DeliveryState, EndpointState, Outcome
from sidecar.ports.webhooks import DeliveryDetail, Tally
from sidecar.server.pages.settings.webhooks_view import (
    delivery_page,
    endpoint_form,
    outcome,
    rate,
    shown_delivery,
    shown_endpoint,
    type_options,
)
from tests.facts import webhook_endpoint

AT = datetime(2026, 11, 3, 10, 42, 7, tzinfo=UTC)
REFUSED = Attempt(number=1, at=AT, took_ms=2_100, outcome=Outcome.REFUSED, status=503)

TAKEN = Attempt(number=1, at=AT, took_ms=12, outcome=Outcome.DELIVERED, status=204)


def delivery(**changes: object) -> Delivery:
    values: dict[str, object] = {
        "id": "dlv_1", "tenant": "", "endpoint_id": "whe_1", "message_id": "evt_1", "type": "conference.ended",
        "conference": "cnf_1", "events": 1, "state": DeliveryState.PENDING, "created_at": AT,
    }  # fmt: skip
    return Delivery(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("delivered", "failed", "words"),
    [
        (0, 0, "nothing finished in 24 h"),
        (5, 0, "100 % ok (24 h)"),
        (0, 5, "0 % ok (24 h)"),
        (992, 8, "99.2 % ok (24 h)"),
        (9_999, 1, "99.9 % ok (24 h)"),
    ],
)
def test_a_rate_is_never_better_than_it_was(delivered: int, failed: int, words: str) -> None:
    assert rate(Tally(delivered=delivered, failed=failed, pending=7)) == words


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (REFUSED, "503 refused"),
        (TAKEN, "204 taken"),
        (
            Attempt(number=1, at=AT, took_ms=1, outcome=Outcome.BLOCKED, error="10.0.0.8 is not a public address"),
            "blocked: 10.0.0.8 is not a public address",
        ),
    ],
)
def test_an_attempt_says_what_came_back_or_why_nothing_did(attempt: Attempt, words: str) -> None:
    assert outcome(attempt) == words


def test_a_row_says_which_try_it_was_and_when_the_next_one_is() -> None:
    row = shown_delivery(delivery(tries=3, attempts=3, next_at=AT.replace(hour=11), last=REFUSED))
    assert (row.tries, row.next, row.took, row.state) == ("3/10", "3 Nov 11:42:07", "2.1 s", "warn")
    assert shown_delivery(delivery(last=TAKEN)).took == "12 ms"
    assert shown_delivery(delivery()).outcome == "not tried yet"
    assert shown_delivery(delivery(type="utterance.batch", events=20)).type == "utterance.batch (20 events)"
    failed = shown_delivery(delivery(state=DeliveryState.FAILED, next_at=AT, last=REFUSED))
    assert (failed.next, failed.state) == ("", "bad")


def test_an_endpoint_says_since_when_and_why_it_is_in_trouble() -> None:
    assert shown_endpoint(webhook_endpoint("whe_1"), Tally()).trouble == ""
    failing = webhook_endpoint("whe_1", failing_since=AT)
    assert shown_endpoint(failing, Tally()).trouble == "Every attempt has failed since 3 Nov 10:42:07."
    gone = webhook_endpoint("whe_1", state=EndpointState.DISABLED, disabled_at=AT, disabled_reason="gone")
    assert shown_endpoint(gone, Tally()).trouble == "Disabled since 3 Nov 10:42:07. It answered 410 Gone."


def test_the_picker_has_every_type_a_pattern_for_each_kind_and_one_for_all() -> None:
    groups = dict(endpoint_form(("assistant.*", "conference.ended")).groups)
    ticked = [choice.value for choices in groups.values() for choice in choices if choice.ticked]
    assert ticked == ["conference.ended", "assistant.*"]
    assert [choice.value for choice in groups["everything"]] == ["*"]
    assert groups["assistant"][0].value == "assistant.*"


def test_the_log_may_be_narrowed_to_what_the_endpoint_is_told() -> None:
    told = [value for value, _ in type_options(webhook_endpoint("whe_1", types=("utterance.*", "note.added")))]
    assert told == ["", "note.added", "utterance.batch"]


def test_a_delivery_of_a_deleted_transcript_has_no_body_and_no_curl() -> None:
    detail = DeliveryDetail(delivery=delivery(attempts=1, last=REFUSED), attempts=[REFUSED], body=None)
    page = delivery_page(webhook_endpoint("whe_1"), Tally(), detail)
    assert (page.body, page.curl) == (None, "")
    assert page.headers["webhook-timestamp"] == str(int(AT.timestamp()))
