"""JSON bodies of the API: bytes in, a typed value or a problem out."""

from __future__ import annotations

from http import HTTPStatus
from typing import TypeVar

import msgspec
from aiohttp import web

from sidecar.server.problems import RequestRefused

T = TypeVar("T")


async def body_of(request: web.Request, kind: type[T]) -> T:
    """The body as a struct of this kind; no body counts as ``{}``. Raises RequestRefused (body_invalid)."""
    raw = await request.read()
    try:
        return msgspec.json.decode(raw or b"{}", type=kind)
    except msgspec.DecodeError as error:
        # msgspec names the field and the type that it wanted, not the value that it got.
        raise RequestRefused(
            HTTPStatus.BAD_REQUEST, "body_invalid", f"The body does not fit: {error}.", next_step="Send JSON."
        ) from error
