"""The contract of ports.webhooks.WebhookDeliveries, on every fulfilment."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta

import pytest

from sidecar.adapters.sql import Database, SqlOutbox, SqlWebhookDeliveries, SqlWebhookEndpoints
from sidecar.domain.errors import NotFound
from sidecar.domain.events import ConferenceEnded, Event
from sidecar.domain.webhooks.endpoints import DeliveryState, EndpointChange, EndpointRefused, EndpointState
from sidecar.ports.webhooks import DeliveryFilter, Tally, WebhookDeliveries, WebhookEndpoints
from tests.facts import NOON, webhook_endpoint

_numbers = itertools.count(1)
ALL = DeliveryFilter()


@pytest.fixture
def outbox() -> SqlOutbox:
    return SqlOutbox()


@pytest.fixture
async def endpoints(any_database: Database, outbox: SqlOutbox) -> WebhookEndpoints:
    endpoints = SqlWebhookEndpoints(any_database, outbox)
    await endpoints.add(webhook_endpoint("whe_1"), secret="whsec_1")
    return endpoints


@pytest.fixture
def deliveries(any_database: Database, outbox: SqlOutbox, endpoints: WebhookEndpoints) -> WebhookDeliveries:
    return SqlWebhookDeliveries(any_database, outbox, lambda kind: f"{kind}_{next(_numbers):04}")


def sample(id_: str = "evt_test", *, tenant: str = "") -> Event:
    return Event(
        id=id_, type="conference.ended", seq=None, timestamp=NOON, conference="", conference_sid=None, tenant=tenant,
        data=ConferenceEnded(reason="test", at_ms=0),
    )  # fmt: skip


async def test_what_is_in_no_log_has_a_body_of_its_own(deliveries: WebhookDeliveries) -> None:
    sent = await deliveries.send("whe_1", sample(), now=NOON)
    assert (sent.message_id, sent.state, sent.next_at) == ("evt_test", DeliveryState.PENDING, NOON)
    detail = await deliveries.delivery(sent.id, tenant="")
    assert detail.delivery == sent
    assert detail.attempts == []
    assert json.loads(detail.body or b"") == {
        "id": "evt_test",
        "type": "conference.ended",
        "seq": None,
        "timestamp": "2026-03-01T12:00:00.123456Z",
        "conference": None,
        "conference_sid": None,
        "tenant": "",
        "data": {"reason": "test", "at_ms": 0},
    }


async def test_the_log_is_read_page_by_page_newest_first(deliveries: WebhookDeliveries) -> None:
    ids = [(await deliveries.send("whe_1", sample(f"evt_{n}"), now=NOON + timedelta(hours=n))).id for n in range(5)]
    first = await deliveries.deliveries("whe_1", tenant="", wanted=ALL, limit=3)
    rest = await deliveries.deliveries("whe_1", tenant="", wanted=DeliveryFilter(before=first[-1].id), limit=3)
    assert [each.id for each in (*first, *rest)] == ids[::-1]
    late = DeliveryFilter(since=NOON + timedelta(hours=3), states=[DeliveryState.PENDING], type="conference.ended")
    assert [each.id for each in await deliveries.deliveries("whe_1", tenant="", wanted=late, limit=9)] == ids[:2:-1]
    none = DeliveryFilter(states=[DeliveryState.FAILED])
    assert await deliveries.deliveries("whe_1", tenant="", wanted=none, limit=9) == []


async def test_what_waits_for_an_endpoint_that_is_disabled_fails_and_can_be_sent_again(
    deliveries: WebhookDeliveries, endpoints: WebhookEndpoints
) -> None:
    sent = await deliveries.send("whe_1", sample(), now=NOON)
    await endpoints.change("whe_1", EndpointChange(state=EndpointState.DISABLED), tenant="", now=NOON)
    (failed,) = await deliveries.deliveries("whe_1", tenant="", wanted=ALL, limit=9)
    assert (failed.state, failed.reason, failed.next_at) == (DeliveryState.FAILED, "endpoint_disabled", None)
    assert await deliveries.tallies(tenant="", since=NOON) == {"whe_1": Tally(failed=1)}
    for again in (
        deliveries.resend(sent.id, tenant="", now=NOON),
        deliveries.resend_failed("whe_1", since=NOON, tenant="", now=NOON),
        deliveries.send("whe_1", sample("evt_2"), now=NOON),
    ):
        with pytest.raises(EndpointRefused) as refused:
            await again
        assert refused.value.code == "endpoint_disabled"

    await endpoints.change("whe_1", EndpointChange(state=EndpointState.ENABLED), tenant="", now=NOON)
    later = NOON + timedelta(hours=1)
    assert await deliveries.resend_failed("whe_1", since=later, tenant="", now=later) == 0
    assert await deliveries.resend_failed("whe_1", since=NOON, tenant="", now=later) == 1
    assert (await deliveries.delivery(sent.id, tenant="")).delivery == await deliveries.resend(
        sent.id, tenant="", now=later
    )
    assert await deliveries.tallies(tenant="", since=later) == {"whe_1": Tally(pending=1)}


async def test_another_tenant_has_none_of_it(deliveries: WebhookDeliveries) -> None:
    sent = await deliveries.send("whe_1", sample(), now=NOON)
    assert await deliveries.tallies(tenant="b", since=NOON) == {}
    for asked in (
        deliveries.deliveries("whe_1", tenant="b", wanted=ALL, limit=1),
        deliveries.delivery(sent.id, tenant="b"),
        deliveries.resend(sent.id, tenant="b", now=NOON),
        deliveries.resend_failed("whe_1", since=NOON, tenant="b", now=NOON),
        deliveries.resend_range("whe_1", "cnf_1", from_seq=1, to_seq=2, tenant="b", now=NOON),
        deliveries.send("whe_1", sample("evt_2", tenant="b"), now=NOON),
    ):
        with pytest.raises(NotFound):
            await asked


async def test_a_removed_endpoint_takes_its_log_along(
    deliveries: WebhookDeliveries, endpoints: WebhookEndpoints
) -> None:
    sent = await deliveries.send("whe_1", sample(), now=NOON)
    await endpoints.remove("whe_1", tenant="")
    with pytest.raises(NotFound):
        await deliveries.delivery(sent.id, tenant="")
