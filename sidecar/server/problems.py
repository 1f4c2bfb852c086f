"""Errors of the API as RFC 9457 problems: one JSON shape, a stable ``code``, a ``request_id`` to quote.

https://www.rfc-editor.org/rfc/rfc9457. Applies under ``/v1``; pages and Twilio's routes answer in their own way.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from sidecar.domain.errors import (
    ConferenceOver,
    NotFound,
    RecogniserUnavailable,
    SidecarError,
    StoreUnavailable,
    TelephonyFailed,
)
from sidecar.ports.answers import KeyRefused
from sidecar.runtime.conference_session import SessionGone
from sidecar.runtime.event_writer import StoreOverloaded
from sidecar.runtime.switchboard import NoRoom, NotAttachable

API_PREFIX = "/v1/"
RETRY_AFTER_S = 2
_REQUEST_ID = web.RequestKey("request_id", str)
_STATUS: tuple[tuple[type[SidecarError], HTTPStatus], ...] = (
    (NotFound, HTTPStatus.NOT_FOUND),
    (ConferenceOver, HTTPStatus.CONFLICT),
    (KeyRefused, HTTPStatus.CONFLICT),
    (SessionGone, HTTPStatus.SERVICE_UNAVAILABLE),
    (NoRoom, HTTPStatus.SERVICE_UNAVAILABLE),
    (StoreOverloaded, HTTPStatus.SERVICE_UNAVAILABLE),
    (StoreUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (RecogniserUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (TelephonyFailed, HTTPStatus.BAD_GATEWAY),
    (NotAttachable, HTTPStatus.CONFLICT),
)


class RequestRefused(SidecarError):
    """A request that a handler will not serve, with the HTTP status that says so."""

    code = "bad_request"

    def __init__(self, status: int, code: str, message: str, *, next_step: str = "") -> None:
        super().__init__(message, next_step=next_step, code=code)
        self.status = status


def request_id(request: web.Request) -> str:
    """The id of this request for logs and problems; made when first asked for."""
    if _REQUEST_ID not in request:
        request[_REQUEST_ID] = f"req_{secrets.token_hex(8)}"
    return request[_REQUEST_ID]


def problem(
    request: web.Request,
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> web.Response:
    """``detail``: for people, what happened and what to do. ``errors``: ``{pointer, detail}`` per wrong field.

    ``more``: further members of the problem.
    """
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "instance": request.path,
        "code": code,
        "request_id": request_id(request),
    }
    body |= more or {}
    if errors:
        body["errors"] = list(errors)
    response = web.Response(
        status=status, body=msgspec.json.encode(body), content_type="application/problem+json", headers=headers
    )
    response.headers["X-Request-Id"] = request_id(request)
    return response


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns SidecarErrors and aiohttp's own HTTP errors under ``/v1`` into problems.

    Anything else is a defect: it goes on to aiohttp, which logs it with its traceback and answers 500.
    """
    if not request.path.startswith(API_PREFIX):
        return await handler(request)
    try:
        response = await handler(request)
    except SidecarError as error:
        status = _status_of(error)
        headers = {"Retry-After": str(RETRY_AFTER_S)} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
        return problem(request, status, error.code, str(error), headers=headers)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        return _of_aiohttp(request, error)
    if not response.prepared:
        response.headers["X-Request-Id"] = request_id(request)
    return response


def _status_of(error: SidecarError) -> int:
    if isinstance(error, RequestRefused):
        return error.status
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return status
    return HTTPStatus.INTERNAL_SERVER_ERROR


def _of_aiohttp(request: web.Request, error: web.HTTPException) -> web.Response:
    status = HTTPStatus(error.status)
    code = "payload_too_large" if error.status == 413 else status.name.lower()
    said = (error.text or "").strip()
    # aiohttp's default text only repeats the status.
    detail = said if said and said != f"{error.status}: {error.reason}" else f"{status.description or status.phrase}."
    kept = {name: error.headers[name] for name in ("Allow", "Retry-After") if name in error.headers}
    return problem(request, error.status, code, detail, headers=kept)
