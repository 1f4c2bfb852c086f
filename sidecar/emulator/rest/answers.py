"""What all resources of the REST API share: who may ask, what goes wrong, and Twilio's way of saying so.

Sources: https://www.twilio.com/docs/usage/requests-to-twilio (authentication),
https://www.twilio.com/docs/usage/twilios-response (errors). Faults that a tester ordered strike here.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hmac
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from sidecar.emulator.exchange import Exchange
from sidecar.emulator.faults.orders import HangRest, RestFault, SlowRest
from sidecar.emulator.keys import EXCHANGE

BAD_PARAMETER = 20001
NOT_AUTHENTICATED = 20003
NOT_FOUND = 20404
TOO_MANY_REQUESTS = 20429
SERVICE_UNAVAILABLE = 20503
APPLICATION_INVALID = 21218
CALL_NOT_IN_PROGRESS = 21220

Handler = Callable[[web.Request], Awaitable[web.Response]]


class RestError(Exception):
    """An answer with one of Twilio's error bodies; never leaves this package. ``retry_after_s``: the header, if any."""

    def __init__(self, status: int, code: int, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.retry_after_s = retry_after_s


def exchange_of(request: web.Request) -> Exchange:
    """The emulator that is asked."""
    return request.app[EXCHANGE]


def account_of(request: web.Request) -> str:
    """The id of its one account."""
    return exchange_of(request).state.account.sid


def answer(value: object, status: int = 200) -> web.Response:
    """JSON."""
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


def not_found(request: web.Request) -> RestError:
    """Twilio's 20404, which is also what a thing that is over says."""
    return RestError(404, NOT_FOUND, f"The requested resource {request.path} was not found")


def guarded(handler: Handler) -> Handler:
    """Basic authentication first, then the fault that is due, then the handler; refusals as Twilio's error body."""

    async def guard(request: web.Request) -> web.Response:
        try:
            _authenticate(request)
            fault = exchange_of(request).faults.for_rest(request.path)
            if fault is not None:
                return await _suffer(fault, handler, request)
            return await handler(request)
        except RestError as error:
            body = {
                "code": error.code,
                "message": error.message,
                "more_info": f"https://www.twilio.com/docs/errors/{error.code}",
                "status": error.status,
            }
            refusal = answer(body, error.status)
            if error.retry_after_s is not None:
                refusal.headers["Retry-After"] = str(error.retry_after_s)
            return refusal

    return guard


async def _suffer(fault: RestFault, handler: Handler, request: web.Request) -> web.Response:
    """Do what was asked for, if the fault says so, and answer late, with an error, or with both."""
    if isinstance(fault, SlowRest):
        response = await handler(request)
        await _keep_waiting(request, fault.seconds)
        return response
    if fault.performed:
        await handler(request)
    if isinstance(fault, HangRest):
        await _keep_waiting(request, fault.seconds)
        raise RestError(503, SERVICE_UNAVAILABLE, "Service unavailable.")
    raise RestError(
        fault.status, fault.code, "A fault was ordered for this request.", retry_after_s=fault.retry_after_s
    )


async def _keep_waiting(request: web.Request, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while request.transport is not None:  # whoever has given up need not be kept waiting
                await exchange_of(request).ticker.next()


def _authenticate(request: web.Request) -> None:
    account = exchange_of(request).state.account
    expected = f"{account.sid}:{account.auth_token}".encode()
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        given = base64.b64decode(encoded, validate=True) if scheme.lower() == "basic" else b""
    except (binascii.Error, ValueError):
        given = b""
    if not hmac.compare_digest(given, expected):
        raise RestError(401, NOT_AUTHENTICATED, "Authenticate")
    if request.match_info.get("account", account.sid) != account.sid:
        raise not_found(request)
