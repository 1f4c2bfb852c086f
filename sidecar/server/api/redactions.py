"""``POST /v1/conferences/{id}/utterances/{utterance}/redact``: take words out of a line that was told, for good."""

from __future__ import annotations

from http import HTTPStatus

import msgspec
import structlog
from aiohttp import web

from sidecar.domain.redaction.events import UtteranceRedacted
from sidecar.server.api.bodies import body_of, json_response
from sidecar.server.api.idempotency import once
from sidecar.server.app_keys import REDACTION_BY_HAND
from sidecar.server.audit import audit
from sidecar.server.auth.caller import CALLER, CONFERENCE
from sidecar.server.problems import RequestRefused

log = structlog.get_logger()


class RedactionWish(msgspec.Struct, forbid_unknown_fields=True):
    """Which characters of the text go: from ``start`` to before ``end``, counted from 0. Left out: all of them.

    ``revision``: of the line as it was looked at; in another one the same place may be other words.
    """

    start: int | None = None
    end: int | None = None
    revision: int | None = None


async def redact(request: web.Request) -> web.Response:
    """200 with what is left. 404 for an unknown line, 409 if somebody redacted it meanwhile, 422 for a wrong place."""
    wish = await body_of(request, RedactionWish)
    if (wish.start is None) is not (wish.end is None):
        raise _no_place("start and end belong together.")
    span = None if wish.start is None or wish.end is None else (wish.start, wish.end)
    return await once(request, lambda: _redact(request, span, wish.revision))


async def _redact(request: web.Request, span: tuple[int, int] | None, revision: int | None) -> web.Response:
    conference, utterance = request[CONFERENCE], request.match_info["utterance"]
    try:
        event = await request.app[REDACTION_BY_HAND].redact(
            conference, utterance, by=request[CALLER].name, span=span, seen=revision
        )
    except ValueError as error:
        raise _no_place(str(error)) from error
    assert isinstance(event.data, UtteranceRedacted)  # noqa: S101 - it was asked for
    redacted = event.data
    log.info("utterance_redacted", conference=conference.id, utterance=utterance)
    await audit(request, "utterance.redacted", utterance, after={"conference": conference.id, "all": span is None})
    body = {
        "conference": conference.id,
        "utterance": redacted.id,
        "revision": redacted.revision,
        "text": redacted.text,
        "seq": event.seq,
    }
    return json_response(body)


def _no_place(message: str) -> RequestRefused:
    return RequestRefused(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "span_invalid",
        message,
        next_step="Leave both out to redact the whole line.",
        pointer="#/start",
    )
