"""What follows from an attempt: for the delivery, and for the endpoint. Pure; chance and time are handed in."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from sidecar.domain.webhooks.endpoints import DeliveryState, Outcome

# After each attempt but the last: over 75 hours in all.
RETRIES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=10),
    timedelta(hours=24),
    timedelta(hours=24),
)
ATTEMPTS_MOST = len(RETRIES) + 1
# Each wait is longer by a random part of this share, so that what failed together does not come back together.
JITTER = 0.2
# However long a receiver asks to be left alone.
RETRY_AFTER_MOST = timedelta(hours=24)
# An endpoint at which nothing but failures happened for so long is disabled.
DISABLE_AFTER = timedelta(days=5)
# Failures further apart than this are not one row of failures: longer than the longest wait above.
FAILURES_TOGETHER = timedelta(hours=36)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a delivery is after an attempt. ``next_at`` while it is pending; ``reason`` when it failed for good."""

    state: DeliveryState
    next_at: datetime | None = None
    reason: str = ""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How an endpoint does. ``disable``: why it is to be disabled now (``gone``, ``only_failures``), or ""."""

    failing_since: datetime | None = None
    last_failed_at: datetime | None = None
    disable: str = ""


def verdict(
    outcome: Outcome, *, tries: int, now: datetime, chance: float, retry_after: timedelta | None = None
) -> Verdict:
    """After the ``tries``-th attempt since the delivery was made or sent again. ``chance``: random, 0 to 1."""
    if outcome is Outcome.DELIVERED:
        return Verdict(state=DeliveryState.DELIVERED)
    if outcome is Outcome.GONE:
        return Verdict(state=DeliveryState.FAILED, reason="endpoint_gone")
    if tries >= ATTEMPTS_MOST:
        return Verdict(state=DeliveryState.FAILED, reason="attempts_exhausted")
    wait = RETRIES[tries - 1] * (1 + JITTER * chance)
    if retry_after is not None:
        wait = max(wait, min(retry_after, RETRY_AFTER_MOST))
    return Verdict(state=DeliveryState.PENDING, next_at=now + wait)


def health_after(before: Health, outcome: Outcome, at: datetime) -> Health:
    """How the endpoint does after an attempt that began at ``at``."""
    if outcome is Outcome.DELIVERED:
        return Health()
    since, last = before.failing_since, before.last_failed_at
    if since is None or (last is not None and at - last > FAILURES_TOGETHER):
        since = at
    disable = ""
    if outcome is Outcome.GONE:
        disable = "gone"
    elif at - since >= DISABLE_AFTER:
        disable = "only_failures"
    return Health(failing_since=since, last_failed_at=at if last is None else max(at, last), disable=disable)
