"""Who makes this request, and the conference that it is about. The door knows both; handlers and templates ask here."""

from __future__ import annotations

from aiohttp import web

from sidecar.domain.access.callers import Caller, is_own
from sidecar.domain.conference.values import Conference
from sidecar.domain.errors import NotFound
from sidecar.server.app_keys import DIRECTORY

# Set for every request that got past the door by a session, key or panel token.
CALLER: web.RequestKey[Caller] = web.RequestKey("caller", Caller)
# Set where the route's rule says that ``{id}`` is a conference: it is one that the caller may see.
CONFERENCE: web.RequestKey[Conference] = web.RequestKey("conference", Conference)


def user_name(request: web.Request) -> str:
    """The name of the user who is signed in; "" for a program and for nobody."""
    caller = request.get(CALLER)
    return caller.name if caller is not None and caller.by == "session" else ""


async def visible_conference(request: web.Request, id_or_sid: str) -> Conference:
    """A conference that the caller of this request may see. Raises NotFound for any other, whether it exists or not."""
    directory, caller = request.app[DIRECTORY], request[CALLER]
    found = await directory.conference(id_or_sid, tenant=caller.tenant)
    if found is not None and await _may_see(request, caller, found):
        return found
    raise unknown_conference(id_or_sid)


def unknown_conference(id_or_sid: str) -> NotFound:
    """The same words for one that is not there and for one that is not the caller's to see."""
    return NotFound(f"There is no conference {id_or_sid[:64]}.", next_step="List them: GET /v1/conferences.")


async def _may_see(request: web.Request, caller: Caller, conference: Conference) -> bool:
    if caller.conference is not None:
        return caller.conference == conference.id
    if caller.only_own is None:
        return True
    return is_own(await request.app[DIRECTORY].participants(conference.id), caller.only_own)
