"""``Idempotency-Key``: a request that is sent again with its key has no second effect, and gets the same answer.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import hdrs, web

from sidecar.domain.errors import SidecarError
from sidecar.ports.answers import Answer, KeyedRequest
from sidecar.server.api.bodies import NO_STORE
from sidecar.server.app_keys import ANSWERS, CLOCK
from sidecar.server.auth.caller import CALLER
from sidecar.server.auth.identity import secret_of
from sidecar.server.problems import RequestRefused

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")

Act = Callable[[], Awaitable[web.Response]]


async def harmless_twice(request: web.Request, act: Act) -> web.Response:
    """For what does no harm when it is done twice: it waits for no claim, so a store that writes slowly delays nothing.

    What ``act`` raises is no answer to keep.
    """
    keyed = await _keyed(request)
    if keyed is None:
        return await act()
    known = await request.app[ANSWERS].find(keyed)
    if known is not None:
        return _again(known)
    response = await act()
    await request.app[ANSWERS].keep(keyed, _answer(response), now=request.app[CLOCK].now())
    return response


async def once(request: web.Request, act: Act, *, tells_secret: bool = False) -> web.Response:
    """For what must not happen twice. ``act`` raises a SidecarError only while it has had no effect: the key is free
    again then. Whatever it returns, failures too, is the answer for good.

    ``tells_secret``: what the answer tells is told to nobody else, so it is kept sealed, and no cache may have it.
    """
    response = await _once(request, act, await _keyed(request, tells_secret=tells_secret))
    if tells_secret:
        response.headers.update(NO_STORE)
    return response


async def _once(request: web.Request, act: Act, keyed: KeyedRequest | None) -> web.Response:
    if keyed is None:
        return await act()
    answers, clock = request.app[ANSWERS], request.app[CLOCK]
    known = await answers.claim(keyed, now=clock.now())
    if known is not None:
        return _again(known)
    try:
        response = await act()
    except SidecarError:
        await answers.release(keyed)
        raise
    await answers.keep(keyed, _answer(response), now=clock.now())
    return response


async def _keyed(request: web.Request, *, tells_secret: bool = False) -> KeyedRequest | None:
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise RequestRefused(
            HTTPStatus.BAD_REQUEST,
            "idempotency_key_invalid",
            f"{HEADER} has 1 to 255 printable ASCII characters without blanks.",
            next_step="A UUID will do.",
        )
    asked = f"{request.method} {request.path}\n".encode() + await request.read()
    return KeyedRequest(
        caller=request[CALLER].id,
        key=key,
        fingerprint=hashlib.sha256(asked).hexdigest(),
        secret=secret_of(request) if tells_secret else "",
    )


def _answer(response: web.Response) -> Answer:
    body = response.body if isinstance(response.body, bytes) else b""
    location = response.headers.get(hdrs.LOCATION, "")
    return Answer(status=response.status, content_type=response.content_type, body=body, location=location)


def _again(answer: Answer) -> web.Response:
    headers = {REPLAYED: "true"} | ({hdrs.LOCATION: answer.location} if answer.location else {})
    return web.Response(status=answer.status, content_type=answer.content_type, body=answer.body, headers=headers)
