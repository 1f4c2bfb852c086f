"""JSON bodies of the API: of a request, bytes in, a typed value or a problem out; of an answer, a value in."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from aiohttp import hdrs, web
from aiohttp.typedefs import LooseHeaders

from sidecar.server.problems import RequestRefused

T = TypeVar("T")
JSON = "application/json"
# For an answer with a secret in it.
NO_STORE = {hdrs.CACHE_CONTROL: "no-store"}
# How msgspec says where a value stands, and which name it misses or does not know there.
_PLACE = re.compile(r" - at `\$(.*)`$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_NAME = re.compile(r"(?:missing required|contains unknown) field `([^`]*)`")


async def body_of(request: web.Request, kind: type[T]) -> T:
    """The body as a struct of this kind; no body counts as ``{}``.

    Raises RequestRefused: 415 for another media type, 400 for what is no JSON, 422 for JSON of another shape.
    """
    raw = await request.read()
    if raw and hdrs.CONTENT_TYPE in request.headers and request.content_type != JSON:
        raise RequestRefused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "The body is not JSON, by its Content-Type.",
            next_step=f"Send Content-Type: {JSON}.",
        )
    try:
        return msgspec.json.decode(raw or b"{}", type=kind)
    except msgspec.ValidationError as error:
        # msgspec names the field and the type that it wanted, not the value that it got.
        said = str(error)
        raise RequestRefused(
            HTTPStatus.UNPROCESSABLE_ENTITY, "body_invalid", f"{_PLACE.sub('', said)}.", pointer=pointer(said)
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestRefused(
            HTTPStatus.BAD_REQUEST, "body_invalid", f"The body is not JSON: {error}.", next_step="Send JSON."
        ) from error


def json_response(value: Any, status: int = HTTPStatus.OK, *, headers: LooseHeaders | None = None) -> web.Response:
    """``value``: what msgspec can encode."""
    return web.Response(body=msgspec.json.encode(value), status=status, content_type=JSON, headers=headers)


def pointer(said: str) -> str:
    """Where a value does not fit, as a JSON Pointer behind ``#``, from the words of a msgspec.ValidationError."""
    place, name = _PLACE.search(said), _NAME.search(said)
    steps = ["".join(step) for step in _STEP.findall(place[1])] if place else []
    if name:
        steps.append(name[1])
    return "#" + "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
