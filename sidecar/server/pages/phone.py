"""The emulator's phone beside a conference page, in a demo: Listen in a frame, the softphone behind a link.

Nothing of it exists without the setting. The addresses keep the host by which the page was opened, so that they are
right on this machine, through a forwarded port and by any name of the machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from sidecar.domain.conference.values import Conference, ConferenceState
from sidecar.server.app_keys import PHONE_PORT

# What a Content-Security-Policy can name as a host; an IPv6 address it cannot.
_HOST = re.compile(r"[A-Za-z0-9.-]+")


@dataclass(frozen=True, kw_only=True)
class Phone:
    """``listen``: shown in a frame; ``softphone``: opened by a link; ``source``: whose frames the page may show."""

    listen: str
    softphone: str
    source: str


def phone_of(request: web.Request, conference: Conference) -> Phone | None:
    """None without the setting, and when the conference is over."""
    port, host = request.app.get(PHONE_PORT, 0), request.url.host or ""
    if not port or conference.state is ConferenceState.ENDED or not _HOST.fullmatch(host):
        return None
    source = f"{host}:{port}"
    # A page that was painted before the provider told its id is about the one conference that this room has now.
    query = urlencode({"conference": conference.sid} if conference.sid else {"room": conference.room})
    return Phone(listen=f"//{source}/listen?{query}", softphone=f"//{source}/softphone?{query}", source=source)
