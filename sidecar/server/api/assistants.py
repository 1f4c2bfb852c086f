"""``/v1/conferences/{id}/assistants``: invite the AI participant, tell it what to do, let it go."""

from __future__ import annotations

from collections.abc import Awaitable
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from aiohttp import hdrs, web

from sidecar.domain.assistant import (
    SAY_MAX_CHARS,
    Announce,
    Assistant,
    AssistantPresent,
    AssistantRefused,
    Audience,
    Speaks,
    Wish,
    check_text,
)
from sidecar.domain.conference import Conference
from sidecar.domain.errors import NotFound
from sidecar.runtime.assistant_session import AssistantSession
from sidecar.server.api.bodies import body_of
from sidecar.server.api.idempotency import harmless_twice, once
from sidecar.server.app_keys import ASSISTANTS, DIRECTORY, SWITCHBOARD
from sidecar.server.auth.caller import CALLER
from sidecar.server.problems import RequestRefused, problem

T = TypeVar("T")
_STATUS = {
    "assistant_off": HTTPStatus.CONFLICT,
    "announcement_needed": HTTPStatus.UNPROCESSABLE_ENTITY,
    "text_invalid": HTTPStatus.UNPROCESSABLE_ENTITY,
    "agent_missing": HTTPStatus.CONFLICT,
    "assistant_gone": HTTPStatus.CONFLICT,
    "assistant_cap": HTTPStatus.TOO_MANY_REQUESTS,
}


class Invitation(msgspec.Struct, forbid_unknown_fields=True):
    """What everything means: docs/assistant.md."""

    prompt: str = ""
    speaks: Speaks = Speaks.ADDRESSED
    announce: Announce = Announce.ANNOUNCE
    audience: Audience = Audience.ALL


class Manners(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be otherwise. Left out: as it was."""

    speaks: Speaks | None = None
    audience: Audience | None = None
    muted: bool | None = None


class Words(msgspec.Struct, forbid_unknown_fields=True):
    """Words for the assistant, or from it."""

    text: str


async def invite(request: web.Request) -> web.Response:
    """202 with the assistant that is on its way. 409 with the present one while there is one; 429 at a cap."""
    invitation = await body_of(request, Invitation)

    async def act() -> web.Response:
        conference = (await request.app[SWITCHBOARD].going_on(request.match_info["id"])).conference
        wish = Wish(
            by=request[CALLER].name,
            prompt=invitation.prompt,
            speaks=invitation.speaks,
            announce=invitation.announce,
            audience=invitation.audience,
        )
        assistant = await _refusable(request.app[ASSISTANTS].invite(conference, wish))
        place = f"/v1/conferences/{conference.id}/assistants/{assistant.id}"
        return _answer(request, assistant, HTTPStatus.ACCEPTED, {hdrs.LOCATION: place})

    try:
        return await once(request, act)
    except AssistantPresent as error:
        more = {"assistant": shown(error.present, request.app[ASSISTANTS].session(error.present.id))}
        return problem(request, HTTPStatus.CONFLICT, error.code, str(error), more=more)


async def list_assistants(request: web.Request) -> web.Response:
    """All that the conference ever had, the newest first."""
    desk, conference = request.app[ASSISTANTS], await _conference(request)
    data = [shown(one, desk.session(one.id)) for one in await desk.of_conference(conference.id)]
    return _json({"data": data})


async def get_assistant(request: web.Request) -> web.Response:
    """One of them, gone or not."""
    conference, wanted = await _conference(request), request.match_info["assistant"]
    found = next((one for one in await request.app[ASSISTANTS].of_conference(conference.id) if one.id == wanted), None)
    if found is None:
        raise NotFound(f"Conference {conference.id} has no assistant {wanted[:64]}.")
    return _answer(request, found)


async def change_assistant(request: web.Request) -> web.Response:
    """``PATCH``: when it speaks, who hears it, whether it is muted; from now on."""
    return await _set_manners(request, await body_of(request, Manners))


async def mute(request: web.Request) -> web.Response:
    """It is silent at once, and stays so."""
    return await _set_manners(request, Manners(muted=True))


async def unmute(request: web.Request) -> web.Response:
    """It may speak again."""
    return await _set_manners(request, Manners(muted=False))


async def say(request: web.Request) -> web.Response:
    """202: it will say exactly this, to its audience, as soon as nobody else speaks."""
    words = await _words(request, SAY_MAX_CHARS)

    async def act() -> web.Response:
        session = await _present(request)
        session.conversation.ask(words, by=request[CALLER].name, exact=True)
        return _answer(request, session.assistant, HTTPStatus.ACCEPTED)

    return await once(request, act)


async def stop(request: web.Request) -> web.Response:
    """202: what it says ends here, and it forgets what it was about to say."""
    session = await _present(request)
    session.conversation.stop()
    return _answer(request, session.assistant, HTTPStatus.ACCEPTED)


async def dismiss(request: web.Request) -> web.Response:
    """``DELETE``: 202, it goes at the end of what it says; with ``?now=true`` at once. One that is gone is no error."""
    desk, conference = request.app[ASSISTANTS], await _conference(request)
    wanted = request.match_info["assistant"]
    session = desk.session(wanted)
    if session is not None and session.assistant.conference_id == conference.id:
        await session.dismiss(now=request.query.get("now") == "true", by=request[CALLER].name)
        return _answer(request, session.assistant, HTTPStatus.ACCEPTED)
    return await get_assistant(request)


async def _set_manners(request: web.Request, manners: Manners) -> web.Response:
    session = await _present(request)

    async def act() -> web.Response:
        changed = await _refusable(
            request.app[ASSISTANTS].set_manners(
                session, speaks=manners.speaks, audience=manners.audience, muted=manners.muted
            )
        )
        return _answer(request, changed)

    return await harmless_twice(request, act)


async def _present(request: web.Request) -> AssistantSession:
    conference = await _conference(request)
    return await _refusable(request.app[ASSISTANTS].present(conference.id, request.match_info["assistant"]))


async def _words(request: web.Request, most: int) -> str:
    words = await body_of(request, Words)
    try:
        return check_text(words.text, most, name="text")
    except AssistantRefused as refused:
        raise _refused(refused) from refused


async def _conference(request: web.Request) -> Conference:
    id_or_sid = request.match_info["id"]
    conference = await request.app[DIRECTORY].conference(id_or_sid)
    if conference is None:
        raise NotFound(f"There is no conference {id_or_sid[:64]}.", next_step="List them: GET /v1/conferences.")
    return conference


async def _refusable(wish: Awaitable[T]) -> T:
    try:
        return await wish
    except AssistantRefused as refused:
        raise _refused(refused) from refused


def _refused(refused: AssistantRefused) -> RequestRefused:
    return RequestRefused(_STATUS[refused.code], refused.code, refused.message, next_step=refused.next_step)


def shown(assistant: Assistant, session: AssistantSession | None) -> dict[str, Any]:
    """``stage``: requested, joined, left, failed; ``state``: what it does just now, while it is there."""
    return {
        "id": assistant.id,
        "conference": assistant.conference_id,
        "participant": assistant.participant_id,
        "call_sid": assistant.call_sid,
        "name": assistant.name,
        "stage": assistant.stage,
        "state": session.doing if session is not None else None,
        "muted": assistant.muted,
        "speaks": assistant.speaks,
        "announce": assistant.announce,
        "audience": assistant.audience,
        "by": assistant.by,
        "prompt": assistant.prompt,
        "requested_at": assistant.requested_at,
        "joined_at": assistant.joined_at,
        "ended_at": assistant.ended_at,
        "reason": assistant.reason or None,
        "detail": assistant.detail or None,
    }


def _answer(
    request: web.Request,
    assistant: Assistant,
    status: HTTPStatus = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
) -> web.Response:
    session = request.app[ASSISTANTS].session(assistant.id)
    response = _json(shown(assistant, session), status)
    response.headers.update(headers or {})
    return response


def _json(body: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type="application/json", status=status)
