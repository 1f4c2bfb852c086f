"""What people and programs did here, and what they read: entries that are added and never changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

Details = Mapping[str, str | int | bool | None]


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what, to what, from where.

    ``actor``: id of the user, key or panel token, ``by`` says which; "cli" for a command on the machine. ``action``:
    what happened, in snake case with its subject first (``key.created``). ``target``: the id of what it happened to.
    ``address``: of the client; "" for a command. ``before``, ``after``: what changed about the target. Never secrets,
    and nothing that was said on a call.
    """

    id: str
    tenant: str
    at: datetime
    actor: str
    actor_name: str
    by: Literal["session", "key", "panel", "cli"]
    action: str
    target: str
    address: str
    before: Details | None = None
    after: Details | None = None
