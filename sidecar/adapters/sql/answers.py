"""Answers by Idempotency-Key on SQL. Of many who claim a key at once, one gets it. What tells a secret is sealed."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.adapters.sql.engine import Database, serialise
from sidecar.adapters.sql.rows import AnyRow
from sidecar.adapters.sql.sealed import NotOpened, seal, unseal
from sidecar.adapters.sql.tables import answers
from sidecar.ports.answers import Answer, KeyedRequest, KeyRefused

KEPT = timedelta(days=1)


class SqlAnswers:
    """Fulfils ``ports.answers.Answers``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, request: KeyedRequest) -> Answer | None:
        """Only reads, so it does not wait for other writers."""
        async with self._database.read() as connection:
            row = await _row(connection, request)
        return None if row is None else _answer(row, request)

    async def claim(self, request: KeyedRequest, *, now: datetime) -> Answer | None:
        """The row without an answer is the claim."""
        async with self._database.write() as connection:
            await connection.execute(delete(answers).where(answers.c.created_at < now - KEPT))
            await serialise(connection, f"answer {request.caller} {request.key}")
            row = await _row(connection, request)
            if row is None:
                await connection.execute(answers.insert().values(_claimed(request, now)))
                return None
        answer = _answer(row, request)
        if answer is None:
            raise KeyRefused(
                "A request with this Idempotency-Key has no answer yet.",
                next_step="See whether it had an effect before you ask with another key.",
                code="idempotency_key_in_use",
            )
        return answer

    async def keep(self, request: KeyedRequest, answer: Answer, *, now: datetime) -> None:
        """With or without a claim before it."""
        values = {
            "status": answer.status,
            "content_type": answer.content_type,
            "body": seal(answer.body, request.secret, place=_place(request))
            if request.secret
            else answer.body.decode(),
            "location": answer.location or None,
        }
        async with self._database.write() as connection:
            await serialise(connection, f"answer {request.caller} {request.key}")
            if await _row(connection, request) is None:
                await connection.execute(answers.insert().values(_claimed(request, now) | values))
            else:
                unanswered = update(answers).where(_is(request), answers.c.status.is_(None))
                await connection.execute(unanswered.values(values))

    async def release(self, request: KeyedRequest) -> None:
        """Removes the claim."""
        async with self._database.write() as connection:
            await connection.execute(delete(answers).where(_is(request), answers.c.status.is_(None)))


def _is(request: KeyedRequest) -> ColumnElement[bool]:
    return and_(answers.c.caller == request.caller, answers.c.key == request.key)


def _claimed(request: KeyedRequest, now: datetime) -> dict[str, object]:
    return {
        "caller": request.caller,
        "key": request.key,
        "fingerprint": request.fingerprint,
        "created_at": now,
    }


async def _row(connection: AsyncConnection, request: KeyedRequest) -> AnyRow | None:
    return (await connection.execute(select(answers).where(_is(request)))).one_or_none()


def _answer(row: AnyRow, request: KeyedRequest) -> Answer | None:
    if row.fingerprint != request.fingerprint:
        raise KeyRefused(
            "This Idempotency-Key was used for another request.",
            next_step="Make a new key for each request.",
        )
    if row.status is None:
        return None
    body = _unsealed(row.body, request) if request.secret else row.body.encode()
    return Answer(status=row.status, content_type=row.content_type, body=body, location=row.location or "")


def _unsealed(body: str, request: KeyedRequest) -> bytes:
    try:
        return unseal(body, request.secret, place=_place(request))
    except NotOpened as error:
        raise KeyRefused(
            "The answer to this Idempotency-Key tells a secret, and does not open for you.",
            next_step="See whether the request had an effect before you ask with another key.",
            code="idempotency_key_in_use",
        ) from error


def _place(request: KeyedRequest) -> str:
    return f"{request.caller} {request.key} {request.fingerprint}"
