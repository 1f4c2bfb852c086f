"""The REST API, met by the real twilio client."""

from __future__ import annotations

import pytest

from tests.integration.emulator.small_service import ACCOUNT, small
from tests.integration.emulator.twilio_client import in_conference, refused, twilio_client

# twilio 9.13 still uses what aiohttp 3.14 has deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]


async def test_a_conference_is_found_by_its_room_and_shows_who_is_in() -> None:
    """List by name and status, fetch by id, list participants."""
    async with small() as s, twilio_client(s) as client:
        calls = await in_conference(s, "agent", "customer")
        (found,) = await client.conferences.list_async(friendly_name="r-1", status="in-progress")
        fetched = await client.conferences(found.sid).fetch_async()
        inside = await client.conferences(found.sid).participants.list_async()
        assert (fetched.sid, fetched.status, fetched.friendly_name) == (found.sid, "in-progress", "r-1")
        assert fetched.date_created is not None
        assert [(p.call_sid, p.label, p.muted, p.hold) for p in inside] == [
            (calls[0], "agent", False, False),
            (calls[1], "customer", False, False),
        ]
        assert await client.conferences.list_async(friendly_name="other") == []
        assert await client.conferences(found.sid).participants.list_async(muted=True) == []
        for call in calls:
            await s.hang_up(call)
        over = await client.conferences(found.sid).fetch_async()
        assert (over.status, over.reason_conference_ended) == ("completed", "last-participant-left")
        assert over.call_sid_ending_conference == calls[1]
        assert await client.conferences(found.sid).participants.list_async() == []
        assert await client.conferences.list_async(friendly_name="r-1", status="in-progress") == []


async def test_a_call_is_fetched_live_and_over() -> None:
    """With the caller's address and, at the end, its duration."""
    async with small() as s, twilio_client(s) as client:
        (call,) = await in_conference(s, "agent")
        live = await client.calls(call).fetch_async()
        assert (live.status, live._from, live.direction) == ("in-progress", "client:agent", "inbound")
        await s.hang_up(call)
        over = await client.calls(call).fetch_async()
        assert (over.status, str(over.duration).isdigit()) == ("completed", True)


async def test_a_fork_is_started_and_stopped_by_rest() -> None:
    """Parameters and status callback as given; the second stream of a call is numbered from the start."""
    async with small() as s, twilio_client(s) as client:
        (call,) = await in_conference(s, "agent")
        media = s.service.base.replace("http", "ws", 1) + "/media"
        started = await client.calls(call).streams.create_async(
            url=media,
            name="frk-1-2",
            track="inbound_track",
            status_callback=s.service.base + "/callbacks",
            parameter1_name="token",
            parameter1_value="t-9",
            parameter2_name="room",
            parameter2_value="r-1",
        )
        assert (started.call_sid, started.name, started.status) == (call, "frk-1-2", "in-progress")
        await s.until(lambda: bool(s.service.sockets) and bool(s.service.sockets[0].media))
        start = s.service.sockets[0].frames[1]
        assert start["streamSid"] == started.sid
        assert start["start"]["customParameters"] == {"token": "t-9", "room": "r-1"}
        stopped = await client.calls(call).streams("frk-1-2").update_async(status="stopped")
        assert (stopped.sid, stopped.status) == (started.sid, "stopped")
        await s.service.sockets[0].ended.wait()
        assert s.service.sockets[0].frames[-1]["event"] == "stop"
        again = await client.calls(call).streams(started.sid).update_async(status="stopped")
        assert again.status == "stopped"
        assert (s.status(call), s.errors()) == ("in-progress", [])
        await s.hang_up(call)
        assert s.service.events("StreamEvent") == ["stream-started", "stream-stopped"]


async def test_refusals_carry_twilios_numbers() -> None:
    """Unknown things, calls that are over, URLs and tracks that cannot be."""
    async with small() as s, twilio_client(s) as client:
        live, over = await in_conference(s, "agent", "customer")
        await s.hang_up(over)
        unknown = "CA" + "0" * 32
        wss = "wss://media.example/m"
        assert await refused(client.conferences("CF" + "0" * 32).fetch_async()) == (404, 20404)
        assert await refused(client.calls(unknown).fetch_async()) == (404, 20404)
        assert await refused(client.calls(unknown).streams.create_async(url=wss)) == (404, 20404)
        assert await refused(client.calls(over).streams.create_async(url=wss)) == (400, 21220)
        assert await refused(client.calls(live).streams.create_async(url="http://media.example/")) == (400, 31922)
        assert await refused(client.calls(live).streams.create_async(url=wss, track="all")) == (400, 31941)
        assert await refused(client.calls(live).streams.create_async(url="")) == (400, 20001)
        post = {"url": wss, "status_callback": "https://h.example/", "status_callback_method": "PUT"}
        assert await refused(client.calls(live).streams.create_async(**post)) == (400, 20001)
        started = await client.calls(live).streams.create_async(url=s.service.base.replace("http", "ws") + "/media")
        assert await refused(client.calls(live).streams(started.sid).update_async(status="paused")) == (400, 20001)
        assert await refused(client.calls(live).streams("none").update_async(status="stopped")) == (404, 20404)
        assert await refused(client.calls(live).recordings.create_async()) == (404, 20404)
        await s.hang_up(live)


async def test_another_password_or_account_is_refused() -> None:
    """401 with 20003; another account's path is not found."""
    async with small() as s, twilio_client(s, token="wrong") as client:
        assert await refused(client.calls("CA" + "0" * 32).fetch_async()) == (401, 20003)
        path = f"/2010-04-01/Accounts/{ACCOUNT.sid}/Conferences.json"
        for header in ("", "Basic", "Basic %%%", "Bearer x"):
            async with s.http.get(s.base + path, headers={"Authorization": header}) as response:
                assert response.status == 401
                assert (await response.json())["code"] == 20003


async def test_lists_come_in_pages_that_the_client_follows() -> None:
    """Three conferences, one a page."""
    async with small() as s, twilio_client(s) as client:
        s.service.twiml = lambda asked: f"<Response>{s.service.conference(room=asked['room'])}</Response>"
        calls = [await s.call(voice_url=f"{s.service.base}/voice?room={room}") for room in ("a", "b", "c")]
        for call in calls:
            await s.in_room(call)
        listed = await client.conferences.list_async(page_size=1)
        assert sorted(str(conference.friendly_name) for conference in listed) == ["a", "b", "c"]
        for call in calls:
            await s.hang_up(call)
