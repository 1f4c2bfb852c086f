"""Tells the audit log what a caller did. Every handler that changes something does so, when it is done."""

from __future__ import annotations

from collections.abc import Collection

import structlog
from aiohttp import web

from sidecar.domain.audit import AuditEntry, Details
from sidecar.domain.conference.values import Conference
from sidecar.domain.errors import StoreUnavailable
from sidecar.server.app_keys import AUDIT, CLOCK
from sidecar.server.auth.caller import CALLER
from sidecar.server.limits import LIMITS
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
    request[AUDITED] = True
    await _add(request, action, target, before, after)


async def audit_read(request: web.Request, conference: Conference) -> None:
    """Who reads a transcript: noted once within an hour for each session or key, for a page asks many times."""
    if request.app[LIMITS].is_news(f"{request[CALLER].id} {conference.id}"):
        await _add(request, "transcript.read", conference.id, None, None)


async def audit_search(request: web.Request, conferences: Collection[str]) -> None:
    """Who was shown lines of these conferences by a search; what was looked for is nobody's business."""
    if conferences:
        found = set(conferences)
        after = {"lines": len(conferences), "conferences": len(found)}
        await _add(request, "transcripts.searched", min(found) if len(found) == 1 else "", None, after)


async def _add(request: web.Request, action: str, target: str, before: Details | None, after: Details | None) -> None:
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
    try:
        await request.app[AUDIT].add(entry)
    except StoreUnavailable as error:
        log.error("audit_entry_lost", action=action, target=target, actor=entry.actor, code=error.code)
