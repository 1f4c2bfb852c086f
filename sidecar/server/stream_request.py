"""What somebody who opens ``/v1/stream`` asks for: topics, event types, and where to go on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from http import HTTPStatus

from aiohttp import web

from sidecar.domain.conference.values import Conference
from sidecar.domain.events import EventData
from sidecar.runtime.event_bus import WALLBOARD
from sidecar.server.audit import audit_read
from sidecar.server.auth.caller import visible_conference
from sidecar.server.problems import RequestRefused
from sidecar.wire.sse import BadPosition, Positions

TOPICS_MOST = 20


def asked_topics(request: web.Request) -> list[str]:
    """The topics of the query, each once. Raises RequestRefused (topic_missing, too_many_topics)."""
    return checked_topics(request.query.getall("topic", []))


def checked_topics(wanted: Sequence[str]) -> list[str]:
    """Each once. Raises RequestRefused for none, and for too many."""
    topics = list(dict.fromkeys(wanted))
    if not topics:
        raise RequestRefused(
            HTTPStatus.BAD_REQUEST, "topic_missing", "No topic was asked for.", next_step="Add ?topic=conference:<id>."
        )
    if len(topics) > TOPICS_MOST:
        raise RequestRefused(
            HTTPStatus.BAD_REQUEST,
            "too_many_topics",
            f"{len(topics)} topics are more than {TOPICS_MOST}.",
            next_step="Open another stream.",
        )
    return topics


async def visible_conferences(request: web.Request, topics: Sequence[str]) -> list[Conference]:
    """Those of the topics, by our id or Twilio's. Raises RequestRefused (topic_invalid), NotFound."""
    found: dict[str, Conference] = {}
    for topic in topics:
        if topic == WALLBOARD:
            continue
        kind, _, id_or_sid = topic.partition(":")
        if kind != "conference" or not id_or_sid:
            raise RequestRefused(
                HTTPStatus.BAD_REQUEST,
                "topic_invalid",
                f"There is no topic {topic[:64]!r}.",
                next_step="Topics are wallboard, and conference:<id>.",
            )
        conference = await visible_conference(request, id_or_sid)
        await audit_read(request, conference)
        found[conference.id] = conference
    return list(found.values())


def asked_types(request: web.Request) -> frozenset[str] | None:
    """``types=utterance.final,transcript.gap``, also repeated; None: all. Raises RequestRefused (type_unknown)."""
    if "types" not in request.query:
        return None
    return checked_types([name for text in request.query.getall("types") for name in text.split(",")])


def checked_types(wanted: Collection[str]) -> frozenset[str]:
    """The same types, all of which exist: who misspells one should not wait for it in vain."""
    known = {kind.type for kind in EventData.__subclasses__()}
    for name in wanted:
        if name not in known:
            raise RequestRefused(
                HTTPStatus.BAD_REQUEST,
                "type_unknown",
                f"There is no event type {name[:64]!r}.",
                next_step="They are listed at /docs#event-types.",
            )
    return frozenset(wanted)


def asked_position(request: web.Request) -> Positions | BadPosition | None:
    """From where the client goes on; an error is told to it in the stream, with a replay of everything."""
    position = request.headers.get("Last-Event-ID") or request.query.get("last_event_id")
    try:
        if position is not None:
            return Positions.parse(position)
        if "after" in request.query:
            return Positions.spelled(request.query.get("epoch", ""), request.query.getall("after"))
    except BadPosition as error:
        return error
    return None


class Start:
    """Where a stream begins: ``seqs`` per conference, whether that resumes an earlier one, and what was lost."""

    def __init__(self, epoch: str, conferences: Sequence[Conference], asked: Positions | BadPosition | None) -> None:
        self.epoch = epoch
        self.seqs = {conference.id: 0 for conference in conferences}
        self.gap_reason: str | None = None
        self.gap_in: list[str] = []
        self.resumed = False
        if asked is None or not conferences:
            return
        if isinstance(asked, BadPosition):
            self._lost(asked.code, list(self.seqs))
            return
        if asked.epoch != epoch:
            self._lost("other_epoch", list(self.seqs))
            return
        # A store that was restored from a backup can end before what a client has seen.
        beyond = [c.id for c in conferences if asked.seqs.get(c.id, 0) > c.seq]
        if beyond:
            self._lost("beyond_end", beyond)
        self.seqs |= {name: seq for name, seq in asked.seqs.items() if name in self.seqs and name not in beyond}
        self.resumed = not beyond

    def _lost(self, reason: str, conferences: list[str]) -> None:
        self.gap_reason, self.gap_in = reason, conferences
