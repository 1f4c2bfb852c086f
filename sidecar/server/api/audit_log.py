"""``GET /v1/audit``: who did what in the caller's tenant, the newest first."""

from __future__ import annotations

from typing import Annotated

import msgspec
from aiohttp import web

from sidecar.server.api.paging import limit_of, page, place_after
from sidecar.server.app_keys import AUDIT
from sidecar.server.auth.caller import CALLER


class AuditPlace(msgspec.Struct):
    """After which entry a page begins."""

    id: Annotated[str, msgspec.Meta(pattern="^aud_[0-9A-Za-z]{1,64}$")]


async def list_audit(request: web.Request) -> web.Response:
    """``?limit=50&after=<cursor>``. 400 for a limit or cursor that is none."""
    limit, after = limit_of(request), place_after(request, AuditPlace)
    found = await request.app[AUDIT].entries(
        request[CALLER].tenant, before=after.id if after is not None else None, limit=limit + 1
    )
    shown = found[:limit]
    data = [{name: getattr(entry, name) for name in entry.__struct_fields__ if name != "tenant"} for entry in shown]
    return page(request, data, next_place=AuditPlace(shown[-1].id) if len(found) > limit else None)
