"""Alert rules and alerts on SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.adapters.sql.alert_tables import alert_rules, alerts
from sidecar.adapters.sql.engine import Database, serialise
from sidecar.adapters.sql.rows import AnyRow
from sidecar.adapters.sql.tables import events
from sidecar.domain.alerts.events import AlertAcknowledged, AlertRaised
from sidecar.domain.alerts.rules import AlertRule, RuleDraft, check_room
from sidecar.domain.errors import NotFound
from sidecar.domain.events import Event
from sidecar.ports.alerts import Alert, Fired


class SqlAlerts:
    """Fulfils ``ports.alerts.Alerts``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_rule(self, rule: AlertRule) -> None:
        """Whoever adds or changes one passes here one by one, so the limits hold."""
        async with self._database.write() as connection:
            await serialise(connection, "alert_rules")
            check_room(await _rules(connection, _of(rule.tenant)), rule.draft)
            await connection.execute(alert_rules.insert().values(_rule_row(rule)))

    async def rules(self, tenant: str) -> Sequence[AlertRule]:
        """Of a tenant, the oldest first."""
        async with self._database.read() as connection:
            return await _rules(connection, _of(tenant))

    async def all_rules(self) -> Sequence[AlertRule]:
        """Of all tenants."""
        async with self._database.read() as connection:
            return await _rules(connection, select(alert_rules))

    async def rule(self, tenant: str, rule_id: str) -> AlertRule | None:
        """One of a tenant's."""
        async with self._database.read() as connection:
            found = await _rules(connection, _of(tenant).where(alert_rules.c.id == rule_id))
        return found[0] if found else None

    async def change_rule(self, rule: AlertRule) -> None:
        """All of it."""
        this = update(alert_rules).where(alert_rules.c.tenant == rule.tenant, alert_rules.c.id == rule.id)
        async with self._database.write() as connection:
            await serialise(connection, "alert_rules")
            others = [one for one in await _rules(connection, _of(rule.tenant)) if one.id != rule.id]
            check_room(others, rule.draft)
            if (await connection.execute(this.values(_rule_row(rule)))).rowcount == 0:
                raise _no_rule(rule.id)

    async def remove_rule(self, tenant: str, rule_id: str) -> None:
        """Its alerts stay."""
        this = delete(alert_rules).where(alert_rules.c.tenant == tenant, alert_rules.c.id == rule_id)
        async with self._database.write() as connection:
            if (await connection.execute(this)).rowcount == 0:
                raise _no_rule(rule_id)

    async def of_conference(self, conference_id: str) -> Sequence[Alert]:
        """In order of seq."""
        return await self._alerts(_ALERTS.where(alerts.c.conference_id == conference_id).order_by(alerts.c.seq))

    async def alert(self, conference_id: str, alert_id: str) -> Alert | None:
        """One of a conference's."""
        found = await self._alerts(_ALERTS.where(alerts.c.conference_id == conference_id, alerts.c.id == alert_id))
        return found[0] if found else None

    async def fired(self, tenant: str, *, since: datetime) -> Mapping[str, Fired]:
        """Counted by the database."""
        counted = (
            select(alerts.c.rule_id, func.count().label("raised"), func.count(alerts.c.acknowledged_at).label("noted"))
            .where(alerts.c.tenant == tenant, alerts.c.raised_at >= since)
            .group_by(alerts.c.rule_id)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(counted)).all()
        return {row.rule_id: Fired(row.raised, row.noted) for row in rows}

    async def _alerts(self, statement: Select[*tuple[Any, ...]]) -> list[Alert]:
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return [_alert_of(row) for row in rows]


async def project_alert(connection: AsyncConnection, event: Event) -> None:
    """Bring the rows up to date with one stored event; in its transaction. Who acknowledges first stays."""
    match event.data:
        case AlertRaised(alert=alert, rule=rule):
            await connection.execute(
                alerts.insert().values(
                    id=alert,
                    tenant=event.tenant,
                    conference_id=event.conference,
                    seq=event.seq,
                    rule_id=rule,
                    raised_at=event.timestamp,
                )
            )
        case AlertAcknowledged(alert=alert, by=by, note=note):
            this = alerts.c.id == alert, alerts.c.conference_id == event.conference, alerts.c.acknowledged_at.is_(None)
            noted = {"acknowledged_at": event.timestamp, "acknowledged_by": by, "note": note}
            await connection.execute(update(alerts).where(*this).values(noted))
        case _:
            pass


_ALERTS: Select[*tuple[Any, ...]] = select(alerts, events.c.data).join(
    events, (events.c.conference_id == alerts.c.conference_id) & (events.c.seq == alerts.c.seq)
)


def _of(tenant: str) -> Select[*tuple[Any, ...]]:
    return select(alert_rules).where(alert_rules.c.tenant == tenant)


async def _rules(connection: AsyncConnection, wanted: Select[*tuple[Any, ...]]) -> list[AlertRule]:
    rows = await connection.execute(wanted.order_by(alert_rules.c.created_at, alert_rules.c.id))
    return [_rule_of(row) for row in rows]


def _rule_row(rule: AlertRule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "tenant": rule.tenant,
        "created_at": rule.created_at,
        "updated_at": rule.updated_at,
        "body": msgspec.json.encode(rule.draft).decode(),
    }


def _rule_of(row: AnyRow) -> AlertRule:
    draft = msgspec.json.decode(row.body, type=RuleDraft)
    return AlertRule.of(draft, rule_id=row.id, tenant=row.tenant, created_at=row.created_at, updated_at=row.updated_at)


def _alert_of(row: AnyRow) -> Alert:
    return Alert(
        conference=row.conference_id,
        seq=row.seq,
        raised_at=row.raised_at,
        raised=msgspec.json.decode(row.data, type=AlertRaised),
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
        note=row.note,
    )


def _no_rule(rule_id: str) -> NotFound:
    return NotFound(f"There is no alert rule {rule_id[:64]}.", next_step="List them: GET /v1/alert_rules.")
