"""Limits for whoever has not shown who he is: how many, from how many places, for how long.

A stranger is a connection or request without a valid session, key or signature so far. Three things are bounded:

- connections (``Connections``): when there are too many, the newcomer takes the place of the one that has been silent
  longest. So a flood of idle connections cannot keep a call out: its signed request needs milliseconds.
- requests under way, and media sockets that are signed but have not started (``Crowd``): when there are too many, the
  new one is turned away. What runs already is left alone.

Nothing here concerns who is known. This machine and trusted proxies, which speak for many, have no limit per address.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler

from sidecar.domain.errors import SidecarError
from sidecar.server.connections import Connections
from sidecar.wire.forwarded import Network, client_address, household, nearest

REQUESTS_MOST = 1_000
REQUESTS_FROM_ONE = 200
# From a complete head to the proof of who asks, a form's slow body included; Twilio waits 15 s for an answer.
REQUEST_TIMEOUT_S = 10.0
RETRY_AFTER_S = 5


class Full(SidecarError):
    """Too many strangers at once, in all or from one address. What runs already is left alone."""

    code = "too_many_strangers"


class Crowd:
    """Places for a number of strangers, of which one address gets a part."""

    def __init__(self, *, most: int, from_one: int) -> None:
        self._most = most
        self._from_one = from_one
        self._by_address: Counter[str | None] = Counter()

    @property
    def size(self) -> int:
        """How many are in."""
        return self._by_address.total()

    def enter(self, address: str) -> Callable[[], None]:
        """Take a place; the result gives it back, however often it is called. Raises Full."""
        place = household(address)
        if self.size >= self._most or (place is not None and self._by_address[place] >= self._from_one):
            raise Full(f"{self.size} strangers are inside, {self._by_address[place]} of them from this address.")
        self._by_address[place] += 1
        inside = True

        def leave() -> None:
            nonlocal inside
            if inside:
                inside = False
                self._by_address[place] -= 1
                if not self._by_address[place]:
                    del self._by_address[place]

        return leave


class Strangers:
    """All limits of one service. ``refusals``: what was turned away, by reason.

    ``sockets``: signed media sockets that have not shown their token. A signature can be recorded and sent again, so
    it alone does not make a socket known.
    """

    def __init__(self, *, trusted: Sequence[Network] = (), sockets_most: int) -> None:
        self.refusals: Counter[str] = Counter()
        self.connections = Connections(trusted=trusted, refusals=self.refusals)
        self.requests = Crowd(most=REQUESTS_MOST, from_one=REQUESTS_FROM_ONE)
        self.sockets = Crowd(most=sockets_most, from_one=max(1, sockets_most // 2))
        self._trusted = trusted

    def address(self, request: web.Request) -> str:
        """The client's address; a proxy's word for it counts if it is one of ours."""
        return client_address(request.remote or "", request.headers.getall("X-Forwarded-For", []), self._trusted)

    def forwarded(self, request: web.Request, header: str) -> str:
        """What one of our proxies says in X-Forwarded-Proto or X-Forwarded-Host; "" without one."""
        return nearest(request.remote or "", request.headers.getall(header, []), self._trusted)

    def socket_waits(self, request: web.Request) -> Callable[[], None]:
        """A place for a media socket until it has started; the result gives it back. Raises Full."""
        return self.sockets.enter(self.address(request))


STRANGERS: web.AppKey[Strangers] = web.AppKey("strangers", Strangers)


class _Visit:
    """A stranger's request under way."""

    def __init__(self, leave: Callable[[], None], limit: asyncio.Timeout) -> None:
        self.leave = leave
        self.limit = limit
        self.known = False


_VISIT: web.RequestKey[_Visit] = web.RequestKey("visit", _Visit)


def known(request: web.Request) -> None:
    """A valid session, key or signature came with this request: no limit of this file concerns it any longer."""
    if (visit := request.get(_VISIT)) is not None:
        visit.known = True
        visit.leave()
        visit.limit.reschedule(None)
        request.app[STRANGERS].connections.known(request.transport)


@web.middleware
async def limit_strangers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """429 when too many ask at once, 408 when one takes too long. A stranger who is turned away is disconnected."""
    strangers, transport = request.app[STRANGERS], request.transport
    try:
        leave = strangers.requests.enter(strangers.address(request))
    except Full:
        said = "Too many requests are under way. Try again in a moment."
        raise _refused(strangers, web.HTTPTooManyRequests, "too_many_requests", said) from None
    strangers.connections.asked(transport)
    try:
        async with asyncio.timeout(REQUEST_TIMEOUT_S) as limit:
            visit = request[_VISIT] = _Visit(leave, limit)
            response = await handler(request)
    except web.HTTPException as error:
        _disconnect(strangers, transport, error)
        raise
    except TimeoutError:
        if not limit.expired():
            raise
        said = f"The request and its credentials were not read within {REQUEST_TIMEOUT_S:.0f} s. Try again."
        raise _refused(strangers, web.HTTPRequestTimeout, "request_late", said) from None
    except ConnectionError:
        if visit.known:
            raise
        # aiohttp would log a traceback, which is more than a stranger who hangs up is worth.
        raise _refused(strangers, web.HTTPBadRequest, "request_broken_off", "The request broke off.") from None
    finally:
        leave()
        strangers.connections.answered(transport)
    _disconnect(strangers, transport, response)
    return response


def _refused(strangers: Strangers, kind: type[web.HTTPException], reason: str, said: str) -> web.HTTPException:
    """``reason``: for the metrics; ``said``: for whoever asked."""
    strangers.refusals[reason] += 1
    error = kind(text=f"{said}\n", headers={"Retry-After": str(RETRY_AFTER_S)})
    error.force_close()
    return error


def _disconnect(strangers: Strangers, transport: asyncio.BaseTransport | None, response: web.StreamResponse) -> None:
    """Each forgery costs its author a connection."""
    if response.status in {400, 401, 403, 413} and strangers.connections.is_stranger(transport):
        response.force_close()
