"""Tells the audit log what a caller did. Every handler that changes something does so, when it is done."""

from __future__ import annotations

import structlog
from aiohttp import web

from sidecar.domain.audit import AuditEntry, Details
from sidecar.domain.errors import StoreUnavailable
from sidecar.server.app_keys import AUDIT, CLOCK
from sidecar.server.auth.caller import CALLER
from sidecar.server.strangers import STRANGERS

log = structlog.get_logger()

# Whether the request has been told of: the door tells of those that changed something and said nothing.
AUDITED: web.RequestKey[bool] = web.RequestKey("audited", bool)


async def audit(
    request: web.Request, action: str, target: str, *, before: Details | None = None, after: Details | None = None
) -> None:
    """``action``: what happened, such as ``key.revoked``; ``target``: the id of what it happened to.

    What is done is done, so a store that does not answer is only logged. No secrets and no speech in ``before`` and
    ``after``.
    """
    caller, clock = request[CALLER], request.app[CLOCK]
    entry = AuditEntry(
        id=clock.new_id("aud"),
        tenant=caller.tenant,
        at=clock.now(),
        actor=caller.user or caller.id,
        actor_name=caller.name,
        by=caller.by,
        action=action,
        target=target,
        address=request.app[STRANGERS].address(request),
        before=before,
        after=after,
    )
    request[AUDITED] = True
    try:
        await request.app[AUDIT].add(entry)
    except StoreUnavailable as error:
        log.error("audit_entry_lost", action=action, target=target, actor=entry.actor, code=error.code)
