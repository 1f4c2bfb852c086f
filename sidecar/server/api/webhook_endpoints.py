"""``/v1/webhook_endpoints``: where a tenant wants to be told of events, and by which secret its messages are known."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import hdrs, web

from sidecar.domain.webhooks.endpoints import SECRET_OVERLAP, Endpoint, EndpointRefused, EndpointState
from sidecar.domain.webhooks.sample_events import UnknownEventType
from sidecar.ports.webhooks import Tally
from sidecar.server.acts import webhooks as webhook_acts
from sidecar.server.api.bodies import body_of, json_response
from sidecar.server.api.idempotency import harmless_twice, once
from sidecar.server.api.paging import page
from sidecar.server.api.webhook_deliveries import shown_delivery
from sidecar.server.problems import RequestRefused

TEST_TYPE = "conference.started"
Handle = Callable[[web.Request], Awaitable[web.Response]]
# Which field of the body a refusal is about.
_POINTERS = {
    "endpoint_url_invalid": "#/url",
    "endpoint_url_forbidden": "#/url",
    "event_type_unknown": "#/types",
    "description_invalid": "#/description",
    "overlap_invalid": "#/overlap_s",
    "resend_too_large": "#/to_seq",
}
_CONFLICTS = frozenset({"endpoints_full", "endpoint_disabled"})


class NewEndpoint(msgspec.Struct, forbid_unknown_fields=True):
    """``types``: names, ``assistant.*`` for all of a kind, ``*`` for all; none: the default set."""

    url: str
    description: str = ""
    types: list[str] = msgspec.field(default_factory=list)


class Change(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be otherwise. Left out: as it was."""

    url: str | None = None
    description: str | None = None
    types: list[str] | None = None
    state: EndpointState | None = None


class Rotation(msgspec.Struct, forbid_unknown_fields=True):
    """``overlap_s``: for how long the old secret signs too. ``expire_now``: no new secret; the old one ends now."""

    overlap_s: int = int(SECRET_OVERLAP.total_seconds())
    expire_now: bool = False


class Sample(msgspec.Struct, forbid_unknown_fields=True):
    """Of which type the test event is to be."""

    type: str = TEST_TYPE


def refusals(handle: Handle) -> Handle:
    """What an endpoint refuses is a problem that names the field: 409 where it stands against what is, else 422."""

    async def answer(request: web.Request) -> web.Response:
        try:
            return await handle(request)
        except (EndpointRefused, UnknownEventType) as error:
            status = HTTPStatus.CONFLICT if error.code in _CONFLICTS else HTTPStatus.UNPROCESSABLE_ENTITY
            pointer = "#/type" if isinstance(error, UnknownEventType) else _POINTERS.get(error.code, "")
            raise RequestRefused(
                status, error.code, error.message, next_step=error.next_step, pointer=pointer
            ) from error

    return answer


async def list_endpoints(request: web.Request) -> web.Response:
    """All of the tenant on one page, oldest first: there are 50 at most."""
    shown = [shown_endpoint(endpoint, tally) for endpoint, tally in await webhook_acts.all_endpoints(request)]
    return page(request, shown, next_place=None)


@refusals
async def create_endpoint(request: web.Request) -> web.Response:
    """201 with its ``secret``, which is shown this once."""
    wanted = await body_of(request, NewEndpoint)

    async def act() -> web.Response:
        endpoint, secret = await webhook_acts.create(
            request, url=wanted.url, description=wanted.description, types=wanted.types
        )
        body = shown_endpoint(endpoint, Tally()) | {"secret": secret}
        headers = {hdrs.LOCATION: f"/v1/webhook_endpoints/{endpoint.id}"}
        return json_response(body, HTTPStatus.CREATED, headers=headers)

    return await once(request, act, tells_secret=True)


async def get_endpoint(request: web.Request) -> web.Response:
    """One endpoint with its deliveries of the last 24 hours."""
    return json_response(shown_endpoint(*await webhook_acts.one_endpoint(request)))


@refusals
async def change_endpoint(request: web.Request) -> web.Response:
    """``PATCH``: another address, description, types, state."""
    wanted = await body_of(request, Change)
    await webhook_acts.change(
        request, url=wanted.url, description=wanted.description, types=wanted.types, state=wanted.state
    )
    return await get_endpoint(request)


async def remove_endpoint(request: web.Request) -> web.Response:
    """``DELETE``: 204; its deliveries go with it."""
    await webhook_acts.remove(request)
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def pause_endpoint(request: web.Request) -> web.Response:
    """Its deliveries wait."""
    return await _set_state(request, EndpointState.PAUSED)


async def resume_endpoint(request: web.Request) -> web.Response:
    """It is told again, of what waited too; one that was disabled is enabled."""
    return await _set_state(request, EndpointState.ENABLED)


@refusals
async def rotate_secret(request: web.Request) -> web.Response:
    """200 with the new ``secret``, shown this once; with ``expire_now`` without one."""
    wanted = await body_of(request, Rotation)

    async def act() -> web.Response:
        if wanted.expire_now:
            await webhook_acts.expire_old_secret(request)
            return await get_endpoint(request)
        _, secret = await webhook_acts.rotate(request, overlap=timedelta(seconds=wanted.overlap_s))
        body = shown_endpoint(*await webhook_acts.one_endpoint(request)) | {"secret": secret}
        return json_response(body)

    return await once(request, act, tells_secret=True)


@refusals
async def test_endpoint(request: web.Request) -> web.Response:
    """202 with the delivery of a sample event that is on its way to this endpoint only."""
    wanted = await body_of(request, Sample)

    async def act() -> web.Response:
        delivery = await webhook_acts.send_sample(request, wanted.type)
        return json_response(shown_delivery(delivery), HTTPStatus.ACCEPTED)

    return await once(request, act)


async def _set_state(request: web.Request, state: EndpointState) -> web.Response:
    async def act() -> web.Response:
        await webhook_acts.change(request, state=state)
        return await get_endpoint(request)

    return await harmless_twice(request, act)


def shown_endpoint(endpoint: Endpoint, tally: Tally) -> dict[str, Any]:
    """``deliveries_24h``: what became of the deliveries that were made in the last 24 hours; ``pending`` counts all."""
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "description": endpoint.description,
        "types": endpoint.types,
        "state": endpoint.state,
        "disabled_reason": endpoint.disabled_reason or None,
        "disabled_at": endpoint.disabled_at,
        "failing_since": endpoint.failing_since,
        "secret_hint": f"whsec_…{endpoint.secret_hint}",
        "old_secret_until": endpoint.old_secret_until,
        "deliveries_24h": {"delivered": tally.delivered, "failed": tally.failed, "pending": tally.pending},
        "created_at": endpoint.created_at,
    }
