"""Webhooks in words: an endpoint is told of events by deliveries, and each try of a delivery is an attempt.

An endpoint belongs to a tenant and names the event types that it wants. A delivery carries one event, or, of the types
that come often, a batch of them. Its ``webhook-id`` never changes, however often it is tried or sent again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

import msgspec

from sidecar.domain.errors import SidecarError
from sidecar.domain.event_data import EventData
from sidecar.domain.events import DURABLE

# What a new endpoint is told of, unless it asks for other types.
DEFAULT_TYPES = (
    "conference.started",
    "conference.ended",
    "transcript.completed",
    "assistant.joined",
    "assistant.left",
    "assistant.failed",
    "alert.raised",
)
# Types that come several times in a minute of every call: they travel in batches, whose own type this is.
BATCHED_PREFIX = "utterance."
BATCH_TYPE = "utterance.batch"
# A batch is closed when it holds so many events, or so long after its first one.
BATCH_EVENTS = 20
BATCH_WAIT = timedelta(seconds=1)

# After a rotation the old secret signs too, for so long unless told otherwise, and at most.
SECRET_OVERLAP = timedelta(hours=24)
SECRET_OVERLAP_MOST = timedelta(days=7)
DESCRIPTION_LENGTH_MOST = 200
ENDPOINTS_MOST = 50  # of one tenant
RESEND_MOST = 10_000  # events or deliveries by one request


class EndpointState(StrEnum):
    """enabled: it is told. paused: its deliveries wait. disabled: they fail at once, and can be sent again later."""

    ENABLED = "enabled"
    PAUSED = "paused"
    DISABLED = "disabled"


class DeliveryState(StrEnum):
    """pending: its first or next attempt is to come. failed: there is none to come, unless somebody sends it again."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Outcome(StrEnum):
    """What became of an attempt. Only ``delivered`` is a success."""

    DELIVERED = "delivered"  # 2xx in time
    REFUSED = "refused"  # any other answer, redirections too
    THROTTLED = "throttled"  # 429, 502, 504: it wants less, or somebody in front of it is overwhelmed
    GONE = "gone"  # 410: it wants nothing more, ever
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"  # no address, no connection, no TLS that we trust, or it broke off
    BLOCKED = "blocked"  # an address to which nothing is sent; nobody was connected to


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a tenant wants to be told of events. Its secret stays in the store; people see its last characters.

    ``types``: exact names, ``assistant.*`` for all of a kind, ``*`` for all. ``old_secret_until``: until then the
    secret before the last rotation signs too. ``failing_since``: every attempt failed since then. ``disabled_reason``:
    ``gone`` (it answered 410), ``only_failures``, or ``by_person``.
    """

    id: str
    tenant: str
    url: str
    description: str
    types: tuple[str, ...]
    state: EndpointState
    created_at: datetime
    secret_hint: str = ""
    old_secret_until: datetime | None = None
    failing_since: datetime | None = None
    last_failed_at: datetime | None = None
    disabled_at: datetime | None = None
    disabled_reason: str = ""


class EndpointChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be another. None: as it was. Enabling it again, or another URL, also forgets since when it failed."""

    url: str | None = None
    description: str | None = None
    types: tuple[str, ...] | None = None
    state: EndpointState | None = None


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try of a delivery. ``number`` counts from 1 over all of them. ``status``: of HTTP, None without an answer.

    ``error``: why it failed, for people, without anything of the body, or "". ``response``: the first kilobyte of the
    answer, "" when it was none or is no longer kept.
    """

    number: int
    at: datetime
    took_ms: int
    outcome: Outcome
    status: int | None = None
    error: str = ""
    response: str = ""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one endpoint. ``message_id`` is its ``webhook-id``: the event's id, or that of a batch.

    ``conference``: of its event; None for a batch, and for what belongs to no conference. ``tries``: attempts since it
    was made or sent again, of ``domain.webhooks.schedule.ATTEMPTS_MOST``; ``attempts``: all of them. ``next_at``: not
    before then it is tried; None: it is not. ``reason``: why it failed for good, "" otherwise: ``attempts_exhausted``,
    ``endpoint_gone``, ``endpoint_disabled`` or ``event_gone``. ``last``: its newest attempt, without the response.
    """

    id: str
    tenant: str
    endpoint_id: str
    message_id: str
    type: str
    conference: str | None
    events: int
    state: DeliveryState
    created_at: datetime
    tries: int = 0
    attempts: int = 0
    next_at: datetime | None = None
    delivered_at: datetime | None = None
    reason: str = ""
    last: Attempt | None = None


class EndpointDisabled(EventData, frozen=True, kw_only=True):
    """An endpoint was switched off, because it answered 410 (``gone``) or failed for days (``only_failures``).

    It belongs to no conference, so it has no ``seq`` and is in no log: it is told to the tenant's other endpoints,
    whatever they asked for, and stands in the endpoint's own row.
    """

    type: ClassVar[str] = "endpoint.disabled"
    endpoint: str
    url: str
    reason: str
    failing_since: datetime | None


class EndpointRefused(SidecarError):
    """What was asked of an endpoint cannot be had. ``code`` says why:

    endpoint_url_invalid, endpoint_url_forbidden, event_type_unknown, endpoints_full, endpoint_disabled,
    resend_too_large, overlap_invalid, description_invalid.
    """

    code = "endpoint_url_invalid"


def known_types() -> tuple[str, ...]:
    """Every type that an endpoint may ask for, in the order of the documentation."""
    return tuple(dict.fromkeys((*(data.type for data in DURABLE), *DEFAULT_TYPES, EndpointDisabled.type)))


def checked_types(types: Iterable[str]) -> tuple[str, ...]:
    """Each pattern once, in order. None at all: the default set. EndpointRefused for one that can match nothing."""
    wanted = tuple(dict.fromkeys(types)) or DEFAULT_TYPES
    for pattern in wanted:
        if not any(wants((pattern,), type_) for type_ in known_types()):
            raise EndpointRefused(
                f"There is no event type {pattern[:80]!r}.",
                next_step="docs/events.md lists them; assistant.* means all of a kind, * means all.",
                code="event_type_unknown",
            )
    return wanted


def wants(types: Collection[str], type_: str) -> bool:
    """Whether an endpoint with this filter is told of an event of this type."""
    return type_ in types or "*" in types or f"{type_.partition('.')[0]}.*" in types


def is_batched(type_: str) -> bool:
    """Whether events of this type travel in batches."""
    return type_.startswith(BATCHED_PREFIX)


def checked_overlap(overlap: timedelta) -> timedelta:
    """For how long an old secret may go on signing. EndpointRefused beyond a week, or below nothing."""
    if not timedelta(0) <= overlap <= SECRET_OVERLAP_MOST:
        raise EndpointRefused(
            "An old secret signs for at most 7 days beside the new one.",
            next_step="Choose between 0 seconds and 7 days.",
            code="overlap_invalid",
        )
    return overlap


def checked_description(description: str) -> str:
    """The description without blanks around it. EndpointRefused for a long one, or what cannot be printed."""
    stripped = description.strip()
    if len(stripped) > DESCRIPTION_LENGTH_MOST or not (stripped.isprintable() or not stripped):
        raise EndpointRefused(
            f"A description has at most {DESCRIPTION_LENGTH_MOST} printable characters.",
            next_step="Shorten it.",
            code="description_invalid",
        )
    return stripped
