"""Errors of the API as RFC 9457 problems: one JSON shape, a stable ``code``, a ``request_id`` to quote.

https://www.rfc-editor.org/rfc/rfc9457. Applies under ``/v1``; pages and Twilio's routes answer in their own way.
Every ``code`` is explained under ``x-problems`` of ``docs/openapi.yaml``, and so on the page to which ``type`` leads.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from sidecar.domain.errors import (
    ConferenceOver,
    NotFound,
    RecogniserUnavailable,
    SidecarError,
    StoreUnavailable,
    TelephonyFailed,
)
from sidecar.domain.keeping import NotDeletable
from sidecar.domain.redaction.by_hand import UtteranceChanged
from sidecar.domain.search import QueryRefused
from sidecar.ports.answers import KeyRefused
from sidecar.ports.search import SearchTimedOut
from sidecar.runtime.assistant.desk import NotYet
from sidecar.runtime.conference_session import SessionGone
from sidecar.runtime.event_writer import StoreOverloaded
from sidecar.runtime.switchboard import NoRoom, NotAttachable

log = structlog.get_logger()

API_PREFIX = "/v1/"
# Where a kind of problem is explained, on whatever host the API was met.
EXPLAINED_AT = "/docs#problem-"
RETRY_AFTER_S = 2
_REQUEST_ID = web.RequestKey("request_id", str)
_STATUS: tuple[tuple[type[SidecarError], HTTPStatus], ...] = (
    (NotFound, HTTPStatus.NOT_FOUND),
    (ConferenceOver, HTTPStatus.CONFLICT),
    (NotDeletable, HTTPStatus.CONFLICT),
    (UtteranceChanged, HTTPStatus.CONFLICT),
    (QueryRefused, HTTPStatus.UNPROCESSABLE_ENTITY),
    (SearchTimedOut, HTTPStatus.SERVICE_UNAVAILABLE),
    (SessionGone, HTTPStatus.SERVICE_UNAVAILABLE),
    (NoRoom, HTTPStatus.SERVICE_UNAVAILABLE),
    (NotYet, HTTPStatus.SERVICE_UNAVAILABLE),
    (StoreOverloaded, HTTPStatus.SERVICE_UNAVAILABLE),
    (StoreUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (RecogniserUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (TelephonyFailed, HTTPStatus.BAD_GATEWAY),
    (NotAttachable, HTTPStatus.CONFLICT),
)


class RequestRefused(SidecarError):
    """A request that a handler will not serve, with the HTTP status that says so.

    ``pointer``: the field of the body that is wrong, as a JSON Pointer behind ``#`` (``#/name``), or "".
    ``retry_after_s``: when the same request will be served; None: as it is, never.
    """

    code = "bad_request"

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        next_step: str = "",
        pointer: str = "",
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message, next_step=next_step, code=code)
        self.status = status
        self.pointer = pointer
        self.retry_after_s = retry_after_s


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
        "type": EXPLAINED_AT + code,
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


def problem_of(request: web.Request, error: SidecarError) -> web.Response:
    """An error of ours as a problem: its status, when to come back, the wrong field, Twilio's own number."""
    pointer = error.pointer if isinstance(error, RequestRefused) else ""
    errors = [{"pointer": pointer, "detail": error.message}] if pointer else []
    twilio_code = error.provider_code if isinstance(error, TelephonyFailed) else None
    more = {"twilio_code": twilio_code} if twilio_code is not None else {}
    status = status_of(error)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:  # nobody has said what it means to a client
        log.error("error_without_status", code=error.code, reason=error.message, request_id=request_id(request))
    return problem(request, status, error.code, str(error), errors=errors, headers=come_back(error), more=more)


def come_back(error: SidecarError) -> dict[str, str]:
    """``Retry-After`` for an error that passes; no header for one that stays."""
    wait_s = error.retry_after_s if isinstance(error, RequestRefused | TelephonyFailed) else None
    if wait_s is None and status_of(error) == HTTPStatus.SERVICE_UNAVAILABLE:
        wait_s = RETRY_AFTER_S
    return {} if wait_s is None else {hdrs.RETRY_AFTER: str(math.ceil(wait_s))}


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns SidecarErrors and aiohttp's own HTTP errors under ``/v1`` into problems, and defects, which it logs."""
    if not request.path.startswith(API_PREFIX):
        return await handler(request)
    try:
        response = await handler(request)
    except SidecarError as error:
        return problem_of(request, error)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        return _of_aiohttp(request, error)
    except Exception:
        if request.writer.output_size:
            raise  # in the middle of an answer nothing else can be said
        log.exception("request_failed", method=request.method, path=request.path, request_id=request_id(request))
        detail = "The service failed to answer, by a defect of its own."
        return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", detail)
    if not response.prepared:
        response.headers["X-Request-Id"] = request_id(request)
    return response


def status_of(error: SidecarError) -> int:
    """The HTTP status of an error of ours, for the API and for pages; 500 for one that nobody expected here."""
    if isinstance(error, RequestRefused):
        return error.status
    if isinstance(error, KeyRefused):
        reused = error.code == "idempotency_key_reused"
        return HTTPStatus.UNPROCESSABLE_ENTITY if reused else HTTPStatus.CONFLICT
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
