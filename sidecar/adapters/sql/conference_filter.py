"""Which conferences somebody wants listed, as conditions of SQL."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, or_, select

from sidecar.adapters.sql.tables import conferences, participants
from sidecar.domain.conference.values import Role
from sidecar.ports.directory import ConferenceFilter


def conditions(wanted: ConferenceFilter) -> Iterator[ColumnElement[bool]]:
    """All that have to hold."""
    yield conferences.c.tenant == wanted.tenant
    if wanted.own_of is not None:
        yield is_own(wanted.own_of)
    if wanted.room is not None:
        yield conferences.c.room == wanted.room
    if wanted.state is not None:
        yield conferences.c.state == wanted.state
    if wanted.agent is not None:
        yield is_own(wanted.agent)
    if wanted.since is not None:
        yield conferences.c.clock_zero >= wanted.since
    if wanted.until is not None:
        yield conferences.c.clock_zero < wanted.until
    if wanted.text is not None:
        yield _says(wanted.text)


def is_own(agent: str) -> ColumnElement[bool]:
    """As ``domain.access.callers.is_own``, for many conferences at once."""
    named = or_(participants.c.name == agent, participants.c.label == agent)
    return _with((participants.c.role == Role.AGENT) & named)


def _says(text: str) -> ColumnElement[bool]:
    columns = (participants.c.name, participants.c.label)
    here = [column.icontains(text, autoescape=True) for column in columns]
    return or_(
        conferences.c.id == text,
        conferences.c.sid == text,
        conferences.c.room.icontains(text, autoescape=True),
        _with(or_(participants.c.call_sid == text, *here)),
    )


def _with(participant: ColumnElement[bool]) -> ColumnElement[bool]:
    """A participant like that is, or was, in it."""
    in_it = participants.c.conference_id == conferences.c.id
    return select(participants.c.id).where(in_it & participant).exists()
