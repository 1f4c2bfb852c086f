"""``/v1/api_keys``: the keys of the caller's tenant. A key is seen once, when it is made."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from aiohttp import hdrs, web

from sidecar.domain.access.callers import NAME_LENGTH_MOST, ApiKey, Scope
from sidecar.server.acts import keys as acts
from sidecar.server.api.bodies import body_of, json_response
from sidecar.server.api.idempotency import once
from sidecar.server.api.paging import limit_of, page, place_after
from sidecar.server.app_keys import ACCOUNTS
from sidecar.server.auth.caller import CALLER
from sidecar.server.problems import RequestRefused


class KeyWish(msgspec.Struct, forbid_unknown_fields=True):
    """``expires_at``: from when on it opens nothing; left out: it does until it is revoked."""

    name: Annotated[str, msgspec.Meta(max_length=NAME_LENGTH_MOST)]
    scopes: list[Scope]
    expires_at: datetime | None = None


class KeyPlace(msgspec.Struct):
    """After which key a page begins."""

    id: str


async def list_keys(request: web.Request) -> web.Response:
    """``GET /v1/api_keys``: oldest first, those that open nothing any more too. None is shown itself."""
    limit, after = limit_of(request), place_after(request, KeyPlace)
    keys = await request.app[ACCOUNTS].keys(tenant=request[CALLER].tenant)
    if after is not None:
        keys = keys[next((n + 1 for n, key in enumerate(keys) if key.id == after.id), 0) :]
    shown = keys[:limit]
    return page(
        request, [_shown(key) for key in shown], next_place=KeyPlace(shown[-1].id) if len(keys) > limit else None
    )


async def make_key(request: web.Request) -> web.Response:
    """``POST /v1/api_keys``: 201 with the key, told this once. 409 for a name that another valid key has."""
    wish = await body_of(request, KeyWish)
    if wish.expires_at is not None and wish.expires_at.tzinfo is None:
        raise RequestRefused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "expires_invalid",
            "expires_at has no time zone.",
            next_step="End it with Z, for UTC.",
            pointer="#/expires_at",
        )

    async def act() -> web.Response:
        key, secret = await acts.create_key(request, wish.name, wish.scopes, wish.expires_at)
        headers = {hdrs.LOCATION: f"/v1/api_keys/{key.id}"}
        return json_response(_shown(key) | {"key": secret}, HTTPStatus.CREATED, headers=headers)

    return await once(request, act, tells_secret=True)


async def revoke_key(request: web.Request) -> web.Response:
    """``DELETE /v1/api_keys/{key}``: it opens nothing any more, and its streams close."""
    await acts.revoke_key(request, request.match_info["key"])
    return web.Response(status=HTTPStatus.NO_CONTENT)


def _shown(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "ending": key.ending or None,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    }
