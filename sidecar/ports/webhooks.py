"""Endpoints and their deliveries, as people and programs manage them. What sends is ``ports.webhook_queue``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from sidecar.domain.events import Event
from sidecar.domain.webhooks.endpoints import Attempt, Delivery, DeliveryState, Endpoint, EndpointChange


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries of an endpoint by what became of them: made since a moment, and pending in all."""

    delivered: int = 0
    failed: int = 0
    pending: int = 0


class DeliveryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries to list; empty: all. ``type``: the event's, or ``utterance.batch``. ``since``: made since then.

    ``before``: the id of the last one of the page before.
    """

    states: Collection[DeliveryState] = ()
    type: str = ""
    since: datetime | None = None
    before: str = ""


class DeliveryDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery with its attempts, oldest first, and the body as it would be sent now.

    ``body`` is None when the transcript it quotes was deleted.
    """

    delivery: Delivery
    attempts: Sequence[Attempt]
    body: bytes | None


class WebhookEndpoints(Protocol):
    """Rows in short transactions; a change counts from the next event on. What another tenant has is NotFound.

    All methods raise StoreUnavailable.
    """

    async def add(self, endpoint: Endpoint, *, secret: str) -> Endpoint:
        """As it is kept, with the hint of its secret. EndpointRefused (endpoints_full) when the tenant has many."""
        ...

    async def endpoint(self, endpoint_id: str, *, tenant: str) -> Endpoint:
        """NotFound."""
        ...

    async def endpoints(self, *, tenant: str) -> Sequence[Endpoint]:
        """All of a tenant, oldest first."""
        ...

    async def change(self, endpoint_id: str, change: EndpointChange, *, tenant: str, now: datetime) -> Endpoint:
        """Also pauses, resumes, disables and enables. What waits while it is disabled fails, and can be sent again."""
        ...

    async def remove(self, endpoint_id: str, *, tenant: str) -> None:
        """With its deliveries. NotFound."""
        ...

    async def rotate(
        self, endpoint_id: str, *, secret: str, overlap: timedelta, tenant: str, now: datetime
    ) -> Endpoint:
        """Sign with this secret from now on, and with the one before until the overlap is over. Two at most sign."""
        ...

    async def expire_old_secret(self, endpoint_id: str, *, tenant: str) -> Endpoint:
        """End the overlap now."""
        ...


class WebhookDeliveries(Protocol):
    """The log of what was and is to be told, and how to have it told again. What another tenant has is NotFound.

    All methods raise StoreUnavailable. Those that send raise EndpointRefused (endpoint_disabled) for an endpoint that
    is disabled; for a paused one what they send waits.
    """

    async def tallies(self, *, tenant: str, since: datetime) -> Mapping[str, Tally]:
        """By endpoint id, of those that have deliveries."""
        ...

    async def deliveries(
        self, endpoint_id: str, *, tenant: str, wanted: DeliveryFilter, limit: int
    ) -> Sequence[Delivery]:
        """Newest first."""
        ...

    async def delivery(self, delivery_id: str, *, tenant: str) -> DeliveryDetail:
        """NotFound."""
        ...

    async def resend(self, delivery_id: str, *, tenant: str, now: datetime) -> Delivery:
        """Try it again from the first attempt on, whatever became of it, with the same ``webhook-id``."""
        ...

    async def resend_failed(self, endpoint_id: str, *, since: datetime, tenant: str, now: datetime) -> int:
        """Resend every delivery that was made since then and has failed, also if its next try is only to come.

        How many: the oldest RESEND_MOST at most.
        """
        ...

    async def resend_range(
        self, endpoint_id: str, conference_id: str, *, from_seq: int, to_seq: int, tenant: str, now: datetime
    ) -> int:
        """Tell it again of all events of a conference with ``from_seq <= seq <= to_seq`` that its filter wants.

        They keep their ids: an event that travels alone keeps its ``webhook-id``, others come in new batches.
        How many events. EndpointRefused (resend_too_large) for more than RESEND_MOST.
        """
        ...

    async def send(self, endpoint_id: str, event: Event, *, now: datetime) -> Delivery:
        """Tell this one endpoint of the event's tenant of something that is in no log, whatever its filter: a test."""
        ...
