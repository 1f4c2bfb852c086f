"""What people and programs do with webhook endpoints: the same acts for the API and the settings page, all audited.

Everything is done within the caller's tenant; what belongs to another one is not found.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from aiohttp import web

from sidecar.domain.audit import Details
from sidecar.domain.errors import NotFound
from sidecar.domain.webhooks.addresses import checked_url
from sidecar.domain.webhooks.endpoints import (
    Delivery,
    Endpoint,
    EndpointChange,
    EndpointState,
    checked_description,
    checked_overlap,
    checked_types,
)
from sidecar.domain.webhooks.sample_events import sample
from sidecar.ports.webhooks import DeliveryDetail, Tally
from sidecar.server.app_keys import CLOCK, WEBHOOK_ADDRESSES, WEBHOOK_DELIVERIES, WEBHOOK_ENDPOINTS
from sidecar.server.audit import audit
from sidecar.server.auth.caller import CALLER, visible_conference
from sidecar.wire.standard_webhooks import new_secret

# What the success rate of an endpoint is about.
TALLY_SPAN = timedelta(hours=24)


async def all_endpoints(request: web.Request) -> list[tuple[Endpoint, Tally]]:
    """Oldest first, each with its deliveries of the last 24 hours."""
    tenant, since = request[CALLER].tenant, request.app[CLOCK].now() - TALLY_SPAN
    endpoints = await request.app[WEBHOOK_ENDPOINTS].endpoints(tenant=tenant)
    tallies = await request.app[WEBHOOK_DELIVERIES].tallies(tenant=tenant, since=since)
    return [(endpoint, tallies.get(endpoint.id, Tally())) for endpoint in endpoints]


async def one_endpoint(request: web.Request) -> tuple[Endpoint, Tally]:
    """The endpoint that the address names. NotFound."""
    tenant, since = request[CALLER].tenant, request.app[CLOCK].now() - TALLY_SPAN
    endpoint = await request.app[WEBHOOK_ENDPOINTS].endpoint(_endpoint_id(request), tenant=tenant)
    tallies = await request.app[WEBHOOK_DELIVERIES].tallies(tenant=tenant, since=since)
    return endpoint, tallies.get(endpoint.id, Tally())


async def one_delivery(request: web.Request, delivery_id: str | None = None) -> DeliveryDetail:
    """The delivery with that id, else the one that the address names, of the address's endpoint. NotFound."""
    wanted = request.match_info["delivery"] if delivery_id is None else delivery_id
    found = await request.app[WEBHOOK_DELIVERIES].delivery(wanted, tenant=request[CALLER].tenant)
    if found.delivery.endpoint_id != _endpoint_id(request):
        raise NotFound(f"This endpoint has no delivery {wanted[:64]}.", next_step="Its own: GET …/deliveries.")
    return found


async def create(request: web.Request, *, url: str, description: str, types: list[str]) -> tuple[Endpoint, str]:
    """The endpoint, and its secret, which nobody is told again. EndpointRefused."""
    clock, secret = request.app[CLOCK], new_secret()
    endpoint = await request.app[WEBHOOK_ENDPOINTS].add(
        Endpoint(
            id=clock.new_id("whe"),
            tenant=request[CALLER].tenant,
            url=checked_url(url, request.app[WEBHOOK_ADDRESSES]),
            description=checked_description(description),
            types=checked_types(types),
            state=EndpointState.ENABLED,
            created_at=clock.now(),
        ),
        secret=secret,
    )
    await audit(request, "webhook_endpoint.created", endpoint.id, after=_audited(endpoint))
    return endpoint, secret


async def change(
    request: web.Request,
    *,
    url: str | None = None,
    description: str | None = None,
    types: list[str] | None = None,
    state: EndpointState | None = None,
) -> Endpoint:
    """None: as it was. EndpointRefused, NotFound."""
    endpoints, tenant = request.app[WEBHOOK_ENDPOINTS], request[CALLER].tenant
    before = await endpoints.endpoint(_endpoint_id(request), tenant=tenant)
    wanted = EndpointChange(
        url=None if url is None else checked_url(url, request.app[WEBHOOK_ADDRESSES]),
        description=None if description is None else checked_description(description),
        types=None if types is None else checked_types(types),
        state=state,
    )
    after = await endpoints.change(before.id, wanted, tenant=tenant, now=request.app[CLOCK].now())
    await audit(request, "webhook_endpoint.changed", after.id, before=_audited(before), after=_audited(after))
    return after


async def remove(request: web.Request) -> None:
    """With its deliveries. NotFound."""
    tenant, wanted = request[CALLER].tenant, _endpoint_id(request)
    before = await request.app[WEBHOOK_ENDPOINTS].endpoint(wanted, tenant=tenant)
    await request.app[WEBHOOK_ENDPOINTS].remove(wanted, tenant=tenant)
    await audit(request, "webhook_endpoint.removed", wanted, before=_audited(before))


async def rotate(request: web.Request, *, overlap: timedelta) -> tuple[Endpoint, str]:
    """The endpoint and its new secret; the old one signs too until the overlap is over. EndpointRefused, NotFound."""
    secret = new_secret()
    endpoint = await request.app[WEBHOOK_ENDPOINTS].rotate(
        _endpoint_id(request), secret=secret, overlap=checked_overlap(overlap), tenant=request[CALLER].tenant,
        now=request.app[CLOCK].now(),
    )  # fmt: skip
    after: Details = {"overlap_s": int(overlap.total_seconds())}
    await audit(request, "webhook_endpoint.secret_rotated", endpoint.id, after=after)
    return endpoint, secret


async def expire_old_secret(request: web.Request) -> Endpoint:
    """Only the newest secret signs from now on. NotFound."""
    wanted, tenant = _endpoint_id(request), request[CALLER].tenant
    endpoint = await request.app[WEBHOOK_ENDPOINTS].expire_old_secret(wanted, tenant=tenant)
    await audit(request, "webhook_endpoint.old_secret_expired", endpoint.id)
    return endpoint


async def send_sample(request: web.Request, type_: str) -> Delivery:
    """A sample event to this endpoint alone. EndpointRefused, NotFound, UnknownEventType."""
    clock, tenant = request.app[CLOCK], request[CALLER].tenant
    event = sample(type_, event_id=clock.new_id("evt"), tenant=tenant, timestamp=clock.now())
    delivery = await request.app[WEBHOOK_DELIVERIES].send(_endpoint_id(request), event, now=clock.now())
    await audit(request, "webhook_endpoint.tested", delivery.endpoint_id, after={"type": type_})
    return delivery


async def resend(request: web.Request, delivery_id: str) -> Delivery:
    """One delivery of this endpoint, whatever became of it. EndpointRefused, NotFound."""
    await one_delivery(request, delivery_id)
    again = await request.app[WEBHOOK_DELIVERIES].resend(
        delivery_id, tenant=request[CALLER].tenant, now=request.app[CLOCK].now()
    )
    await audit(request, "webhook_delivery.resent", delivery_id)
    return again


async def resend_failed(request: web.Request, *, since: datetime) -> int:
    """All that was made since then and failed, or waits for its next try; how many. EndpointRefused, NotFound."""
    wanted, now = _endpoint_id(request), request.app[CLOCK].now()
    count = await request.app[WEBHOOK_DELIVERIES].resend_failed(
        wanted, since=since, tenant=request[CALLER].tenant, now=now
    )
    after: Details = {"since": since.isoformat(), "deliveries": count}
    await audit(request, "webhook_endpoint.failed_resent", wanted, after=after)
    return count


async def resend_range(request: web.Request, conference: str, *, from_seq: int, to_seq: int) -> int:
    """The events of a conference that this endpoint wants, with the ids they had; how many. EndpointRefused, NotFound.

    ``conference``: our id or Twilio's.
    """
    wanted, found = _endpoint_id(request), await visible_conference(request, conference)
    count = await request.app[WEBHOOK_DELIVERIES].resend_range(
        wanted, found.id, from_seq=from_seq, to_seq=to_seq, tenant=request[CALLER].tenant, now=request.app[CLOCK].now()
    )
    after: Details = {"conference": found.id, "from_seq": from_seq, "to_seq": to_seq, "events": count}
    await audit(request, "webhook_endpoint.range_resent", wanted, after=after)
    return count


def _endpoint_id(request: web.Request) -> str:
    return request.match_info["endpoint"]


def _audited(endpoint: Endpoint) -> Details:
    return {
        "url": endpoint.url,
        "description": endpoint.description,
        "types": ", ".join(endpoint.types),
        "state": str(endpoint.state),
    }
