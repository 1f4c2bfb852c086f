"""Endpoints that never were, with what was never sent to them, for the style guide."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sidecar.domain.webhooks.endpoints import Attempt, Delivery, DeliveryState, Endpoint, EndpointState, Outcome
from sidecar.ports.webhooks import Tally
from sidecar.server.pages.settings.webhooks_view import (
    ShownAttempt,
    ShownDelivery,
    ShownEndpoint,
    shown_attempt,
    shown_delivery,
    shown_endpoint,
)


@dataclass(frozen=True, kw_only=True)
class SampleHooks:
    """An endpoint in each state, deliveries that went well, wait and failed, and the attempts of one."""

    endpoints: list[ShownEndpoint]
    deliveries: list[ShownDelivery]
    attempts: list[ShownAttempt]


def sample_hooks(now: datetime) -> SampleHooks:
    """The same for the same moment."""
    endpoints = [
        _endpoint(now, "crm", EndpointState.ENABLED),
        _endpoint(now, "quality", EndpointState.PAUSED),
        _endpoint(now, "old", EndpointState.DISABLED),
    ]
    refused = Attempt(
        number=1, at=now, took_ms=2_100, outcome=Outcome.REFUSED, status=503, response="The queue is full."
    )
    taken = Attempt(number=2, at=now + timedelta(seconds=5), took_ms=180, outcome=Outcome.DELIVERED, status=200)
    blocked = Attempt(number=3, at=now, took_ms=3, outcome=Outcome.BLOCKED, error="10.0.0.8 is not a public address")
    return SampleHooks(
        endpoints=[shown_endpoint(one, Tally(delivered=1_240, failed=3, pending=n)) for n, one in enumerate(endpoints)],
        deliveries=[
            shown_delivery(_delivery(now, "transcript.completed", DeliveryState.DELIVERED, taken)),
            shown_delivery(_delivery(now, "assistant.joined", DeliveryState.PENDING, refused)),
            shown_delivery(_delivery(now, "conference.ended", DeliveryState.FAILED, blocked)),
        ],
        attempts=[shown_attempt(taken), shown_attempt(refused)],
    )


def _endpoint(now: datetime, name: str, state: EndpointState) -> Endpoint:
    return Endpoint(
        id=f"whe_{name}", tenant="", url=f"https://{name}.example.com/hooks", description=f"The {name} system",
        types=("conference.ended", "transcript.completed", "assistant.*"), state=state, created_at=now,
        disabled_reason="gone" if state is EndpointState.DISABLED else "",
    )  # fmt: skip


def _delivery(now: datetime, type_: str, state: DeliveryState, last: Attempt) -> Delivery:
    return Delivery(
        id=f"dlv_{state}", tenant="", endpoint_id="whe_crm", message_id=f"evt_01JX{state}", type=type_, conference=None,
        events=1, state=state, created_at=now, tries=last.number, attempts=last.number, last=last,
        next_at=now + timedelta(minutes=5) if state is DeliveryState.PENDING else None,
    )  # fmt: skip
