"""Plain forms of our pages."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import parse_qs

from aiohttp import hdrs, web


class Form(dict[str, str]):
    """The fields by name; of several with one name the last, and ``all`` has every one of them."""

    def __init__(self, fields: dict[str, list[str]]) -> None:
        super().__init__({name: values[-1] for name, values in fields.items()})
        self._fields = fields

    def all(self, name: str) -> Sequence[str]:
        """Every value of that name, such as the boxes that are ticked."""
        return self._fields.get(name, [])


async def form_of(request: web.Request) -> Form:
    """Whatever a stranger sends, a mapping of text."""
    return Form(parse_qs((await request.read()).decode("utf-8", "replace"), keep_blank_values=True))


def go_on(path: str) -> web.Response:
    """To this page, by GET: after a form, so that loading the page again does not send it again."""
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={hdrs.LOCATION: path})
