"""Stays of the assistant on SQL. That there is one at a time is a rule of the table, so that nodes cannot disagree."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import func, select, update

from sidecar.adapters.sql.engine import Database, serialise
from sidecar.adapters.sql.rows import AnyRow, assistant_of
from sidecar.adapters.sql.tables import assistants
from sidecar.domain.assistant.stay import (
    Assistant,
    AssistantPresent,
    AssistantRefused,
    Audience,
    LineRefused,
    Speaks,
    Spoken,
    Stage,
)
from sidecar.domain.errors import NotFound

HOUR = timedelta(hours=1)
_LIVE = assistants.c.stage.in_((Stage.REQUESTED, Stage.JOINED))


class SqlAssistants:
    """Fulfils ``ports.assistants.Assistants``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reserve(self, assistant: Assistant, *, per_hour: int) -> None:
        """Everybody who invites passes here one by one."""
        values = msgspec.structs.asdict(assistant) | {"speaking": None}
        async with self._database.write() as connection:
            await serialise(connection, "assistants")
            here = select(assistants).where(assistants.c.conference_id == assistant.conference_id, _LIVE)
            present = (await connection.execute(here)).first()
            if present is not None:
                raise AssistantPresent(assistant_of(present))
            recent = select(func.count()).where(
                assistants.c.tenant == assistant.tenant, assistants.c.requested_at > assistant.requested_at - HOUR
            )
            if (await connection.scalar(recent) or 0) >= per_hour:
                raise AssistantRefused(
                    f"{per_hour} assistants were invited within an hour, and that is the limit.",
                    code="assistant_cap",
                    next_step="SIDECAR_ASSISTANT_PER_HOUR sets it.",
                )
            await connection.execute(assistants.insert().values(values))

    async def assistant(self, assistant_id: str) -> Assistant | None:
        """By its id."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(assistants).where(assistants.c.id == assistant_id))).one_or_none()
        return None if row is None else assistant_of(row)

    async def of_leg(self, call_sid: str, assistant_id: str) -> Assistant | None:
        """By its call or its id."""
        its = (assistants.c.call_sid == call_sid) | (assistants.c.id == assistant_id)
        async with self._database.read() as connection:
            row = (await connection.execute(select(assistants).where(its).limit(1))).first()
        return None if row is None else assistant_of(row)

    async def of_conference(self, conference_id: str) -> Sequence[Assistant]:
        """The newest first."""
        wanted = select(assistants).where(assistants.c.conference_id == conference_id)
        async with self._database.read() as connection:
            rows = (await connection.execute(wanted.order_by(assistants.c.requested_at.desc(), assistants.c.id))).all()
        return [assistant_of(row) for row in rows]

    async def live(self) -> Sequence[Assistant]:
        """Of all conferences."""
        async with self._database.read() as connection:
            rows = (await connection.execute(select(assistants).where(_LIVE).order_by(assistants.c.id))).all()
        return [assistant_of(row) for row in rows]

    async def set_manners(self, assistant_id: str, *, speaks: Speaks, audience: Audience, muted: bool) -> Assistant:
        """Other manners from now on."""
        changed = update(assistants).where(assistants.c.id == assistant_id)
        async with self._database.write() as connection:
            row = (
                await connection.execute(
                    changed.values(speaks=speaks, audience=audience, muted=muted).returning(*assistants.c)
                )
            ).one_or_none()
        if row is None:
            raise NotFound(f"There is no assistant {assistant_id}.")
        return assistant_of(row)

    async def dismiss(self, assistant_id: str) -> None:
        """Its TwiML is a hang-up from now on."""
        await self._change(assistant_id, dismissed=True)

    async def know_call(self, assistant_id: str, call_sid: str) -> None:
        """The provider's id of its leg."""
        await self._change(assistant_id, call_sid=call_sid)

    async def renew_token(
        self, assistant_id: str, *, call_sid: str, token_hash: str, expires_at: datetime
    ) -> Assistant | None:
        """The token before names nothing any more."""
        its_call = assistants.c.call_sid.is_(None) | (assistants.c.call_sid == call_sid)
        renewed = (
            update(assistants)
            .where(assistants.c.id == assistant_id, _LIVE, assistants.c.dismissed.is_(False), its_call)
            .values(
                call_sid=call_sid,
                renderings=assistants.c.renderings + 1,
                token_hash=token_hash,
                token_expires_at=expires_at,
                token_used_at=None,
            )
            .returning(*assistants.c)
        )
        async with self._database.write() as connection:
            row = (await connection.execute(renewed)).one_or_none()
        return None if row is None else assistant_of(row)

    async def claim_token(self, *, token_hash: str, call_sid: str, now: datetime) -> Assistant:
        """Spend a token in one statement, so that of many callers exactly one gets the assistant."""
        spent = (
            update(assistants)
            .where(
                assistants.c.token_hash == token_hash,
                assistants.c.token_used_at.is_(None),
                assistants.c.token_expires_at > now,
                assistants.c.call_sid == call_sid,
                assistants.c.dismissed.is_(False),
                _LIVE,
            )
            .values(token_used_at=now)
            .returning(*assistants.c)
        )
        of_token = select(assistants).where(assistants.c.token_hash == token_hash)
        async with self._database.write() as connection:
            claimed = (await connection.execute(spent)).one_or_none()
            found = None if claimed is not None else (await connection.execute(of_token)).one_or_none()
        if claimed is None:
            raise _refusal(found, call_sid=call_sid)
        return assistant_of(claimed)

    async def line_held(self, assistant_id: str) -> None:
        """Renderings are counted anew."""
        await self._change(assistant_id, renderings=0)

    async def note_speaking(self, assistant_id: str, spoken: Spoken | None) -> None:
        """As JSON."""
        await self._change(assistant_id, speaking=msgspec.json.encode(spoken).decode() if spoken else None)

    async def _change(self, assistant_id: str, **values: object) -> None:
        async with self._database.write() as connection:
            await connection.execute(update(assistants).where(assistants.c.id == assistant_id).values(values))


def _refusal(row: AnyRow | None, *, call_sid: str) -> LineRefused:
    """Why the token did not open anything, for the counters and the log."""
    if row is None:
        return LineRefused("The token of the assistant's line is unknown.", code="assistant_token_unknown")
    if row.token_used_at is not None:
        return LineRefused(f"The token of assistant {row.id} was used before.", code="assistant_token_used")
    if row.call_sid != call_sid:
        return LineRefused(f"The token of assistant {row.id} is another call's.", code="assistant_token_other_call")
    if row.dismissed or row.stage not in (Stage.REQUESTED, Stage.JOINED):
        return LineRefused(f"Assistant {row.id} is gone.", code="assistant_gone")
    return LineRefused(f"The token of assistant {row.id} came too late.", code="assistant_token_expired")
