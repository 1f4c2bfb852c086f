"""Short ways to say alert rules in tests. No behaviour of its own."""

from __future__ import annotations

import itertools
from typing import Any

from sidecar.domain.alerts.rules import AlertRule, Condition, Only, Phrases, Severity
from tests.facts import NOON

_numbers = itertools.count(1)


def alert_rule(when: Condition | None = None, **changes: Any) -> AlertRule:
    """A rule with a fresh id, for "cancel" unless told otherwise, that holds from ``NOON`` on."""
    n = next(_numbers)
    values: dict[str, Any] = {
        "id": f"rul_{n}",
        "tenant": "",
        "name": f"Rule {n}",
        "when": when or Phrases(phrases=["cancel"]),
        "severity": Severity.WARNING,
        "cooldown_s": 60,
        "only": Only(),
        "enabled": True,
        "created_at": NOON,
        "updated_at": NOON,
    }
    return AlertRule(**(values | changes))
