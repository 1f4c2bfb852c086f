"""What is to be sent: deliveries that are due, given to one sender at a time, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from sidecar.domain.webhooks.endpoints import Attempt, Endpoint
from sidecar.domain.webhooks.schedule import Verdict
from sidecar.ports.webhook_sender import Message


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that is ours to try until the lock ends. ``number``: of this attempt; ``tries``: with this one.

    ``failing``: what was tried at its endpoint before did not arrive.
    """

    delivery_id: str
    endpoint_id: str
    message: Message
    number: int
    tries: int
    failing: bool
    lock_until: datetime


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a claim. ``failing``: as in the claim."""

    delivery_id: str
    endpoint_id: str
    failing: bool
    attempt: Attempt
    verdict: Verdict


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What is ours. ``next_at``: when to look at an endpoint again; nothing new is known of one that is not in it."""

    claims: Sequence[Claim]
    next_at: Mapping[str, datetime]


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """Endpoints for which something new was put, and those that somebody changed: what is claimed for them is stale."""

    endpoints: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """All that waits: when to look at which endpoint, and how many deliveries and single events wait in all."""

    next_at: Mapping[str, datetime]
    backlog: int


class WebhookQueue(Protocol):
    """All methods raise StoreUnavailable when the store does not answer; then nothing of the call was done."""

    async def claim(self, free: Mapping[str, int], *, now: datetime, lock_until: datetime) -> Claims:
        """Make deliveries of what the outbox holds for these endpoints, and claim of them what is due.

        ``free``: per endpoint how many to claim at most; 0 only makes deliveries. A claim is nobody else's before
        ``lock_until``; then, if nothing was noted of it, it is due again: its holder has died.
        """
        ...

    async def note(self, finished: Sequence[Finished], *, now: datetime) -> Sequence[Endpoint]:
        """Keep what became of claims. The endpoints that are disabled because of it; their tenants' others are told."""
        ...

    async def give_back(self, claims: Sequence[Claim], *, now: datetime) -> None:
        """Claims that were not tried are due again."""
        ...

    async def rung(self) -> Rung:
        """What happened since the last call, in this process; waits for it. One caller at a time."""
        ...

    async def survey(self) -> Survey:
        """Look at everything: what earlier processes left, and what others put."""
        ...

    async def clean(self, *, log_before: datetime, bodies_before: datetime) -> bool:
        """Remove a part of what is older: deliveries that are over, and the bodies of those that are kept.

        Whether there is more.
        """
        ...
