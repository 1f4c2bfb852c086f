"""Lists in pages: ``?limit&after`` in, ``{data, has_more, next_cursor}`` and a ``Link`` to the next page out.

A cursor is opaque to clients: the place of the last item, packed. It stays good when items come or go.
"""

from __future__ import annotations

import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from aiohttp import hdrs, web

from sidecar.server.problems import RequestRefused

LIMIT_DEFAULT = 50
LIMIT_MOST = 500
CURSOR_MAX_CHARS = 512

Place = TypeVar("Place", bound=msgspec.Struct)


def limit_of(request: web.Request, *, default: int = LIMIT_DEFAULT, most: int = LIMIT_MOST) -> int:
    """How many items are wanted. Ask the store for one more: then it is known whether there is another page.

    Raises RequestRefused (limit_invalid).
    """
    text = request.query.get("limit", str(default))
    if not re.fullmatch("[0-9]{1,4}", text) or not 1 <= int(text) <= most:
        raise refused("limit_invalid", f"limit is not a number from 1 to {most}.", f"Leave it out for {default}.")
    return int(text)


def cursor(place: msgspec.Struct) -> str:
    """The opaque word with which a list goes on after this place."""
    return urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place_after(request: web.Request, kind: type[Place]) -> Place | None:
    """Where the page before ended; None on the first page. Bound the fields of ``kind`` to what every database holds.

    Raises RequestRefused (cursor_invalid).
    """
    text = request.query.get("after")
    if text is None:
        return None
    try:
        if len(text) > CURSOR_MAX_CHARS:
            raise ValueError
        packed = b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(packed, type=kind)
    except ValueError as error:  # not ASCII, not base64, not JSON of this kind
        next_step = "Take next_cursor of the page before."
        raise refused("cursor_invalid", "after is not a cursor of this list.", next_step) from error


def page(request: web.Request, data: Sequence[Any], *, next_place: msgspec.Struct | None) -> web.Response:
    """The page. ``data``: what msgspec can encode. ``next_place``: of the last item, if there are more; else None."""
    next_cursor = cursor(next_place) if next_place is not None else None
    headers = {}
    if next_cursor is not None:
        following = request.rel_url.update_query({"after": next_cursor})
        headers[hdrs.LINK] = f'<{following}>; rel="next"'
    body = {"data": data, "has_more": next_cursor is not None, "next_cursor": next_cursor}
    return web.Response(body=msgspec.json.encode(body), content_type="application/json", headers=headers)


def refused(code: str, message: str, next_step: str) -> RequestRefused:
    """A parameter of the query that is none."""
    return RequestRefused(HTTPStatus.BAD_REQUEST, code, message, next_step=next_step)
