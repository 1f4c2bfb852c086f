"""Pages of other sites that may use the API with a key of their own: an allow-list of origins, empty by default.

No answer ever allows credentials: the cookie of a session is for our own pages, and whoever calls from elsewhere sends
``Authorization``. https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from sidecar.server.problems import API_PREFIX

CORS_ORIGINS: web.AppKey[Collection[str]] = web.AppKey("cors_origins", Collection)
REQUEST_HEADERS = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID"
ANSWER_HEADERS = (
    "Idempotency-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id, X-Transcript-Partial"
)
PREFLIGHT_LASTS_S = 600


@web.middleware
async def cors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers the question before a request, which carries no key yet. What is not allowed gets no such header."""
    if not request.path.startswith(API_PREFIX) or hdrs.ORIGIN not in request.headers:
        return await handler(request)
    if request.method != hdrs.METH_OPTIONS or hdrs.ACCESS_CONTROL_REQUEST_METHOD not in request.headers:
        return await handler(request)
    response = web.Response(status=HTTPStatus.NO_CONTENT)
    if _allowed(request):
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = "GET, POST, PATCH, PUT, DELETE"
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = REQUEST_HEADERS
        response.headers[hdrs.ACCESS_CONTROL_MAX_AGE] = str(PREFLIGHT_LASTS_S)
    return response


async def say_origin(request: web.Request, response: web.StreamResponse) -> None:
    """Signal handler for ``on_response_prepare``: whether the page that asked may read this."""
    if not request.path.startswith(API_PREFIX):
        return
    response.headers.add(hdrs.VARY, hdrs.ORIGIN)
    if _allowed(request):
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = request.headers[hdrs.ORIGIN]
        response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = ANSWER_HEADERS


def _allowed(request: web.Request) -> bool:
    return request.headers.get(hdrs.ORIGIN) in request.app.get(CORS_ORIGINS, ())
