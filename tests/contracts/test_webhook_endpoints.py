"""The contract of ports.webhooks.WebhookEndpoints, on every fulfilment."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sidecar.adapters.sql import Database, SqlOutbox, SqlWebhookEndpoints
from sidecar.domain.errors import NotFound
from sidecar.domain.webhooks.endpoints import ENDPOINTS_MOST, EndpointChange, EndpointRefused, EndpointState
from sidecar.ports.webhooks import WebhookEndpoints
from tests.facts import NOON, webhook_endpoint

DAY = timedelta(days=1)


@pytest.fixture
def endpoints(any_database: Database) -> WebhookEndpoints:
    return SqlWebhookEndpoints(any_database, SqlOutbox())


async def test_an_endpoint_is_kept_as_it_was_added_and_shows_the_end_of_its_secret_only(
    endpoints: WebhookEndpoints,
) -> None:
    added = await endpoints.add(webhook_endpoint("whe_1"), secret="whsec_abcdefgh")
    assert added == webhook_endpoint("whe_1", secret_hint="efgh")
    assert await endpoints.endpoint("whe_1", tenant="") == added
    assert await endpoints.endpoints(tenant="") == [added]


async def test_another_tenant_has_no_such_endpoint(endpoints: WebhookEndpoints) -> None:
    await endpoints.add(webhook_endpoint("whe_1", tenant="a"), secret="whsec_1")
    assert await endpoints.endpoints(tenant="b") == []
    with pytest.raises(NotFound):
        await endpoints.endpoint("whe_1", tenant="b")
    with pytest.raises(NotFound):
        await endpoints.change("whe_1", EndpointChange(url="https://b.example.com"), tenant="b", now=NOON)
    with pytest.raises(NotFound):
        await endpoints.rotate("whe_1", secret="whsec_2", overlap=DAY, tenant="b", now=NOON)
    with pytest.raises(NotFound):
        await endpoints.expire_old_secret("whe_1", tenant="b")
    with pytest.raises(NotFound):
        await endpoints.remove("whe_1", tenant="b")
    assert [each.id for each in await endpoints.endpoints(tenant="a")] == ["whe_1"]


async def test_what_is_not_changed_stays(endpoints: WebhookEndpoints) -> None:
    before = await endpoints.add(webhook_endpoint("whe_1", description="CRM"), secret="whsec_1")
    changed = await endpoints.change("whe_1", EndpointChange(types=("assistant.*",)), tenant="", now=NOON)
    assert changed == webhook_endpoint(
        "whe_1", description="CRM", types=("assistant.*",), secret_hint=before.secret_hint
    )


async def test_disabling_is_dated_and_enabling_forgets_it(endpoints: WebhookEndpoints) -> None:
    await endpoints.add(webhook_endpoint("whe_1"), secret="whsec_1")
    off = await endpoints.change("whe_1", EndpointChange(state=EndpointState.DISABLED), tenant="", now=NOON + DAY)
    assert (off.state, off.disabled_at, off.disabled_reason) == (EndpointState.DISABLED, NOON + DAY, "by_person")
    on = await endpoints.change("whe_1", EndpointChange(state=EndpointState.ENABLED), tenant="", now=NOON + 2 * DAY)
    assert (on.state, on.disabled_at, on.disabled_reason) == (EndpointState.ENABLED, None, "")


async def test_an_old_secret_is_valid_beside_the_new_one_until_its_time_or_until_it_is_expired(
    endpoints: WebhookEndpoints,
) -> None:
    await endpoints.add(webhook_endpoint("whe_1"), secret="whsec_old1")
    rotated = await endpoints.rotate("whe_1", secret="whsec_new2", overlap=DAY, tenant="", now=NOON)
    assert (rotated.secret_hint, rotated.old_secret_until) == ("new2", NOON + DAY)
    expired = await endpoints.expire_old_secret("whe_1", tenant="")
    assert (expired.secret_hint, expired.old_secret_until) == ("new2", None)


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=8)])
async def test_an_overlap_is_a_week_at_most(endpoints: WebhookEndpoints, overlap: timedelta) -> None:
    await endpoints.add(webhook_endpoint("whe_1"), secret="whsec_1")
    with pytest.raises(EndpointRefused) as refused:
        await endpoints.rotate("whe_1", secret="whsec_2", overlap=overlap, tenant="", now=NOON)
    assert refused.value.code == "overlap_invalid"


async def test_a_tenant_has_a_limited_number_of_endpoints(endpoints: WebhookEndpoints) -> None:
    for number in range(ENDPOINTS_MOST):
        await endpoints.add(webhook_endpoint(f"whe_{number}", tenant="a"), secret="whsec_1")
    with pytest.raises(EndpointRefused) as refused:
        await endpoints.add(webhook_endpoint("whe_more", tenant="a"), secret="whsec_1")
    assert refused.value.code == "endpoints_full"
    await endpoints.add(webhook_endpoint("whe_other", tenant="b"), secret="whsec_1")


async def test_a_removed_endpoint_is_gone(endpoints: WebhookEndpoints) -> None:
    await endpoints.add(webhook_endpoint("whe_1"), secret="whsec_1")
    await endpoints.remove("whe_1", tenant="")
    assert await endpoints.endpoints(tenant="") == []
