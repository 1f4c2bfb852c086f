"""Lists in pages: ``?limit&after`` in, ``{data, has_more, next_cursor}`` and a ``Link`` to the next page out; filters.

A cursor is opaque to clients: the place of the last item, packed. It stays good when items come or go.
"""

from __future__ import annotations

import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

import msgspec
from aiohttp import hdrs, web

from sidecar.server.api.bodies import json_response
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


def page(request: web.Request, data: Sequence[Any], *, next_place: msgspec.Struct | str | None) -> web.Response:
    """The page. ``data``: what msgspec can encode. ``next_place``: of the last item, if there are more; else None.

    As text it is the cursor itself.
    """
    next_cursor = cursor(next_place) if isinstance(next_place, msgspec.Struct) else next_place
    headers = {}
    if next_cursor is not None:
        following = request.rel_url.update_query({"after": next_cursor})
        headers[hdrs.LINK] = f'<{following}>; rel="next"'
    body = {"data": data, "has_more": next_cursor is not None, "next_cursor": next_cursor}
    return json_response(body, headers=headers)


def moment_of(request: web.Request, name: str, *, code: str = "filter_invalid") -> datetime | None:
    """A moment of the query in UTC: RFC 3339, or a day, which begins at midnight UTC. None: it is left out.

    Raises RequestRefused (``code``).
    """
    text = request.query.get(name)
    if text is None:
        return None
    # A ``+`` that nobody escaped arrives as a blank.
    written = f"{text}T00:00:00Z" if len(text) == len("2026-11-23") else text.replace(" ", "+")
    try:
        moment: datetime = msgspec.convert(written, Annotated[datetime, msgspec.Meta(tz=True)])
        return moment.astimezone(UTC)
    except (msgspec.ValidationError, OverflowError) as error:
        next_step = "Write 2026-11-23T10:15:00Z, or 2026-11-23."
        raise refused(code, f"{name} is neither a moment with its zone nor a day.", next_step) from error


def refused(code: str, message: str, next_step: str) -> RequestRefused:
    """A parameter of the query that is none."""
    return RequestRefused(HTTPStatus.BAD_REQUEST, code, message, next_step=next_step)
