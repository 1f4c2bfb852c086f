"""Bodies of the control API, in and out: JSON, and one line that says what is wrong."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from sidecar.emulator.scenario import invalid, json_object

SOURCE = "request body"


async def body_of(request: web.Request, kind: Any) -> Any:
    """The body as that msgspec type. Raises ScenarioInvalid, which names the field."""
    raw = json_object(await request.read(), SOURCE)
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise invalid(error, SOURCE) from None


def json_answer(value: object, status: int = 200) -> web.Response:
    """Anything that msgspec can write."""
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


def problem(status: int, line: str) -> web.Response:
    """A refusal."""
    return json_answer({"error": line}, status)
