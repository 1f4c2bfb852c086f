"""What the API and the page of the settings do with API keys."""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from http import HTTPStatus

from aiohttp import web

from sidecar.domain.access.callers import ApiKey, NameRefused, Scope, ScopeRefused, token_hash
from sidecar.domain.access.keys import RANDOM_BYTES, key_of, new_key
from sidecar.server.app_keys import ACCOUNTS, CLOCK, STREAM_HUB
from sidecar.server.audit import audit
from sidecar.server.auth.caller import CALLER
from sidecar.server.problems import RequestRefused

_ID = re.compile(r"key_[0-9A-Za-z_]{1,64}")


async def create_key(
    request: web.Request, name: str, scopes: list[Scope], expires_at: datetime | None
) -> tuple[ApiKey, str]:
    """A new key, and the only sight of it. Raises RequestRefused."""
    clock, caller, secret = request.app[CLOCK], request[CALLER], key_of(secrets.token_bytes(RANDOM_BYTES))
    try:
        key = new_key(
            clock.new_id("key"), name, secret, scopes=scopes, tenant=caller.tenant, now=clock.now(),
            expires_at=expires_at,
        )  # fmt: skip
        await request.app[ACCOUNTS].add_key(key, token_hash=token_hash(secret))
    except ScopeRefused as error:
        pointer = "#/scopes" if error.code == "scopes_missing" else "#/expires_at"
        raise RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, error.code, str(error), pointer=pointer) from error
    except NameRefused as error:
        status = HTTPStatus.CONFLICT if error.code == "name_taken" else HTTPStatus.UNPROCESSABLE_ENTITY
        raise RequestRefused(status, error.code, error.message, pointer="#/name") from error
    expires = key.expires_at.isoformat() if key.expires_at is not None else None
    after = {"name": key.name, "scopes": " ".join(sorted(key.scopes)), "expires_at": expires}
    await audit(request, "key.created", key.id, after=after)
    return key, secret


async def revoke_key(request: web.Request, key_id: str) -> ApiKey:
    """It opens nothing any more, and its streams close. Raises NotFound."""
    wanted = key_id if _ID.fullmatch(key_id) else ""  # by its id only, never by its name
    now = request.app[CLOCK].now()
    key = await request.app[ACCOUNTS].revoke_key(wanted, tenant=request[CALLER].tenant, now=now)
    request.app[STREAM_HUB].close_of(key.id)
    await audit(request, "key.revoked", key.id, before={"name": key.name})
    return key
