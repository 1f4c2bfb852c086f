"""``…/deliveries`` of an endpoint: what it was told and is to be told, each attempt with its answer, and once more."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from aiohttp import web

from sidecar.domain.webhooks.endpoints import Attempt, Delivery, DeliveryState, Endpoint
from sidecar.ports.webhooks import DeliveryDetail, DeliveryFilter
from sidecar.server.acts import webhooks as webhook_acts
from sidecar.server.api.bodies import body_of, json_response
from sidecar.server.api.idempotency import once
from sidecar.server.api.paging import limit_of, moment_of, page, place_after, refused
from sidecar.server.app_keys import WEBHOOK_DELIVERIES
from sidecar.server.auth.caller import CALLER
from sidecar.server.problems import RequestRefused
from sidecar.server.webhook_request import request_headers

# Of the longest conference; no database takes a larger one for a sequence number.
SEQ_MOST = 2**31 - 1


class DeliveryCursor(msgspec.Struct, array_like=True, frozen=True):
    """The place of a delivery."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_]{1,64}$")]


class Again(msgspec.Struct, forbid_unknown_fields=True):
    """One of three: one ``delivery``; all that failed and was made since ``failed_since``; a range of a conference."""

    delivery: str | None = None
    failed_since: datetime | None = None
    conference: str | None = None
    from_seq: int | None = None
    to_seq: int | None = None


async def list_deliveries(request: web.Request) -> web.Response:
    """``?state=failed&type=&since=&limit=50&after=<cursor>``: newest first. 400 for a parameter that is none."""
    limit, wanted = limit_of(request), _wanted(request)
    endpoint, _ = await webhook_acts.one_endpoint(request)
    found = await request.app[WEBHOOK_DELIVERIES].deliveries(
        endpoint.id, tenant=request[CALLER].tenant, wanted=wanted, limit=limit + 1
    )
    shown = found[:limit]
    next_place = DeliveryCursor(shown[-1].id) if len(found) > limit else None
    return page(request, [shown_delivery(one) for one in shown], next_place=next_place)


async def get_delivery(request: web.Request) -> web.Response:
    """One, with the request as it was sent last or will be sent, and every attempt with the start of its answer."""
    endpoint, _ = await webhook_acts.one_endpoint(request)
    detail = await webhook_acts.one_delivery(request)
    body = shown_delivery(detail.delivery) | {
        "request": shown_request(endpoint, detail),
        "attempts": [_attempt(one) | {"response": one.response} for one in detail.attempts],
    }
    return json_response(body)


async def resend(request: web.Request) -> web.Response:
    """202 with how many are on their way: ``deliveries``, or of a range ``events``, which keep their ids."""
    wish = await body_of(request, Again)
    ranged = any(part is not None for part in (wish.conference, wish.from_seq, wish.to_seq))
    if [wish.delivery is not None, wish.failed_since is not None, ranged].count(True) != 1:
        raise _unclear(
            "resend_invalid",
            "It is not clear what is to be sent again.",
            "Give delivery, or failed_since, or conference with from_seq and to_seq.",
        )

    async def act() -> web.Response:
        return json_response(await _again(request, wish), HTTPStatus.ACCEPTED)

    return await once(request, act)


async def _again(request: web.Request, wish: Again) -> dict[str, Any]:
    if wish.delivery is not None:
        return {"resent": 1, "delivery": shown_delivery(await webhook_acts.resend(request, wish.delivery))}
    if wish.failed_since is not None:
        if wish.failed_since.tzinfo is None:
            raise _unclear(
                "time_invalid", "failed_since has no time zone.", "End it with Z, for UTC.", pointer="#/failed_since"
            )
        return {"resent": await webhook_acts.resend_failed(request, since=wish.failed_since)}
    first, last = wish.from_seq, wish.to_seq
    if wish.conference is None or first is None or last is None or not 1 <= first <= last <= SEQ_MOST:
        raise _unclear(
            "range_invalid",
            "A range has a conference, and from_seq is 1 or more and not beyond to_seq.",
            "The newest seq: last_seq in GET /v1/conferences/{id}.",
        )
    count = await webhook_acts.resend_range(request, wish.conference, from_seq=first, to_seq=last)
    return {"resent": count}


def shown_delivery(delivery: Delivery) -> dict[str, Any]:
    """``message``: its webhook-id. ``last_attempt``: the newest, without the answer's body; None before the first."""
    return {
        "id": delivery.id,
        "endpoint": delivery.endpoint_id,
        "message": delivery.message_id,
        "type": delivery.type,
        "conference": delivery.conference,
        "events": delivery.events,
        "state": delivery.state,
        "reason": delivery.reason or None,
        "attempts_made": delivery.attempts,
        "created_at": delivery.created_at,
        "next_attempt_at": delivery.next_at,
        "delivered_at": delivery.delivered_at,
        "last_attempt": None if delivery.last is None else _attempt(delivery.last),
    }


def shown_request(endpoint: Endpoint, detail: DeliveryDetail) -> dict[str, Any]:
    """What is sent. The signature is made for each attempt and not kept."""
    last = detail.attempts[-1].at if detail.attempts else None
    return {
        "method": "POST",
        "url": endpoint.url,
        "headers": request_headers(detail.delivery.message_id, last),
        "body": None if detail.body is None else detail.body.decode(),
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "at": attempt.at,
        "took_ms": attempt.took_ms,
        "outcome": attempt.outcome,
        "status": attempt.status,
        "error": attempt.error or None,
    }


def _wanted(request: web.Request) -> DeliveryFilter:
    try:
        states = tuple(DeliveryState(one) for one in request.query.getall("state", []))
    except ValueError as error:
        raise refused("state_invalid", "There is no such state.", f"There are {', '.join(DeliveryState)}.") from error
    after = place_after(request, DeliveryCursor)
    return DeliveryFilter(
        states=states,
        type=request.query.get("type", ""),
        since=moment_of(request, "since", code="time_invalid"),
        before="" if after is None else after.id,
    )


def _unclear(code: str, message: str, next_step: str, *, pointer: str = "#") -> RequestRefused:
    return RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, code, message, next_step=next_step, pointer=pointer)
