"""Name and password become a user, in a time that does not say which of them was wrong."""

from __future__ import annotations

import structlog
from aiohttp import web

from sidecar.domain.access.callers import NAME_LENGTH_MOST, User
from sidecar.domain.access.passwords import LENGTH_MOST, SignInRefused, normal
from sidecar.server.app_keys import ACCOUNTS, PASSWORDS
from sidecar.server.limits import LIMITS

log = structlog.get_logger()


async def user_by_password(request: web.Request, name: str, password: str) -> User:
    """Whose they are. Raises SignInRefused, TooOften, StoreUnavailable."""
    accounts, limits, wanted = request.app[ACCOUNTS], request.app[LIMITS], name.strip()[:NAME_LENGTH_MOST]
    limits.check_password_tries(request, wanted)
    given = normal(password)[:LENGTH_MOST]
    hashed = await accounts.password_hash(wanted)
    checked = await request.app[PASSWORDS].check(given, hashed)
    user = await accounts.user_named(wanted)
    if user is None or hashed is None or not checked.right:
        limits.wrong_password(request, wanted)
        log.warning("sign_in_refused", reason="sign_in_refused", user=user.id if user is not None else None)
        raise SignInRefused("No user has this name and this password.")
    if checked.better is not None:
        await accounts.renew_hash(user.name, before=hashed, after=checked.better)
    return user
