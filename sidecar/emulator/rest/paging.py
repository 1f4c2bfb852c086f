"""Lists in pages, with the links that Twilio's clients follow (https://www.twilio.com/docs/usage/api/list-resources)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from aiohttp import web

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1_000


def paged(request: web.Request, key: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    """The page that the request asks for (Page, PageSize), with its links. Nonsense numbers count as the default."""
    size = min(max(1, _number(request, "PageSize", DEFAULT_PAGE_SIZE)), MAX_PAGE_SIZE)
    page = _number(request, "Page", 0)
    first = page * size
    shown = found[first : first + size]
    has_next = first + size < len(found)
    return {
        key: shown,
        "page": page,
        "page_size": size,
        "start": first,
        "end": first + len(shown) - 1 if shown else first,
        "first_page_uri": _link(request, 0, size),
        "next_page_uri": _link(request, page + 1, size) if has_next else None,
        "previous_page_uri": _link(request, page - 1, size) if page > 0 else None,
        "uri": _link(request, page, size),
    }


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else default


def _link(request: web.Request, page: int, size: int) -> str:
    kept = [(name, value) for name, value in request.query.items() if name not in {"Page", "PageSize", "PageToken"}]
    return f"{request.path}?{urlencode([*kept, ('PageSize', str(size)), ('Page', str(page))])}"
