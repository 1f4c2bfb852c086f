"""``/v1/conferences/{id}/assistants``: invite the AI participant, tell it what to do, let it go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Any, Literal, TypeVar

import msgspec
from aiohttp import hdrs, web

from sidecar.domain.assistant.events import AssistantTurn
from sidecar.domain.assistant.stay import (
    PROMPT_MAX_CHARS,
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
from sidecar.domain.conference.values import Conference
from sidecar.domain.errors import ChatModelFailed, NotFound
from sidecar.runtime.assistant.mind import EngineNames
from sidecar.runtime.assistant.session import AssistantSession
from sidecar.server.api.bodies import body_of, json_response
from sidecar.server.api.idempotency import harmless_twice, once
from sidecar.server.app_keys import ASSISTANTS, SWITCHBOARD, TRANSCRIPTS
from sidecar.server.audit import audit
from sidecar.server.auth.caller import CALLER, CONFERENCE
from sidecar.server.problems import RequestRefused, problem

T = TypeVar("T")
# Whoever asks for an answer in words waits so long at most.
ANSWER_TIMEOUT_S = 20.0
# Of its turns, the newest.
TURNS_SHOWN = 50
EVENTS_READ = 1_000
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
    """What it is to say."""

    text: str


class Prompt(msgspec.Struct, forbid_unknown_fields=True):
    """What only the assistant is told. ``reply``: it answers aloud, in words here, or not at all."""

    text: str
    reply: Literal["voice", "text", "none"] = "voice"


async def invite(request: web.Request) -> web.Response:
    """202 with the assistant that is on its way. 409 with the present one while there is one; 429 at a cap."""
    invitation = await body_of(request, Invitation)

    async def act() -> web.Response:
        conference = (await request.app[SWITCHBOARD].going_on(request[CONFERENCE].id)).conference
        wish = Wish(
            by=request[CALLER].name,
            prompt=invitation.prompt,
            speaks=invitation.speaks,
            announce=invitation.announce,
            audience=invitation.audience,
        )
        assistant = await _refusable(request.app[ASSISTANTS].invite(conference, wish))
        place = f"/v1/conferences/{conference.id}/assistants/{assistant.id}"
        await audit(request, "assistant.invited", assistant.id, after={"conference": conference.id})
        return _answer(request, assistant, HTTPStatus.ACCEPTED, {hdrs.LOCATION: place})

    try:
        return await once(request, act)
    except AssistantPresent as error:
        more = {"assistant": shown(error.present, request.app[ASSISTANTS].session(error.present.id))}
        return problem(request, HTTPStatus.CONFLICT, error.code, str(error), more=more)


async def list_assistants(request: web.Request) -> web.Response:
    """All that the conference ever had, the newest first."""
    desk, conference = request.app[ASSISTANTS], request[CONFERENCE]
    data = [shown(one, desk.session(one.id)) for one in await desk.of_conference(conference.id)]
    return json_response({"data": data})


async def get_assistant(request: web.Request) -> web.Response:
    """One of them, gone or not, with its newest turns: what it said, what was heard, how long each stage took."""
    conference, wanted = request[CONFERENCE], request.match_info["assistant"]
    found = next((one for one in await request.app[ASSISTANTS].of_conference(conference.id) if one.id == wanted), None)
    if found is None:
        raise NotFound(f"Conference {conference.id} has no assistant {wanted[:64]}.")
    session = request.app[ASSISTANTS].session(wanted)
    return json_response(shown(found, session) | {"turns": await _turns(request, conference, wanted)})


async def _turns(request: web.Request, conference: Conference, assistant: str) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = []
    after = 0
    while page := await request.app[TRANSCRIPTS].events(
        conference.id, until=conference.seq, after=after, types=[AssistantTurn.type], limit=EVENTS_READ
    ):
        turns += [
            {"seq": event.seq} | msgspec.to_builtins(event.data)
            for event in page
            if isinstance(event.data, AssistantTurn) and event.data.assistant == assistant
        ]
        after = page[-1].seq or 0
    return turns[-TURNS_SHOWN:]


async def change_assistant(request: web.Request) -> web.Response:
    """``PATCH``: when it speaks, who hears it, whether it is muted; from now on."""
    return await _set_manners(request, await body_of(request, Manners))


async def mute(request: web.Request) -> web.Response:
    """It is silent at once, and stays so."""
    return await _set_manners(request, Manners(muted=True))


async def unmute(request: web.Request) -> web.Response:
    """It may speak again."""
    return await _set_manners(request, Manners(muted=False))


async def prompt(request: web.Request) -> web.Response:
    """202, and with ``reply`` text 200 with its ``answer``, which nobody on the call hears; 502 when it has none."""
    wish = await body_of(request, Prompt)
    text, by = _checked(wish.text, PROMPT_MAX_CHARS), request[CALLER].name

    async def act() -> web.Response:
        session = await _present(request)
        await audit(request, "assistant.prompted", session.assistant.id, after={"reply": wish.reply})
        conversation = session.conversation
        if wish.reply == "text":
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    return json_response({"answer": await conversation.answer_in_words(text, by=by)})
            except (ChatModelFailed, TimeoutError) as error:
                code = error.code if isinstance(error, ChatModelFailed) else "chat_timeout"
                return problem(request, HTTPStatus.BAD_GATEWAY, code, str(error) or "It took too long.")
        if wish.reply == "voice":
            conversation.ask(text, by=by, exact=False)
        else:
            conversation.know(text, by=by)
        return _answer(request, session.assistant, HTTPStatus.ACCEPTED)

    return await once(request, act)


async def say(request: web.Request) -> web.Response:
    """202: it will say exactly this, to its audience, as soon as nobody else speaks."""
    words = _checked((await body_of(request, Words)).text, SAY_MAX_CHARS)

    async def act() -> web.Response:
        session = await _present(request)
        session.conversation.ask(words, by=request[CALLER].name, exact=True)
        await audit(request, "assistant.told_to_say", session.assistant.id)
        return _answer(request, session.assistant, HTTPStatus.ACCEPTED)

    return await once(request, act)


async def stop(request: web.Request) -> web.Response:
    """202: what it says ends here, and it forgets what it was about to say."""

    async def act() -> web.Response:
        session = await _present(request)
        session.conversation.stop()
        await audit(request, "assistant.stopped", session.assistant.id)
        return _answer(request, session.assistant, HTTPStatus.ACCEPTED)

    return await harmless_twice(request, act)


async def dismiss(request: web.Request) -> web.Response:
    """``DELETE``: 202, it goes at the end of what it says; with ``?now=true`` at once. One that is gone is no error."""
    desk, conference = request.app[ASSISTANTS], request[CONFERENCE]
    wanted = request.match_info["assistant"]
    session = desk.session(wanted)
    if session is not None and session.assistant.conference_id == conference.id:
        await session.dismiss(now=request.query.get("now") == "true", by=request[CALLER].name)
        await audit(request, "assistant.dismissed", wanted)
        return _answer(request, session.assistant, HTTPStatus.ACCEPTED)
    return await get_assistant(request)


async def _set_manners(request: web.Request, manners: Manners) -> web.Response:
    session = await _present(request)

    async def act() -> web.Response:
        before = _manners(session.assistant)
        changed = await _refusable(
            request.app[ASSISTANTS].set_manners(
                session, speaks=manners.speaks, audience=manners.audience, muted=manners.muted
            )
        )
        await audit(request, "assistant.changed", changed.id, before=before, after=_manners(changed))
        return _answer(request, changed)

    return await harmless_twice(request, act)


def _manners(assistant: Assistant) -> dict[str, str | bool]:
    return {"speaks": assistant.speaks, "audience": assistant.audience, "muted": assistant.muted}


async def _present(request: web.Request) -> AssistantSession:
    conference = request[CONFERENCE]
    return await _refusable(request.app[ASSISTANTS].present(conference.id, request.match_info["assistant"]))


def _checked(text: str, most: int) -> str:
    try:
        return check_text(text, most, name="text")
    except AssistantRefused as refused:
        raise _refused(refused) from refused


async def _refusable(wish: Awaitable[T]) -> T:
    try:
        return await wish
    except AssistantRefused as refused:
        raise _refused(refused) from refused


def _refused(refused: AssistantRefused) -> RequestRefused:
    pointer = "#/announce" if refused.code == "announcement_needed" else ""
    return RequestRefused(
        _STATUS[refused.code], refused.code, refused.message, next_step=refused.next_step, pointer=pointer
    )


def shown(assistant: Assistant, session: AssistantSession | None) -> dict[str, Any]:
    """``stage``: requested, joined, left, failed; ``state``: what it does just now, and has done since ``since_ms``.

    ``engines``: who answers aloud, who says exact words, who answers in words; ``problem`` there: why the one that is
    to answer aloud is away, so that the others do for it. ``problem``: the last thing that went wrong.
    """
    return {
        "id": assistant.id,
        "conference": assistant.conference_id,
        "participant": assistant.participant_id,
        "call_sid": assistant.call_sid,
        "name": assistant.name,
        "stage": assistant.stage,
        "state": session.doing if session is not None else None,
        "since_ms": session.since_ms if session is not None else None,
        "muted": assistant.muted,
        "tokens": session.conversation.mind.tokens if session is not None else None,
        "engines": _engines(session.conversation.mind.engines) if session is not None else None,
        "problem": session.problem if session is not None else None,
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


def _engines(engines: EngineNames) -> dict[str, str | None]:
    return {
        "answers": engines.realtime or engines.chat_model,
        "exact_words": engines.voice,
        "in_words": engines.chat_model,
        "problem": engines.problem or None,
    }


def _answer(
    request: web.Request,
    assistant: Assistant,
    status: HTTPStatus = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
) -> web.Response:
    session = request.app[ASSISTANTS].session(assistant.id)
    return json_response(shown(assistant, session), status, headers=headers)
