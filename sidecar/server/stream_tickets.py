"""Tickets for ``/v1/stream``: for an EventSource on another site, which can send neither our cookie nor a header.

A ticket is opaque, lasts a minute, opens one stream, and only of the topics and for the caller that it was made for.
So one that ends up in a proxy's log opens nothing. They live in this process: who loses one to a restart asks again.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta

import msgspec
from aiohttp import web

from sidecar.domain.access.callers import Caller, token_hash

TICKET_LASTS = timedelta(seconds=60)
TICKET_PREFIX = "skt_"
# Beyond that the oldest one is void; nobody needs so many within a minute.
TICKETS_MOST = 10_000


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """``types``: of events, None: all."""

    caller: Caller
    topics: list[str]
    types: frozenset[str] | None
    expires_at: datetime


class StreamTickets:
    """Those that nobody has used yet, by hash, the oldest first."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, Ticket] = OrderedDict()

    def add(self, secret: str, ticket: Ticket) -> None:
        """Good from now on. All of them last equally long, so that the oldest ones expire first."""
        while self._open and (
            len(self._open) >= TICKETS_MOST or self._first.expires_at <= ticket.expires_at - TICKET_LASTS
        ):
            self._open.popitem(last=False)
        self._open[token_hash(secret)] = ticket

    def use(self, secret: str, *, now: datetime) -> Ticket | None:
        """The ticket, and nobody gets it again; None for one that is unknown, was used or has expired."""
        ticket = self._open.pop(token_hash(secret), None)
        return ticket if ticket is not None and now < ticket.expires_at else None

    @property
    def _first(self) -> Ticket:
        return next(iter(self._open.values()))


STREAM_TICKETS: web.AppKey[StreamTickets] = web.AppKey("stream_tickets", StreamTickets)
# Set by the door for a request that came with one.
TICKET: web.RequestKey[Ticket] = web.RequestKey("ticket", Ticket)
