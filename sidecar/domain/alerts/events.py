"""What happens to alerts, as events: one struct per type, as in ``domain.events``."""

from __future__ import annotations

from typing import ClassVar

from sidecar.domain.alerts.rules import AlertKind, Severity
from sidecar.domain.event_data import EventData


class AlertRaised(EventData, frozen=True, kw_only=True):
    """A rule found what it looks for. ``name``: the rule's, as it was then.

    ``participant``: whose words, or whose audio, if it is somebody's. ``utterance``: in which it was said, with
    ``quote``, the words that matched, which are ``text[quote_start:quote_end]`` of it. ``measured_ms``: how long the
    silence, the overlap or the failure had lasted. ``detail``: a stable word for why something failed, or "".
    """

    type: ClassVar[str] = "alert.raised"
    alert: str
    rule: str
    name: str
    kind: AlertKind
    severity: Severity
    at_ms: int
    participant: str | None = None
    utterance: str | None = None
    quote: str = ""
    quote_start: int | None = None
    quote_end: int | None = None
    measured_ms: int | None = None
    detail: str = ""


class AlertAcknowledged(EventData, frozen=True, kw_only=True):
    """Somebody has taken note of an alert. ``by``: the name of the user or key. ``note``: in their words, or ""."""

    type: ClassVar[str] = "alert.acknowledged"
    alert: str
    by: str
    at_ms: int
    note: str = ""
