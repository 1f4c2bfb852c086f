"""What the webhook settings show: endpoints, types to choose from, deliveries. From rows to words; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sidecar.domain.webhooks.endpoints import (
    BATCH_TYPE,
    DEFAULT_TYPES,
    Attempt,
    Delivery,
    DeliveryState,
    Endpoint,
    EndpointState,
    Outcome,
    is_batched,
    known_types,
    wants,
)
from sidecar.domain.webhooks.sample_events import durable_types
from sidecar.domain.webhooks.schedule import ATTEMPTS_MOST
from sidecar.ports.webhooks import DeliveryDetail, Tally
from sidecar.server.pages.rendering import span
from sidecar.server.webhook_request import as_curl, request_headers

# What may stand in the list's address for a span of time.
SINCE = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
_SINCE_WORDS = (("1h", "The last hour"), ("24h", "24 hours"), ("7d", "7 days"), ("30d", "30 days"))
_STATES = (("", "All"), ("failed", "Failed only"), ("pending", "Waiting"), ("delivered", "Delivered"))
_PILLS = {
    EndpointState.ENABLED: ("live", "Enabled"),
    EndpointState.PAUSED: ("warn", "Paused"),
    EndpointState.DISABLED: ("bad", "Disabled"),
}
_DISABLED_WHY = {
    "gone": "It answered 410 Gone.",
    "only_failures": "Every attempt of five days failed.",
    "by_person": "Somebody switched it off here or by the API.",
}
_FAILED_WHY = {
    "attempts_exhausted": "All attempts failed.",
    "endpoint_gone": "It answered 410 Gone, so the endpoint is disabled.",
    "endpoint_disabled": "The endpoint was disabled.",
    "event_gone": "The transcript was deleted, so there is nothing to send.",
}
_OUTCOMES = {
    Outcome.DELIVERED: "taken",
    Outcome.REFUSED: "refused",
    Outcome.THROTTLED: "wants less",
    Outcome.GONE: "gone",
    Outcome.TIMED_OUT: "no answer in time",
    Outcome.UNREACHABLE: "not reached",
    Outcome.BLOCKED: "blocked",
}
# What the page says after a form was sent, by a word in its address; {n} is a number there.
DONE = {
    "changed": "Saved.",
    "expired": "Only the new secret signs from now on.",
    "removed": "The endpoint is gone, and its deliveries with it.",
    "tested": "A test event is on its way; it appears below.",
    "resent": "{n} on their way again.",
    "nothing": "Nothing has failed in that time.",
}

# How a receiver knows that a request is ours; docs/webhooks.md has more, and whole receivers.
SNIPPETS = (
    (
        "Python",
        """from standardwebhooks import Webhook  # pip install standardwebhooks

message = Webhook(os.environ["WEBHOOK_SECRET"]).verify(body, dict(request.headers))  # raises if it is not ours""",
    ),
    (
        "Node",
        """const { "webhook-id": id, "webhook-timestamp": time, "webhook-signature": signatures } = headers;
const key = Buffer.from(process.env.WEBHOOK_SECRET.replace("whsec_", ""), "base64");
const expected = createHmac("sha256", key).update(`${id}.${time}.`).update(body).digest();
const ours = Math.abs(Date.now() / 1000 - time) < 300 && signatures.split(" ").some((one) => {
  const given = Buffer.from(one.startsWith("v1,") ? one.slice(3) : "", "base64");
  return given.length === expected.length && timingSafeEqual(given, expected);
});""",
    ),
)


@dataclass(frozen=True, kw_only=True)
class ShownEndpoint:
    """An endpoint in words. ``state``: of its pill. ``rate``: of the last 24 hours."""

    id: str
    url: str
    description: str
    types: str
    secret_hint: str
    old_secret_until: str
    state: str
    state_words: str
    trouble: str
    rate: str
    pending: int
    enabled: bool
    paused: bool
    disabled: bool


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A box to tick: the type or pattern, and whether it is ticked."""

    value: str
    ticked: bool


@dataclass(frozen=True, kw_only=True)
class EndpointForm:
    """What somebody entered or is to begin with, and what was wrong with it."""

    url: str = ""
    description: str = ""
    groups: Sequence[tuple[str, Sequence[Choice]]] = ()
    error: str = ""
    error_in: str = ""


@dataclass(frozen=True, kw_only=True)
class ShownDelivery:
    """One row of the log. ``at``, ``next``: UTC, for people; ``outcome``: of its last attempt, or what it waits for."""

    id: str
    at: datetime
    at_words: str
    type: str
    message: str
    state: str
    outcome: str
    took: str
    tries: str
    next: str


@dataclass(frozen=True, kw_only=True)
class ShownAttempt:
    """One try."""

    number: int
    at: datetime
    at_words: str
    state: str
    outcome: str
    took: str
    response: str


@dataclass(frozen=True, kw_only=True)
class EndpointsPage:
    """All endpoints and the form for another. ``done``: what the form before has done."""

    endpoints: Sequence[ShownEndpoint]
    form: EndpointForm
    done: str = ""


@dataclass(frozen=True, kw_only=True)
class EndpointPage:
    """One endpoint with its log. ``older``: the address of the next page, "" when there is none."""

    endpoint: ShownEndpoint
    form: EndpointForm
    deliveries: Sequence[ShownDelivery]
    type_options: Sequence[tuple[str, str]]
    sample_types: Sequence[tuple[str, str]]
    state: str
    type: str
    since: str
    older: str
    done: str = ""
    trouble: str = ""
    states: Sequence[tuple[str, str]] = _STATES
    spans: Sequence[tuple[str, str]] = _SINCE_WORDS


@dataclass(frozen=True, kw_only=True)
class SecretPage:
    """A new secret, this once."""

    endpoint: ShownEndpoint
    secret: str
    rotated: bool


@dataclass(frozen=True, kw_only=True)
class DeliveryPage:
    """All of one delivery. ``body``: None when the transcript was deleted; ``curl``: to send it by hand."""

    endpoint: ShownEndpoint
    delivery: ShownDelivery
    why: str
    attempts: Sequence[ShownAttempt]
    headers: Mapping[str, str]
    body: str | None
    curl: str
    snippets: Sequence[tuple[str, str]] = field(default_factory=list)


def shown_endpoint(endpoint: Endpoint, tally: Tally) -> ShownEndpoint:
    """In words."""
    state, words = _PILLS[endpoint.state]
    return ShownEndpoint(
        id=endpoint.id,
        url=endpoint.url,
        description=endpoint.description,
        types=", ".join(endpoint.types),
        secret_hint=f"whsec_…{endpoint.secret_hint}",
        old_secret_until="" if endpoint.old_secret_until is None else moment(endpoint.old_secret_until),
        state=state,
        state_words=words,
        trouble=_trouble(endpoint),
        rate=rate(tally),
        pending=tally.pending,
        enabled=endpoint.state is EndpointState.ENABLED,
        paused=endpoint.state is EndpointState.PAUSED,
        disabled=endpoint.state is EndpointState.DISABLED,
    )


def _trouble(endpoint: Endpoint) -> str:
    if endpoint.state is EndpointState.DISABLED:
        why = _DISABLED_WHY.get(endpoint.disabled_reason, endpoint.disabled_reason)
        since = "" if endpoint.disabled_at is None else f"Disabled since {moment(endpoint.disabled_at)}. "
        return f"{since}{why}"
    if endpoint.failing_since is not None:
        return f"Every attempt has failed since {moment(endpoint.failing_since)}."
    return ""


def rate(tally: Tally) -> str:
    """99.2 % ok (24 h); of what is decided, since what waits may still go well."""
    decided = tally.delivered + tally.failed
    if not decided:
        return "nothing finished in 24 h"
    # Down, so that one failure in ten thousand is not 100 %.
    return f"{int(1000 * tally.delivered / decided) / 10:g} % ok (24 h)"


def endpoint_form(
    types: Sequence[str] = DEFAULT_TYPES,
    *,
    url: str = "",
    description: str = "",
    error: str = "",
    error_in: str = "",
) -> EndpointForm:
    """``types``: the boxes that are ticked."""
    kinds: dict[str, list[Choice]] = {}
    for type_ in known_types():
        kind = type_.partition(".")[0]
        kinds.setdefault(kind, []).append(Choice(value=type_, ticked=type_ in types))
    groups = [
        (kind, [Choice(value=f"{kind}.*", ticked=f"{kind}.*" in types), *choices]) for kind, choices in kinds.items()
    ]
    groups.insert(0, ("everything", [Choice(value="*", ticked="*" in types)]))
    return EndpointForm(url=url, description=description, groups=groups, error=error, error_in=error_in)


def shown_delivery(delivery: Delivery) -> ShownDelivery:
    """As a row."""
    last = delivery.last
    waits = delivery.state is DeliveryState.PENDING and delivery.next_at is not None
    return ShownDelivery(
        id=delivery.id,
        at=delivery.created_at,
        at_words=moment(delivery.created_at),
        type=delivery.type if delivery.events == 1 else f"{delivery.type} ({delivery.events} events)",
        message=delivery.message_id,
        state={DeliveryState.DELIVERED: "live", DeliveryState.PENDING: "warn"}.get(delivery.state, "bad"),
        outcome="not tried yet" if last is None else outcome(last),
        took="" if last is None else _took(last),
        tries=f"{delivery.tries}/{ATTEMPTS_MOST}",
        next=moment(delivery.next_at) if waits and delivery.next_at is not None else "",
    )


def shown_attempt(attempt: Attempt) -> ShownAttempt:
    """As a row."""
    return ShownAttempt(
        number=attempt.number,
        at=attempt.at,
        at_words=moment(attempt.at),
        state="live" if attempt.outcome is Outcome.DELIVERED else "bad",
        outcome=outcome(attempt),
        took=_took(attempt),
        response=attempt.response,
    )


def delivery_page(endpoint: Endpoint, tally: Tally, detail: DeliveryDetail) -> DeliveryPage:
    """One delivery, the newest attempt first."""
    body = None if detail.body is None else detail.body.decode()
    last = detail.attempts[-1].at if detail.attempts else None
    return DeliveryPage(
        endpoint=shown_endpoint(endpoint, tally),
        delivery=shown_delivery(detail.delivery),
        why=_FAILED_WHY.get(detail.delivery.reason, detail.delivery.reason),
        attempts=[shown_attempt(one) for one in reversed(detail.attempts)],
        headers=request_headers(detail.delivery.message_id, last),
        body=body,
        curl="" if body is None else as_curl(endpoint.url, detail.delivery.message_id, body),
        snippets=SNIPPETS,
    )


def outcome(attempt: Attempt) -> str:
    """200 taken; blocked: resolves to private address 10.0.0.8."""
    words = _OUTCOMES.get(attempt.outcome, attempt.outcome)
    said = f"{attempt.status} {words}" if attempt.status is not None else words
    return f"{said}: {attempt.error}" if attempt.error else said


def _took(attempt: Attempt) -> str:
    return f"{attempt.took_ms} ms" if attempt.took_ms < 1_000 else span(attempt.took_ms)


def moment(at: datetime) -> str:
    """23 Nov 10:42:07, UTC."""
    return f"{at:%-d %b %H:%M:%S}"


def type_options(endpoint: Endpoint) -> list[tuple[str, str]]:
    """The types that may be in its log, for a select."""
    told = [type_ for type_ in known_types() if wants(endpoint.types, type_)]
    batched = [BATCH_TYPE] if any(is_batched(type_) for type_ in told) else []
    alone = [type_ for type_ in told if not is_batched(type_)]
    return [("", "All types"), *((type_, type_) for type_ in [*alone, *batched])]


def sample_types() -> list[tuple[str, str]]:
    """The types of which there is a sample."""
    return [(type_, type_) for type_ in durable_types()]
