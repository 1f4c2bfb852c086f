"""Templates to HTML: autoescaped, strict about names, with the few words that pages share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from sidecar.domain.blocks import Person, display_name
from sidecar.domain.redaction.marks import pieces
from sidecar.server.auth.caller import user_name
from sidecar.server.pages.static_files import StaticFiles


class Renderer:
    """The templates. Each is compiled when it is first asked for, in some 10 ms; a start would pay for all of them."""

    def __init__(self, templates: Path, static: StaticFiles) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(templates),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update({"static": static.url, "modules": static.modules})
        self._environment.filters.update(
            {
                "offset": offset,
                "span": span,
                "wall": wall,
                "day": day,
                "iso": iso,
                "called": called,
                "island": island,
                "pieces": pieces,
            }
        )

    def html(self, template: str, page: object, *, user: str = "", **frame: object) -> str:
        """The template with ``page``, a frozen dataclass, and who is signed in ("": nobody) as all of its context.

        ``frame``: what the layout around it needs besides, such as the navigation of the settings.
        """
        return self._environment.get_template(template).render(page=page, user=user, **frame)


RENDERER = web.AppKey("renderer", Renderer)


def respond(request: web.Request, template: str, page: object, *, status: int = 200) -> web.Response:
    """A page, with the name of who is signed in and the way out in its top bar."""
    html = request.app[RENDERER].html(template, page, user=user_name(request))
    return web.Response(text=html, content_type="text/html", status=status)


@dataclass(frozen=True, kw_only=True)
class ProblemPage:
    """What happened, what to do next, and the stable code to ask about."""

    title: str
    message: str
    next_step: str
    code: str


def offset(ms: int) -> str:
    """A time on the conference clock: 03:07, 1:02:03."""
    minutes, seconds = divmod(max(0, ms) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


def span(ms: int) -> str:
    """A length for reading: 0.4 s, 4 s, 75 s as "1 min 15 s", 2 h 5 min."""
    tenths = (max(0, ms) + 50) // 100
    if tenths < 100:
        return f"{tenths // 10}.{tenths % 10} s" if tenths % 10 else f"{tenths // 10} s"
    seconds = (max(0, ms) + 500) // 1000
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"


def wall(moment: datetime) -> str:
    """Wall clock for a reader whose time zone the server does not know; the page's script shows the local time."""
    return f"{moment:%H:%M} UTC"


def day(moment: datetime) -> str:
    """The same with its day, which is that of UTC."""
    return f"{moment:%Y-%m-%d} {wall(moment)}"


def iso(moment: datetime) -> str:
    """For a ``datetime`` attribute."""
    return moment.isoformat()


def called(person: Person) -> str:
    """What to call a participant."""
    return display_name(person.name, person.label)


def room_name(conference_id: str, room: str) -> str:
    """The room's name; a call in a room of its own is named after our id, which says nothing to people."""
    return "Call " + conference_id[-6:] if room == conference_id else room


def counted(number: int, one: str, many: str) -> str:
    """1 gap, 2 gaps."""
    return f"{number} {one if number == 1 else many}"


def counted_gaps(gaps: int, gap_ms: int) -> str:
    """No gaps; 1 gap of 4 s; 3 gaps, 12 s in all."""
    if not gaps:
        return "no gaps"
    return f"1 gap of {span(gap_ms)}" if gaps == 1 else f"{gaps} gaps, {span(gap_ms)} in all"


_SLOT = re.compile(r"\{(\w+)\}")


def parts(words: str, values: dict[str, str | datetime]) -> list[tuple[str, str | datetime]]:
    """A sentence with ``{slots}`` cut into ("text", …) and (slot, value), so that a template can mark the slots up."""
    pieces = _SLOT.split(words)
    return [(piece, values[piece]) if n % 2 else ("text", piece) for n, piece in enumerate(pieces) if piece]


def island(value: Any) -> Markup:
    """JSON for a ``<script type="application/json">``. No ``<`` can leave it, whatever a transcript says."""
    text = msgspec.json.encode(value).decode()
    # Not Markup.format: the text is made safe here, once, and is not HTML.
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704 - see above
