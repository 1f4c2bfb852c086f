"""Events for programs: by key, of some types only, by a ticket from another site, and as a list."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from sidecar.domain.access.callers import Caller
from sidecar.runtime.event_bus import conference_topic
from sidecar.server.app_keys import ACCOUNTS, CLOCK, DIRECTORY, EVENT_LOG
from sidecar.server.stream_tickets import TICKETS_MOST, StreamTickets, Ticket
from tests.callers import BEARER
from tests.contract import event_breaches
from tests.facts import NOON, open_call, said
from tests.fakes import ScriptedRecogniser
from tests.integration.stream.rig import EventSource
from tests.service import Service, running_service

CALLER = Caller(id="key_1", name="crm", by="key", tenant="", scopes=frozenset())
PAUSES = ("transcript.paused", "transcript.resumed")


class Reader:
    """A program that expects each event by its type; pings are passed over."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._source = EventSource(answer)
        self.last_id = ""

    async def next(self, type_: str) -> Any:
        """The data of the next event, which has to be of this type."""
        frame = await self._source.frame()
        while frame.event == "ping":
            frame = await self._source.frame()
        self.last_id = frame.id or self.last_id
        assert frame.event == type_, frame
        assert "seq" not in frame.data or event_breaches(frame.data) == []
        return frame.data


async def a_call_with_lines(service: Service, lines: int) -> str:
    """A conference of which so many lines are stored; its id."""
    bound = await open_call(service.app[DIRECTORY])
    await service.app[EVENT_LOG].append([said(bound, n, text=f"Line {n}.") for n in range(lines)])
    return bound.conference.id


async def change_pause(service: Service, conference: str, does: str) -> None:
    async with service.http.post(f"{service.base}/v1/conferences/{conference}/{does}") as answer:
        assert answer.status == 200, await answer.text()


async def test_a_program_reads_some_types_by_key_and_resumes_without_hole_or_double(tmp_path: Path) -> None:
    async with running_service(tmp_path, ScriptedRecogniser()) as service:
        conference = await a_call_with_lines(service, 3)
        query = {"topic": conference_topic(conference), "types": ",".join(PAUSES)}
        stream = f"{service.base}/v1/stream"
        async with aiohttp.ClientSession() as http, http.get(stream, params=query, headers=BEARER) as answer:
            assert answer.content_type == "text/event-stream"
            reader = Reader(answer)
            assert (await reader.next("stream.ready"))["resumed"] is False
            await change_pause(service, conference, "pause")
            # The lines before it were passed over, and are no reason to tell of a gap.
            assert (await reader.next("transcript.paused"))["seq"] == 4
        await change_pause(service, conference, "resume")
        query["last_event_id"] = reader.last_id
        async with service.http.get(stream, params=query) as answer:
            reader = Reader(answer)
            assert (await reader.next("stream.ready"))["resumed"] is True
            assert (await reader.next("transcript.resumed"))["seq"] == 5
        del query["types"]
        async with service.http.get(stream, params=query) as answer:
            reader = Reader(answer)
            await reader.next("stream.ready")
            assert (await reader.next("transcript.resumed"))["seq"] == 5
        for wrong, code in (({"types": "utterance.finl"}, "type_unknown"), ({"types": ""}, "type_unknown")):
            async with service.http.get(stream, params=query | wrong) as answer:
                assert (answer.status, (await answer.json(content_type=None))["code"]) == (400, code)


async def test_a_ticket_opens_one_stream_of_its_topics_for_whoever_made_it(tmp_path: Path) -> None:
    async with running_service(tmp_path, ScriptedRecogniser()) as service:
        conference = await a_call_with_lines(service, 1)

        async def ticket(**wish: Any) -> tuple[int, Any]:
            async with service.http.post(f"{service.base}/v1/stream_tickets", json=wish) as answer:
                return answer.status, await answer.json(content_type=None)

        async def status_of(url: str) -> int:
            async with stranger.get(url) as answer:
                return answer.status

        topics = [conference_topic(conference)]
        status, made = await ticket(topics=topics, types=["utterance.final"])
        assert (status, made["topics"], made["types"]) == (201, topics, ["utterance.final"])
        async with aiohttp.ClientSession() as stranger:
            # What the query says beside a ticket counts for nothing.
            async with stranger.get(made["url"], params={"topic": "wallboard"}) as answer:
                reader = Reader(answer)
                assert list((await reader.next("stream.ready"))["from"]) == [conference]
                assert (await reader.next("utterance.final"))["seq"] == 1
            assert await status_of(made["url"]) == 401
            made_up = f"{service.base}/v1/stream?ticket=skt_made_up"
            async with stranger.get(made_up) as answer:
                assert (answer.status, "POST /v1/stream_tickets" in await answer.text()) == (401, True)
            _, other = await ticket(topics=topics)
            assert await status_of(other["url"].replace("/v1/stream?", "/v1/conferences?")) == 401
            await service.app[ACCOUNTS].revoke_key("tests", tenant="", now=service.app[CLOCK].now())
            assert await status_of(other["url"]) == 401


async def test_what_a_ticket_cannot_be_made_for_is_a_problem(tmp_path: Path) -> None:
    async with running_service(tmp_path, ScriptedRecogniser()) as service:
        for wish, status, code in (
            ({}, 422, "body_invalid"),
            ({"topics": []}, 400, "topic_missing"),
            ({"topics": ["conference:cnf_nobody"]}, 404, "not_found"),
            ({"topics": ["weather"]}, 400, "topic_invalid"),
            ({"topics": ["wallboard"], "types": ["rain"]}, 400, "type_unknown"),
        ):
            async with service.http.post(f"{service.base}/v1/stream_tickets", json=wish) as answer:
                assert (answer.status, (await answer.json(content_type=None))["code"]) == (status, code)


async def test_the_same_events_come_as_a_list_in_pages(tmp_path: Path) -> None:
    async with running_service(tmp_path, ScriptedRecogniser()) as service:
        conference = await a_call_with_lines(service, 5)
        await change_pause(service, conference, "pause")
        path = f"/v1/conferences/{conference}/events"
        seen, url = [], URL(service.base).join(URL(f"{path}?limit=2"))
        while url:
            async with service.http.get(url) as answer:
                body = await answer.json()
                assert ("next" in answer.links) is body["has_more"] is (body["next_cursor"] is not None)
                url = URL(str(answer.links["next"]["url"])) if body["has_more"] else URL()
            seen += body["data"]
        assert seen == await service.events()
        assert [event["seq"] for event in (await service.get(f"{path}?after=5"))["data"]] == [6]
        assert [e["type"] for e in (await service.get(f"{path}?types=transcript.paused"))["data"]] == list(PAUSES[:1])
        for query in ("after=x", "after=-1", "limit=0", "types=nothing"):
            async with service.http.get(f"{service.base}{path}?{query}") as answer:
                assert answer.status == 400


async def test_conferences_are_listed_by_filters_in_pages(tmp_path: Path) -> None:
    async with running_service(tmp_path, ScriptedRecogniser()) as service:
        for n in range(3):
            await service.call(f"CA{n}" + "0" * 31, room=f"room-{n}")
        page = await service.get("/v1/conferences?limit=2")
        rest = await service.get(f"/v1/conferences?limit=2&after={page['next_cursor']}")
        assert [one["room"] for one in page["data"] + rest["data"]] == ["room-2", "room-1", "room-0"]
        assert (page["has_more"], rest["has_more"]) == (True, False)
        for query, rooms in (
            ("q=ROOM-1", ["room-1"]),
            ("state=waiting&agent=agent&room=room-0", ["room-0"]),
            ("state=ended", []),
            ("from=2020-01-01&to=2020-01-02T00:00:00%2B02:00", []),
        ):
            assert [one["room"] for one in (await service.get(f"/v1/conferences?{query}"))["data"]] == rooms
        for query in ("state=odd", "from=yesterday", "from=2020-01-01T00:00:00", "q=", "after=x", "limit=1000"):
            async with service.http.get(f"{service.base}/v1/conferences?{query}") as answer:
                assert answer.status == 400, query


@pytest.mark.parametrize("kept", [1, TICKETS_MOST])
def test_tickets_expire_and_are_bounded(kept: int) -> None:
    tickets = StreamTickets()

    def add(secret: str, seconds: int) -> None:
        expires_at = NOON + timedelta(seconds=60 + seconds)
        tickets.add(secret, Ticket(caller=CALLER, topics=["wallboard"], types=None, expires_at=expires_at))

    for n in range(kept + 1):
        add(f"t{n}", 0)
    assert (tickets.use("t0", now=NOON) is None) is (kept == TICKETS_MOST)
    assert tickets.use("t1", now=NOON + timedelta(seconds=60)) is None
    add("late", 120)
    assert tickets.use(f"t{kept}", now=NOON) is None
    assert tickets.use("late", now=NOON + timedelta(seconds=121)) is not None
    assert tickets.use("late", now=NOON + timedelta(seconds=121)) is None
