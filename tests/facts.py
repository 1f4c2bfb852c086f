"""Short ways to say facts in tests: fork requests, utterances, drafts. No behaviour of its own."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from sidecar.domain.conference.values import Role
from sidecar.domain.events import Draft, EventData, UtteranceFinal
from sidecar.domain.webhooks.endpoints import Endpoint, EndpointState
from sidecar.ports.directory import BoundFork, Directory, ForkRequest

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
_numbers = itertools.count(1)


def fork_request(call_sid: str, *, room: str | None = "support", **changes: Any) -> ForkRequest:
    """A call that asks for its TwiML; ids are fresh, the token is ``token of <call>``."""
    n = next(_numbers)
    values: dict[str, Any] = {
        "conference_id": f"cnf_{n}",
        "participant_id": f"par_{n}",
        "fork_id": f"frk_{n}",
        "tenant": "",
        "room": room,
        "call_sid": call_sid,
        "label": "agent",
        "name": "Ana",
        "role": Role.AGENT,
        "token_hash": f"hash of the token of {call_sid} {n}",
        "token_expires_at": NOON + timedelta(seconds=60),
        "now": NOON,
    }
    return ForkRequest(**(values | changes))


async def open_call(directory: Directory, call_sid: str = "CA1", *, room: str | None = "support") -> BoundFork:
    """A participant with a pending fork in that room."""
    return await directory.open_fork(fork_request(call_sid, room=room))


def draft(conference: str, data: EventData, *, id_: str | None = None, at: datetime = NOON) -> Draft:
    """A fact with a fresh id."""
    return Draft(id=id_ or f"evt_{next(_numbers)}", conference=conference, timestamp=at, data=data)


def utterance(bound: BoundFork, index: int, *, session: str = "ses_1", text: str = "hello") -> UtteranceFinal:
    """The ``index``-th result of a recogniser's session: one second long, one each second."""
    return UtteranceFinal(
        id=f"utt_{next(_numbers)}",
        participant=bound.participant.id,
        fork=bound.fork.id,
        session=session,
        result_index=index,
        revision=1,
        start_ms=index * 1000,
        end_ms=index * 1000 + 900,
        text=text,
        engine="local",
        lag_ms=120,
    )


def said(bound: BoundFork, index: int, **details: Any) -> Draft:
    """A draft of ``utterance``."""
    return draft(bound.conference.id, utterance(bound, index, **details))


def webhook_endpoint(id_: str, **changes: Any) -> Endpoint:
    """An enabled endpoint of the plain tenant that wants everything."""
    values: dict[str, Any] = {
        "id": id_,
        "tenant": "",
        "url": "https://crm.example.com/hooks",
        "description": "",
        "types": ("*",),
        "state": EndpointState.ENABLED,
        "created_at": NOON,
    }
    return Endpoint(**(values | changes))
