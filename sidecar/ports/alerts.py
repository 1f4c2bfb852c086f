"""Alert rules, and the alerts that they raised, as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from sidecar.domain.alerts.events import AlertRaised
from sidecar.domain.alerts.rules import AlertRule


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as it stands: what was raised, and who has taken note of it, if anybody has."""

    conference: str
    seq: int
    raised_at: datetime
    raised: AlertRaised
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    note: str = ""


class Fired(msgspec.Struct, frozen=True):
    """How often a rule raised an alert, and how many of those somebody has acknowledged."""

    raised: int
    acknowledged: int


class Alerts(Protocol):
    """Rows in short transactions. Raises StoreUnavailable. Alerts come and are acknowledged only as a consequence of
    events appended to the log; whatever asks by a tenant never finds what is another's."""

    async def add_rule(self, rule: AlertRule) -> None:
        """Keep a new rule. Raises RuleRefused (alert_rules_full) when its tenant may have no more."""
        ...

    async def rules(self, tenant: str) -> Sequence[AlertRule]:
        """Of a tenant, the oldest first."""
        ...

    async def all_rules(self) -> Sequence[AlertRule]:
        """Of all tenants."""
        ...

    async def rule(self, tenant: str, rule_id: str) -> AlertRule | None:
        """One of a tenant's."""
        ...

    async def change_rule(self, rule: AlertRule) -> None:
        """Put it in the place of the one with its id. Raises NotFound, RuleRefused (alert_rules_full)."""
        ...

    async def remove_rule(self, tenant: str, rule_id: str) -> None:
        """It is gone; its alerts stay. Raises NotFound."""
        ...

    async def of_conference(self, conference_id: str) -> Sequence[Alert]:
        """All that were ever raised in a conference, in order of seq."""
        ...

    async def alert(self, conference_id: str, alert_id: str) -> Alert | None:
        """One of a conference's."""
        ...

    async def fired(self, tenant: str, *, since: datetime) -> Mapping[str, Fired]:
        """By rule: what it raised since a moment. Rules that raised nothing are left out."""
        ...
