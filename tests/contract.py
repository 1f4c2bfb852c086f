"""Holds the service to ``docs/openapi.yaml``: a middleware for tests that looks at every answer under ``/v1``.

An answer must be described, with its status, headers and every field. A request that was not refused must have been one
that the document allows. Problems must be listed, with that status, for that address.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from openapi_core import Config, OpenAPI
from openapi_core.contrib.aiohttp import AIOHTTPOpenAPIWebRequest, AIOHTTPOpenAPIWebResponse
from openapi_core.exceptions import OpenAPIError
from openapi_schema_validator import OAS31Validator

from sidecar.server.api.idempotency import REPLAYED
from tests.openapi import closed

PREFIX = "/v1/"
PROBLEM = "application/problem+json"
NOBODY_DESCRIBED = "which nobody described"


class Contract:
    """``breaches``: what was not as the document says, in words; a test that has any must fail."""

    def __init__(self) -> None:
        self.breaches: list[str] = []

    def watch(self, app: web.Application) -> None:
        """Look at all answers of an app that was not started yet."""

        @web.middleware
        async def look(request: web.Request, handler: Handler) -> web.StreamResponse:
            response = await handler(request)
            if request.path.startswith(PREFIX) and request.method not in (hdrs.METH_HEAD, hdrs.METH_OPTIONS):
                self._look(request, response, await request.read() if response.status < 400 else b"")
            return response

        app.middlewares.insert(0, look)

    def _look(self, request: web.Request, response: web.StreamResponse, sent: bytes) -> None:
        asked = f"{request.method} {request.path_qs} -> {response.status}"
        resource = request.match_info.route.resource
        operation = closed()["paths"].get(resource.canonical, {}).get(request.method.lower()) if resource else None
        found = []
        if response.headers.get("X-Request-Id", "") == "":
            found.append("no X-Request-Id")
        if response.content_type == PROBLEM:
            found += problem_breaches(operation, response)
        if operation is not None:
            found += _answer_breaches(request, response)
            if response.status < 400:
                found += _request_breaches(request, sent, resource.canonical if resource else "")
        self.breaches += [f"{asked}: {breach}" for breach in found]


def problem_breaches(operation: Any, response: web.StreamResponse) -> list[str]:
    """A problem's code is one of those that the address, or its status anywhere, is said to have."""
    told = msgspec.json.decode(response.text or "") if isinstance(response, web.Response) else {}
    code, known = told.get("code"), closed()["x-problems"]
    if code not in known:
        return [f"the code {code} is not explained"]
    if response.status not in known[code]["status"]:
        return [f"the code {code} comes with {known[code]['status']}"]
    if told["request_id"] != response.headers.get("X-Request-Id") and REPLAYED not in response.headers:
        return ["request_id is not X-Request-Id"]
    if operation is None:
        return []
    anywhere = {code for one in closed()["components"]["responses"].values() for code in one["x-problems"]}
    return [] if code in {*operation.get("x-problems", []), *anywhere} else [f"the code {code} is not listed here"]


def event_breaches(event: Any) -> list[str]:
    """An envelope, as the stream, a list or a webhook has it, with the data of its type."""
    found = [error.message for error in _validator("Envelope").iter_errors(event)]
    name = {one.get("x-event"): name for name, one in closed()["components"]["schemas"].items()}.get(event["type"])
    if name is None:
        return [*found, f"the event {event['type']} is not described"]
    return [*found, *(f"{event['type']}: {error.message}" for error in _validator(name).iter_errors(event["data"]))]


def schema_breaches(schema: Any, value: Any) -> list[str]:
    """A value against a schema of the document, with all that it refers to."""
    return [
        error.message for error in OAS31Validator(schema | {"components": closed()["components"]}).iter_errors(value)
    ]


@cache
def _validator(schema: str) -> OAS31Validator:
    root = {"$ref": f"#/components/schemas/{schema}", "components": closed()["components"]}
    return OAS31Validator(root)


@cache
def _openapi() -> OpenAPI:
    return OpenAPI.from_dict(closed(), config=Config(extra_media_type_deserializers={PROBLEM: msgspec.json.decode}))


def _answer_breaches(request: web.Request, response: web.StreamResponse) -> list[str]:
    if not isinstance(response, web.Response):
        return []  # a stream of text: its frames and lines have tests of their own
    try:
        _openapi().validate_response(AIOHTTPOpenAPIWebRequest(request, body=None), AIOHTTPOpenAPIWebResponse(response))
    except OpenAPIError as error:
        return [_words(error)]
    return []


def _request_breaches(request: web.Request, sent: bytes, pattern: str) -> list[str]:
    item = closed()["paths"][pattern]
    listed = [*item.get("parameters", []), *item[request.method.lower()].get("parameters", [])]
    named = {_parameter(one)["name"] for one in listed}
    found = [f"the query has {name}, {NOBODY_DESCRIBED}" for name in set(request.query) - named]
    try:
        _openapi().validate_request(AIOHTTPOpenAPIWebRequest(request, body=sent or None))
    except OpenAPIError as error:
        found.append(f"it was allowed, but {_words(error)}")
    return found


def _parameter(one: Any) -> Any:
    return closed()["components"]["parameters"][one["$ref"].rpartition("/")[2]] if "$ref" in one else one


def _words(error: BaseException) -> str:
    """What does not fit, and where; else the error with the one behind it."""
    wrong = [f"{one.json_path}: {one.message}" for one in getattr(error, "schema_errors", [])]
    if wrong:
        return "; ".join(wrong)
    return f"{type(error).__name__}: {_words(error.__cause__)}" if error.__cause__ is not None else str(error)
