"""How often somebody may ask: whoever got in, by session or key; and whoever tries keys and passwords.

Counted in this process: with several of them, each allows as much. Strangers as such have limits of their own
(``strangers``).
"""

from __future__ import annotations

import asyncio
import math
from http import HTTPStatus

import structlog
from aiohttp import web

from sidecar.domain.access.callers import Caller
from sidecar.domain.rate_limit import RateLimit, Taken
from sidecar.server.auth.rules import Rule
from sidecar.server.problems import RequestRefused
from sidecar.server.strangers import STRANGERS

log = structlog.get_logger()

# Who is called in or invited costs money and is heard on the call.
INVITES_PER_MINUTE = 20
# Wrong keys of one address. A right one is let in all the same: who shares an address must not suffer.
WRONG_KEYS_PER_MINUTE = 20
# Wrong passwords of one address, and for one name, whoever tries it: a link signs that user in all the same.
WRONG_PASSWORDS_PER_MINUTE = 10
WRONG_PASSWORDS_OF_ONE_NAME_PER_MINUTE = 2
WRONG_PASSWORDS_OF_ONE_NAME_AT_ONCE = 10
# Who reads a transcript is noted once within an hour.
READS_NOTED_PER_MINUTE = 1 / 60


class TooOften(RequestRefused):
    """429; ``retry_after_s`` says when it will be allowed."""

    def __init__(self, code: str, message: str, taken: Taken) -> None:
        wait_s = max(1, math.ceil(taken.retry_after_s))
        super().__init__(
            HTTPStatus.TOO_MANY_REQUESTS, code, message, next_step=f"Try again in {wait_s} s.", retry_after_s=wait_s
        )


class Limits:
    """All of one service. ``per_minute``: requests of one session, key or panel; 0 for as many as they like."""

    def __init__(self, *, per_minute: int) -> None:
        self._callers = RateLimit(burst=per_minute, per_minute=per_minute) if per_minute else None
        self._invites = RateLimit(burst=INVITES_PER_MINUTE, per_minute=INVITES_PER_MINUTE)
        self._wrong_keys = RateLimit(burst=WRONG_KEYS_PER_MINUTE, per_minute=WRONG_KEYS_PER_MINUTE)
        self._wrong_passwords = RateLimit(burst=WRONG_PASSWORDS_PER_MINUTE, per_minute=WRONG_PASSWORDS_PER_MINUTE)
        self._wrong_by_name = RateLimit(
            burst=WRONG_PASSWORDS_OF_ONE_NAME_AT_ONCE, per_minute=WRONG_PASSWORDS_OF_ONE_NAME_PER_MINUTE
        )
        self._reads = RateLimit(burst=1, per_minute=READS_NOTED_PER_MINUTE)

    def is_news(self, who_reads_what: str) -> bool:
        """Whether this was not noted lately."""
        return self._reads.take(who_reads_what, _now()).allowed

    def ask(self, request: web.Request, caller: Caller, rule: Rule) -> None:
        """A request of somebody who got in. Raises TooOften."""
        if self._callers is not None:
            taken = self._callers.take(caller.id, _now())
            request[RATE] = self._callers, taken
            _check(taken, "rate_limited", f"More than {self._callers.burst} requests within a minute.")
        if rule.invites:
            taken = self._invites.take(caller.id, _now())
            _check(taken, "invites_limited", f"More than {INVITES_PER_MINUTE} invitations within a minute.")

    def wrong_key(self, request: web.Request) -> None:
        """A key that opens nothing. Raises TooOften for the one too many."""
        taken = self._wrong_keys.take(_address(request), _now())
        _check(taken, "too_many_wrong_keys", "Too many wrong keys came from your address.")

    def check_password_tries(self, request: web.Request, name: str) -> None:
        """Before a password is looked at: too many were wrong already. Raises TooOften."""
        for limit, key in self._password_limits(request, name):
            _check(limit.look(key, _now()), "too_many_tries", "Too many passwords were wrong.")

    def wrong_password(self, request: web.Request, name: str) -> None:
        """It counts for the address that it came from and for the name, whether there is such a user or not."""
        for limit, key in self._password_limits(request, name):
            limit.take(key, _now())

    def _password_limits(self, request: web.Request, name: str) -> list[tuple[RateLimit, str]]:
        return [(self._wrong_passwords, _address(request)), (self._wrong_by_name, name)]


LIMITS: web.AppKey[Limits] = web.AppKey("limits", Limits)
RATE: web.RequestKey[tuple[RateLimit, Taken]] = web.RequestKey("rate", tuple)


async def say_rate(request: web.Request, response: web.StreamResponse) -> None:
    """Signal handler for ``on_response_prepare``: how much is left, in the words of
    https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/10/."""
    rate = request.get(RATE)
    if rate is not None:
        limit, taken = rate
        response.headers["RateLimit-Policy"] = f'"default";q={limit.burst};w=60'
        response.headers["RateLimit"] = f'"default";r={taken.left};t={math.ceil(taken.full_in_s)}'


def _check(taken: Taken, code: str, message: str) -> None:
    if not taken.allowed:
        log.warning("too_often", code=code)
        raise TooOften(code, message, taken)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _address(request: web.Request) -> str:
    return request.app[STRANGERS].address(request)
