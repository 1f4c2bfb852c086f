"""``/v1/api_keys``: the keys of the caller's tenant. A key is seen once, when it is made."""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import hdrs, web

from sidecar.domain.access import ApiKey, NameRefused, Scope, ScopeRefused, token_hash
from sidecar.domain.access_keys import RANDOM_BYTES, key_of, new_key
from sidecar.server.api.bodies import NO_STORE, body_of, json_response
from sidecar.server.api.paging import limit_of, page, place_after
from sidecar.server.app_keys import ACCOUNTS, CLOCK
from sidecar.server.audit import audit
from sidecar.server.auth.caller import CALLER
from sidecar.server.problems import RequestRefused

_ID = re.compile(r"key_[0-9A-Za-z_]{1,64}")


class KeyWish(msgspec.Struct, forbid_unknown_fields=True):
    """``expires_at``: from when on it opens nothing; left out: it does until it is revoked."""

    name: str
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
        raise _invalid("expires_invalid", "expires_at needs its time zone, such as Z.", "#/expires_at")
    key, secret = await create_key(request, wish.name, wish.scopes, wish.expires_at)
    headers = NO_STORE | {hdrs.LOCATION: f"/v1/api_keys/{key.id}"}
    return json_response(_shown(key) | {"key": secret}, HTTPStatus.CREATED, headers=headers)


async def revoke_key(request: web.Request) -> web.Response:
    """``DELETE /v1/api_keys/{key}``: it opens nothing any more; its streams close within a minute."""
    await drop_key(request, request.match_info["key"])
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def create_key(
    request: web.Request, name: str, scopes: list[Scope], expires_at: datetime | None
) -> tuple[ApiKey, str]:
    """A key of the caller's tenant, by API and page alike. Raises RequestRefused."""
    clock, caller, secret = request.app[CLOCK], request[CALLER], key_of(secrets.token_bytes(RANDOM_BYTES))
    try:
        key = new_key(
            clock.new_id("key"), name, secret, scopes=scopes, tenant=caller.tenant, now=clock.now(),
            expires_at=expires_at,
        )  # fmt: skip
        await request.app[ACCOUNTS].add_key(key, token_hash=token_hash(secret))
    except ScopeRefused as error:
        pointer = "#/scopes" if error.code == "scopes_missing" else "#/expires_at"
        raise _invalid(error.code, str(error), pointer) from error
    except NameRefused as error:
        if error.code == "name_taken":
            raise RequestRefused(HTTPStatus.CONFLICT, error.code, error.message, pointer="#/name") from error
        raise _invalid(error.code, error.message, "#/name") from error
    after = {"name": key.name, "scopes": " ".join(sorted(key.scopes)), "expires_at": _iso(key.expires_at)}
    await audit(request, "key.created", key.id, after=after)
    return key, secret


async def drop_key(request: web.Request, key_id: str) -> ApiKey:
    """Revoke a key of the caller's tenant. Raises NotFound."""
    accounts, clock = request.app[ACCOUNTS], request.app[CLOCK]
    wanted = key_id if _ID.fullmatch(key_id) else ""  # by its id only, never by its name
    key = await accounts.revoke_key(wanted, tenant=request[CALLER].tenant, now=clock.now())
    await audit(request, "key.revoked", key.id, before={"name": key.name})
    return key


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


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _invalid(code: str, message: str, pointer: str) -> RequestRefused:
    return RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, code, message, pointer=pointer)
