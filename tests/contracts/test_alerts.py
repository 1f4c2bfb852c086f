"""The contract of ports.alerts, on every fulfilment."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from sidecar.adapters.sql import Database, SqlAlerts, SqlDirectory, SqlEventLog
from sidecar.domain.alerts import rules as rules_of_alerts
from sidecar.domain.alerts.events import AlertAcknowledged, AlertRaised
from sidecar.domain.alerts.rules import (
    TEMPLATES,
    AlertKind,
    AlertRule,
    Only,
    PatternOf,
    Phrases,
    RuleRefused,
    Severity,
)
from sidecar.domain.conference.values import Role
from sidecar.domain.errors import NotFound
from sidecar.ports.alerts import Alerts, Fired
from tests.alert_rules import alert_rule
from tests.facts import NOON, draft, open_call


@pytest.fixture
def alerts(any_database: Database) -> Alerts:
    return SqlAlerts(any_database)


@pytest.fixture
async def conference(any_database: Database) -> str:
    return (await open_call(SqlDirectory(any_database))).conference.id


def raised(alert: str, rule: str = "rul_x", **more: Any) -> AlertRaised:
    values: dict[str, Any] = {"kind": AlertKind.PHRASE, "severity": Severity.WARNING, "at_ms": 10, "name": "Cancel"}
    return AlertRaised(alert=alert, rule=rule, **(values | more))


async def test_rules_are_kept_whole_and_in_order_for_their_tenant_only(alerts: Alerts) -> None:
    kept = [
        AlertRule.of(
            one.rule, rule_id=f"rul_{n}", tenant="acme", created_at=NOON + timedelta(seconds=n), updated_at=NOON
        )
        for n, one in enumerate(TEMPLATES)
    ]
    for rule in reversed(kept):
        await alerts.add_rule(rule)
    await alerts.add_rule(other := alert_rule(only=Only(roles=[Role.CUSTOMER], labels=["a*"], rooms=["é"])))
    assert await alerts.rules("acme") == kept
    assert await alerts.rules("nobody") == []
    assert sorted(one.id for one in await alerts.all_rules()) == sorted([other.id, *(one.id for one in kept)])
    assert await alerts.rule("acme", "rul_0") == kept[0]
    assert await alerts.rule("acme", other.id) is None
    assert await alerts.rule("", other.id) == other


async def test_a_rule_is_changed_and_removed_by_its_tenant_only(alerts: Alerts) -> None:
    await alerts.add_rule(rule := alert_rule())
    changed = msgspec.structs.replace(rule, when=Phrases(phrases=["refund"]), enabled=False)
    await alerts.change_rule(changed)
    assert await alerts.rules("") == [changed]
    with pytest.raises(NotFound):
        await alerts.change_rule(msgspec.structs.replace(changed, tenant="another"))
    with pytest.raises(NotFound):
        await alerts.remove_rule("another", rule.id)
    await alerts.remove_rule("", rule.id)
    with pytest.raises(NotFound):
        await alerts.remove_rule("", rule.id)
    assert await alerts.rules("") == []


async def test_however_many_are_added_at_once_a_tenant_has_no_more_than_the_limit(
    alerts: Alerts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules_of_alerts, "RULES_MOST", 4)
    monkeypatch.setattr(rules_of_alerts, "PATTERNS_MOST", 1)
    refused: list[str] = []

    async def add(rule: AlertRule) -> None:
        try:
            await alerts.add_rule(rule)
        except RuleRefused as error:
            refused.append(error.code)

    async with asyncio.TaskGroup() as tasks:
        for n in range(8):
            when = PatternOf(pattern="a") if n % 2 else None
            tasks.create_task(add(alert_rule(when)), name=f"add-{n}")
    kept = await alerts.rules("")
    assert len(kept) == 4
    assert refused == ["alert_rules_full"] * 4
    assert sum(one.kind is AlertKind.PATTERN for one in kept) <= 1
    await alerts.change_rule(kept[0])  # at the limit what is there can be changed


async def test_an_alert_is_open_until_somebody_acknowledges_it_and_the_first_one_stays(
    any_database: Database, alerts: Alerts, conference: str
) -> None:
    log = SqlEventLog(any_database)
    told = raised("alr_1", utterance="utt_1", quote="cancel", quote_start=3, quote_end=9, participant="par_1")
    await log.append([draft(conference, told), draft(conference, raised("alr_2"))])
    first, second = await alerts.of_conference(conference)
    assert (first.conference, first.seq, first.raised, first.raised_at) == (conference, 1, told, NOON)
    assert first.acknowledged_at is None
    for by, minute in (("Ana", 1), ("Bo", 2)):
        noted = AlertAcknowledged(alert="alr_1", by=by, at_ms=60_000, note=f"{by} calls back")
        await log.append([draft(conference, noted, at=NOON + timedelta(minutes=minute))])
    first = (await alerts.of_conference(conference))[0]
    assert (first.acknowledged_by, first.note) == ("Ana", "Ana calls back")
    assert first.acknowledged_at == NOON + timedelta(minutes=1)
    assert await alerts.alert(conference, "alr_1") == first
    assert await alerts.alert(conference, "alr_2") == second
    assert await alerts.alert("cnf_other", "alr_1") is None


async def test_it_is_counted_by_rule_what_was_raised_since_a_moment_and_acknowledged(
    any_database: Database, alerts: Alerts, conference: str
) -> None:
    log = SqlEventLog(any_database)
    for n in range(4):
        rule = "rul_a" if n < 3 else "rul_b"
        await log.append([draft(conference, raised(f"alr_{n}", rule), at=NOON + timedelta(hours=n))])
    await log.append([draft(conference, AlertAcknowledged(alert="alr_2", by="Ana", at_ms=5))])
    assert await alerts.fired("", since=NOON + timedelta(hours=1)) == {
        "rul_a": Fired(2, 1),
        "rul_b": Fired(1, 0),
    }
    assert await alerts.fired("another", since=NOON) == {}
