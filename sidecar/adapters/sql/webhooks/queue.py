"""The queue of deliveries on SQL: outbox rows become deliveries, deliveries are claimed, and what happened is noted.

A claim moves ``next_at`` beyond the time that an attempt may take: nobody else takes it meanwhile, and it comes back by
itself if its holder dies. Nodes that share a PostgreSQL skip rows that another one has in hand.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.adapters.sql.engine import Database
from sidecar.adapters.sql.rows import AnyRow
from sidecar.adapters.sql.webhooks.cleaning import clean
from sidecar.adapters.sql.webhooks.deliveries import not_in_log
from sidecar.adapters.sql.webhooks.endpoints import fail_pending
from sidecar.adapters.sql.webhooks.outbox import SqlOutbox
from sidecar.adapters.sql.webhooks.packing import pack
from sidecar.adapters.sql.webhooks.rows import bodies, endpoint_of
from sidecar.adapters.sql.webhooks.tables import (
    is_pending,
    webhook_attempts,
    webhook_deliveries,
    webhook_endpoints,
    webhook_outbox,
)
from sidecar.domain.events import Event
from sidecar.domain.webhooks.endpoints import DeliveryState, Endpoint, EndpointDisabled, EndpointState, Outcome
from sidecar.domain.webhooks.schedule import Health, health_after
from sidecar.ports.webhook_queue import Claim, Claims, Finished, Rung, Survey
from sidecar.ports.webhook_sender import Message


class SqlWebhookQueue:
    """Fulfils ``ports.webhook_queue.WebhookQueue``. ``new_id``: of the clock."""

    def __init__(self, database: Database, outbox: SqlOutbox, new_id: Callable[[str], str]) -> None:
        self._database = database
        self._outbox = outbox
        self._new_id = new_id

    async def note(self, finished: Sequence[Finished], *, now: datetime) -> Sequence[Endpoint]:
        """One transaction; the others of a disabled endpoint's tenant are told in the same breath."""
        disabled: list[Endpoint] = []
        told: list[str] = []

        async def noted(connection: AsyncConnection) -> None:
            await _note_attempts(connection, finished, now)
            # Most arrive where nothing failed before: then there is nothing to note of the endpoint.
            others = {
                each.endpoint_id for each in finished if each.failing or each.attempt.outcome is not Outcome.DELIVERED
            }
            for endpoint in await _endpoints(connection, others) if others else []:
                changed = await _note_health(connection, endpoint, finished, now)
                if changed is not None:
                    disabled.append(changed)
                    told.extend(await self._tell_others(connection, changed, now))

        await self._database.transact(noted)
        for endpoint_id in told:
            self._outbox.ring_for(endpoint_id)
        return disabled

    async def claim(self, free: Mapping[str, int], *, now: datetime, lock_until: datetime) -> Claims:
        """One transaction."""

        async def claimed(connection: AsyncConnection) -> Claims:
            return await self._claim_all(connection, free, now, lock_until)

        return await self._database.transact(claimed)

    async def _claim_all(
        self, connection: AsyncConnection, free: Mapping[str, int], now: datetime, lock_until: datetime
    ) -> Claims:
        next_at: dict[str, datetime] = {}
        claimed: list[tuple[AnyRow, AnyRow]] = []
        endpoints = {endpoint.id: endpoint for endpoint in await _endpoints(connection, free)}
        for endpoint_id in sorted(free):
            endpoint = endpoints.get(endpoint_id)
            made, look_at = await pack(connection, endpoint_id, endpoint, new_id=self._new_id, now=now)
            if endpoint is not None and endpoint.state == EndpointState.ENABLED:
                rows = await _claim(connection, endpoint_id, free[endpoint_id], now, lock_until)
                claimed += [(endpoint, row) for row in rows]
                if len(rows) == free[endpoint_id]:
                    look_at = now  # there may be more
                elif not rows or any(row.id not in made for row in rows):
                    look_at = _earlier(look_at, await _next_due(connection, endpoint_id))
            if look_at is not None:
                next_at[endpoint_id] = look_at
        return Claims(claims=await _claims(connection, claimed, now, lock_until), next_at=next_at)

    async def give_back(self, claims: Sequence[Claim], *, now: datetime) -> None:
        """Those that nobody else has taken since."""
        of = webhook_deliveries.c
        ours = update(webhook_deliveries).where(
            of.id == bindparam("of_id"), of.attempts == bindparam("of_number"), is_pending
        )
        rows = [{"of_id": claim.delivery_id, "of_number": claim.number} for claim in claims]
        async with self._database.write() as connection:
            await connection.execute(ours.values(attempts=of.attempts - 1, next_at=now), rows)

    async def rung(self) -> Rung:
        """The outbox has the bell."""
        return await self._outbox.rung()

    async def survey(self) -> Survey:
        """Only reads."""
        of = webhook_deliveries.c
        due = (
            select(of.endpoint_id, func.min(of.next_at).label("next_at"), func.count().label("waiting"))
            .where(is_pending)
            .group_by(of.endpoint_id)
        )
        packed = webhook_outbox.c
        unpacked = select(
            packed.endpoint_id, func.min(packed.at).label("next_at"), func.count().label("waiting")
        ).group_by(packed.endpoint_id)
        next_at: dict[str, datetime] = {}
        backlog = 0
        async with self._database.read() as connection:
            await self._outbox.look_again(connection)
            for statement in (due, unpacked):
                for row in await connection.execute(statement):
                    backlog += row.waiting
                    earliest = _earlier(next_at.get(row.endpoint_id), row.next_at)
                    if earliest is not None:
                        next_at[row.endpoint_id] = earliest
        return Survey(next_at=next_at, backlog=backlog)

    async def clean(self, *, log_before: datetime, bodies_before: datetime) -> bool:
        """A short transaction."""
        async with self._database.write() as connection:
            return await clean(connection, log_before=log_before, bodies_before=bodies_before)

    async def _tell_others(self, connection: AsyncConnection, disabled: Endpoint, now: datetime) -> list[str]:
        """The endpoints that are to be told."""
        event = Event(
            id=self._new_id("evt"),
            type=EndpointDisabled.type,
            seq=None,
            timestamp=now,
            conference="",
            conference_sid=None,
            tenant=disabled.tenant,
            data=EndpointDisabled(
                endpoint=disabled.id,
                url=disabled.url,
                reason=disabled.disabled_reason,
                failing_since=disabled.failing_since,
            ),
        )
        of = webhook_endpoints.c
        others = select(of.id).where(
            of.tenant == disabled.tenant, of.id != disabled.id, of.state != EndpointState.DISABLED
        )
        ids = [row.id for row in await connection.execute(others)]
        if ids:
            rows = [not_in_log(each, event, delivery_id=self._new_id("dlv"), now=now) for each in ids]
            await connection.execute(webhook_deliveries.insert(), rows)
        return ids


async def _endpoints(connection: AsyncConnection, ids: Collection[str]) -> Sequence[AnyRow]:
    """In order of their ids, so that nodes lock them in the same one."""
    of = webhook_endpoints.c
    return (await connection.execute(select(webhook_endpoints).where(of.id.in_(sorted(ids))).order_by(of.id))).all()


async def _note_health(
    connection: AsyncConnection, endpoint: AnyRow, finished: Sequence[Finished], now: datetime
) -> Endpoint | None:
    """The endpoint, if what happened to it disables it."""
    before = after = Health(failing_since=endpoint.failing_since, last_failed_at=endpoint.last_failed_at)
    for each in finished:
        if each.endpoint_id == endpoint.id:
            after = health_after(after, each.attempt.outcome, each.attempt.at)
    if after == before:
        return None
    values: dict[str, Any] = {"failing_since": after.failing_since, "last_failed_at": after.last_failed_at}
    disable = bool(after.disable) and endpoint.state != EndpointState.DISABLED
    if disable:
        values |= {"state": EndpointState.DISABLED, "disabled_at": now, "disabled_reason": after.disable}
    changed = update(webhook_endpoints).where(webhook_endpoints.c.id == endpoint.id).values(values)
    row = (await connection.execute(changed.returning(*webhook_endpoints.c))).one()
    if not disable:
        return None
    await fail_pending(connection, endpoint.id)
    return endpoint_of(row)


async def _note_attempts(connection: AsyncConnection, finished: Sequence[Finished], now: datetime) -> None:
    """What was removed meanwhile is passed over; what somebody else tries by now is left to them, unless it arrived."""
    arrived = {each.delivery_id for each in finished if each.attempt.outcome is Outcome.DELIVERED}
    there = await _note_arrived(connection, arrived, now) if arrived else set()
    if len(arrived) < len(finished):
        there |= await _note_failed(connection, [each for each in finished if each.delivery_id not in arrived])
    rows = [_attempt_row(each) for each in finished if each.delivery_id in there]
    if rows:
        await connection.execute(webhook_attempts.insert(), rows)


async def _note_arrived(connection: AsyncConnection, ids: Collection[str], now: datetime) -> set[str]:
    """Whatever else somebody thinks of them: they did. Those that are still there."""
    of = webhook_deliveries.c
    noted = update(webhook_deliveries).where(of.id.in_(sorted(ids)))
    noted = noted.values(state=DeliveryState.DELIVERED, next_at=None, reason="", tries=of.tries + 1, delivered_at=now)
    return {row.id for row in await connection.execute(noted.returning(of.id))}


async def _note_failed(connection: AsyncConnection, failed: Sequence[Finished]) -> set[str]:
    """Those that are still there."""
    of = webhook_deliveries.c
    there = select(of.id, of.state, of.tries, of.attempts).where(of.id.in_([each.delivery_id for each in failed]))
    rows = {row.id: row for row in await connection.execute(there.order_by(of.id).with_for_update())}
    changes = [
        {
            "of_id": row.id,
            "new_state": each.verdict.state,
            "new_next_at": each.verdict.next_at,
            "new_reason": each.verdict.reason,
            "new_tries": row.tries + 1,
        }
        for each in failed
        if (row := rows.get(each.delivery_id)) is not None
        and row.state == DeliveryState.PENDING
        and row.attempts == each.attempt.number
    ]
    if changes:
        names = ("state", "next_at", "reason", "tries")
        changed = update(webhook_deliveries).where(of.id == bindparam("of_id"))
        await connection.execute(changed.values({name: bindparam(f"new_{name}") for name in names}), changes)
    return set(rows)


def _attempt_row(finished: Finished) -> dict[str, Any]:
    attempt = finished.attempt
    return {
        "delivery_id": finished.delivery_id,
        "number": attempt.number,
        "at": attempt.at,
        "took_ms": attempt.took_ms,
        "outcome": attempt.outcome,
        "status": attempt.status,
        "error": attempt.error,
        "response": attempt.response,
    }


async def _claim(
    connection: AsyncConnection, endpoint_id: str, most: int, now: datetime, lock_until: datetime
) -> Sequence[AnyRow]:
    """The oldest first, as they are once they are claimed."""
    if most <= 0:
        return []
    of = webhook_deliveries.c
    due = (
        select(of.id)
        .where(of.endpoint_id == endpoint_id, is_pending, of.next_at <= now)
        .order_by(of.next_at)
        .limit(most)
        .with_for_update(skip_locked=True)
        .cte()  # in a plain IN, PostgreSQL may run it for each row, and lock beyond the limit
    )
    chosen = of.id.in_(select(due.c.id))
    ours = update(webhook_deliveries).where(chosen).values(attempts=of.attempts + 1, next_at=lock_until)
    rows = (await connection.execute(ours.returning(*of))).all()
    return sorted(rows, key=lambda row: row.id)


async def _next_due(connection: AsyncConnection, endpoint_id: str) -> datetime | None:
    of = webhook_deliveries.c
    moment: datetime | None = await connection.scalar(
        select(of.next_at).where(of.endpoint_id == endpoint_id, is_pending).order_by(of.next_at).limit(1)
    )
    return moment


async def _claims(
    connection: AsyncConnection, claimed: Sequence[tuple[AnyRow, AnyRow]], now: datetime, lock_until: datetime
) -> list[Claim]:
    """With what they carry. Those whose events are all deleted fail here."""
    if not claimed:
        return []
    carried = await bodies(connection, [row for _, row in claimed])
    empty = [row.id for _, row in claimed if row.id not in carried]
    if empty:
        failed = {"state": DeliveryState.FAILED, "reason": "event_gone", "next_at": None}
        await connection.execute(update(webhook_deliveries).where(webhook_deliveries.c.id.in_(empty)).values(failed))
    return [
        Claim(
            delivery_id=row.id,
            endpoint_id=endpoint.id,
            message=Message(id=row.message_id, url=endpoint.url, secrets=_secrets(endpoint, now), body=carried[row.id]),
            number=row.attempts,
            tries=row.tries + 1,
            failing=endpoint.failing_since is not None,
            lock_until=lock_until,
        )
        for endpoint, row in claimed
        if row.id in carried
    ]


def _secrets(endpoint: AnyRow, now: datetime) -> tuple[str, ...]:
    """The newest first."""
    overlaps = endpoint.old_secret is not None and endpoint.old_secret_until > now
    return (endpoint.secret, endpoint.old_secret) if overlaps else (endpoint.secret,)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((each for each in (one, other) if each is not None), default=None)
