"""What the model may have done, and who decides: a policy outside of it. Pure.

Whatever is said on a call can make a model ask for anything, so each request is judged by who asked the assistant,
never by what the model makes of it. A tool that is not listed does not exist.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from sidecar.domain.conference import Role

QUERY_MAX_CHARS = 200
MESSAGE_MAX_CHARS = 200
# Supervisors are called seldom, or they stop to look.
NOTIFY_EVERY_MS = 60_000
NOTIFY_MOST = 5
# Rounds of tools in one answer, and requests in one round: a model that goes on asking is not answering.
ROUNDS_MOST = 3
CALLS_MOST = 4


class ToolName(StrEnum):
    """All there are."""

    SEARCH = "search_transcript"
    NOTIFY = "notify_supervisor"
    LEAVE = "leave"


class Search(msgspec.Struct, frozen=True):
    """Look for words in this call's transcript."""

    query: str


class Notify(msgspec.Struct, frozen=True):
    """Show supervisors a line at the assistant's panel."""

    message: str


class Leave(msgspec.Struct, frozen=True):
    """Go, at the end of this answer."""


class Refused(msgspec.Struct, frozen=True):
    """Not done. ``why``: for the model, in one sentence."""

    why: str


Judgement = Search | Notify | Leave | Refused

# Who may send it away by asking it: those who work here. Everybody else says that they want no assistant (row 18).
MAY_SEND_AWAY = frozenset({Role.AGENT, Role.SUPERVISOR})


class Notices(msgspec.Struct, frozen=True):
    """How often supervisors were called so far, and when last."""

    count: int = 0
    last_ms: int = -NOTIFY_EVERY_MS


def judge(name: str, arguments: str, *, asked_by: Role | None, notices: Notices, now_ms: int) -> Judgement:
    """``arguments``: what the model wrote, which may be no JSON. ``asked_by``: of whom it answers; None: the panel."""
    try:
        match name:
            case ToolName.SEARCH:
                search = msgspec.json.decode(arguments or "{}", type=Search, strict=True)
                query = search.query.strip()
                return Search(query[:QUERY_MAX_CHARS]) if query else Refused("The query is empty.")
            case ToolName.NOTIFY:
                return _notify(msgspec.json.decode(arguments or "{}", type=Notify, strict=True), notices, now_ms)
            case ToolName.LEAVE:
                if asked_by is None or asked_by in MAY_SEND_AWAY:
                    return Leave()
                return Refused("Only the agent or a supervisor can send you away by asking you.")
            case _:
                return Refused("There is no such tool.")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Refused("The arguments do not fit the tool.")


def _notify(notify: Notify, notices: Notices, now_ms: int) -> Notify | Refused:
    if notices.count >= NOTIFY_MOST or now_ms - notices.last_ms < NOTIFY_EVERY_MS:
        return Refused("Supervisors were called already.")
    message = "".join(c if c.isprintable() else " " for c in notify.message).strip()
    return Notify(message[:MESSAGE_MAX_CHARS]) if message else Refused("The message is empty.")
