"""Participants by REST: mute, hold, coach, announce, dial, remove; and what the callbacks tell of it."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
import soundfile

from tests.integration.emulator.small_service import Small, Socket, small
from tests.integration.emulator.twilio_client import check_answer, in_conference, refused, twilio_client

# twilio 9.13 still uses what aiohttp 3.14 has deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]


def told(s: Small) -> list[str]:
    """The conference's callbacks so far; their numbers count up without a hole."""
    forms = [form for form in s.service.callbacks if "StatusCallbackEvent" in form]
    assert [int(form["SequenceNumber"]) for form in forms] == list(range(1, len(forms) + 1))
    return [form["StatusCallbackEvent"] for form in forms]


async def test_mute_hold_and_coaching_are_done_and_told() -> None:
    """Each change once, in order, with the flags as they are then; the same value again is no change."""
    async with small() as s, twilio_client(s) as client:
        agent, customer, boss = await in_conference(s, "agent", "customer", "boss")
        (found,) = await client.conferences.list_async(friendly_name="r-1")
        people = client.conferences(found.sid).participants
        muted = await people("customer").update_async(muted=True)
        assert (muted.call_sid, muted.muted, muted.hold) == (customer, True, False)
        assert [p.call_sid for p in await people.list_async(muted=True)] == [customer]
        await people(customer).update_async(muted=True)
        held = await people(customer).update_async(muted=False, hold=True)
        assert (held.muted, held.hold) == (False, True)
        assert [p.label for p in await people.list_async(hold=True)] == ["customer"]
        await people(customer).update_async(hold=False)
        coach = await people("boss").update_async(call_sid_to_coach=agent)
        assert (coach.coaching, coach.call_sid_to_coach) == (True, agent)
        assert [p.call_sid for p in await people.list_async(coaching=True)] == [boss]
        assert (await people(boss).update_async(coaching=False)).coaching is False
        await people(agent).update_async(end_conference_on_exit=True, beep_on_exit=False)
        assert await refused(people(boss).update_async(call_sid_to_coach="CA" + "0" * 32)) == (400, 16028)
        assert await refused(people(boss).update_async(call_sid_to_coach=boss)) == (400, 16028)
        fetched = await people("agent").fetch_async()
        assert (fetched.call_sid, fetched.end_conference_on_exit, fetched.status) == (agent, True, "connected")
        await s.hang_up(agent)
        assert told(s) == [
            *("participant-join", "participant-join", "conference-start", "participant-join"),
            *("participant-mute", "participant-unmute", "participant-hold", "participant-unhold"),
            *("participant-modify", "participant-modify", "participant-modify"),
            *("participant-leave", "participant-leave", "participant-leave", "conference-end"),
        ]
        of_customer = [form for form in s.service.callbacks if form.get("CallSid") == customer][1:5]
        assert [(form["Muted"], form["Hold"], form["Coaching"]) for form in of_customer] == [
            ("true", "false", "false"),
            ("false", "true", "false"),  # unmuted and held by one request
            ("false", "true", "false"),
            ("false", "false", "false"),
        ]
        assert {form["ParticipantLabel"] for form in of_customer} == {"customer"}


async def test_somebody_is_dialled_into_a_conference_and_removed() -> None:
    """Queued, ringing, in; the second waits for its second; a removed call goes on, which here is its end."""
    async with small() as s, twilio_client(s) as client:
        await in_conference(s, "agent", "customer")
        (found,) = await client.conferences.list_async(friendly_name="r-1")
        people = client.conferences(found.sid).participants
        made = await people.create_async(
            from_="+12025550100", to="+12025550177", label="expert", muted=True, start_conference_on_enter=False,
            status_callback=s.service.base + "/callbacks",
            status_callback_event=["initiated", "ringing", "answered", "completed"],
        )  # fmt: skip
        assert (made.status, made.label, made.muted, made.queue_time) == ("queued", "expert", True, "0")
        later = await people.create_async(from_="+12025550100", to="client:later", label="later")
        assert 0 < int(later.queue_time) <= 1000
        assert s.status(later.call_sid) == "queued"
        await client.calls(later.call_sid).update_async(status="canceled")
        await s.in_room(made.call_sid)
        joined = await people("expert").fetch_async()
        assert (joined.call_sid, joined.status, joined.muted) == (made.call_sid, "connected", True)
        call = await client.calls(made.call_sid).fetch_async()
        assert (call.direction, call.status, call.to) == ("outbound-api", "in-progress", "+12025550177")
        assert await people("expert").delete_async()
        await s.call_over(made.call_sid)
        assert s.status(later.call_sid) == "canceled"
        assert await refused(people("expert").fetch_async()) == (404, 20404)
        assert await refused(people("expert").delete_async()) == (404, 20404)
        progress = [form for form in s.service.callbacks if form.get("CallbackSource")]
        assert [form["CallStatus"] for form in progress] == ["initiated", "ringing", "in-progress", "completed"]
        assert [form["SequenceNumber"] for form in progress] == ["0", "1", "2", "3"]
        (left,) = [form for form in s.service.callbacks if form.get("ReasonParticipantLeft")]
        assert (left["CallSid"], left["ReasonParticipantLeft"]) == (made.call_sid, "participant_updated_via_api")


async def test_who_cannot_be_dialled_is_refused_at_once() -> None:
    """Labels, coaches, conferences that are over, applications; an unknown room's name opens a room."""
    async with small() as s, twilio_client(s) as client:
        calls = await in_conference(s, "agent")
        (found,) = await client.conferences.list_async(friendly_name="r-1")
        people = client.conferences(found.sid).participants
        who = {"from_": "+12025550100", "to": "+12025550177"}
        nobody = "CA" + "0" * 32
        assert await refused(people.create_async(**who, label="agent")) == (400, 16025)
        assert await refused(people.create_async(**who, label="a/b")) == (400, 16023)
        assert await refused(people.create_async(**who, call_sid_to_coach=nobody)) == (400, 16028)
        assert await refused(people.create_async(**who, coaching=True)) == (400, 16028)
        assert await refused(people.create_async(from_="+12025550100", to="app:AP" + "0" * 32)) == (400, 21218)
        assert await refused(people.create_async(from_="", to="+12025550177")) == (400, 20001)
        opened = await client.conferences("another").participants.create_async(**who)
        assert (opened.conference_sid, opened.uri) == (None, None)
        await s.in_room(opened.call_sid)
        await s.hang_up(opened.call_sid)
        await s.hang_up(calls[0])
        assert await refused(people.create_async(**who)) == (400, 16099)
        assert await refused(client.conferences(found.sid).update_async(status="completed")) == (400, 16099)
        assert await refused(client.conferences("CF" + "0" * 32).participants.create_async(**who)) == (404, 20404)


async def test_a_conference_that_rest_ends_lets_every_call_go_on() -> None:
    """All leave with that reason; each call performs its next verb."""
    async with small() as s, twilio_client(s) as client:
        calls = await in_conference(s, "agent", "customer")
        (found,) = await client.conferences.list_async(status="in-progress")
        over = await client.conferences(found.sid).update_async(status="completed")
        assert (over.status, over.reason_conference_ended) == ("completed", "conference-ended-via-api")
        for call in calls:
            await s.call_over(call)
        assert told(s)[-3:] == ["participant-leave", "participant-leave", "conference-end"]
        assert {form["ReasonParticipantLeft"] for form in s.service.callbacks if "ReasonParticipantLeft" in form} == {
            "conference_ended_via_api"
        }
        assert s.service.callbacks[-1]["ReasonConferenceEnded"] == "conference-ended-via-api"


def beep(hz: int, seconds: float) -> bytes:
    """A sound file."""
    file = io.BytesIO()
    soundfile.write(file, 0.5 * np.sin(2 * np.pi * hz * np.arange(int(8000 * seconds)) / 8000), 8000, format="WAV")
    return file.getvalue()


async def test_announcements_and_hold_music_are_heard_by_whom_they_are_for() -> None:
    """On the outbound track: an announcement for all, music for the one on hold, until that ends."""
    async with small() as s, twilio_client(s) as client:
        s.service.recording = beep(440, 0.3)
        room, play = s.service.conference, "<Response><Play>/recording.wav</Play></Response>"
        s.service.twiml = lambda asked: (
            play
            if "ConferenceSid" in asked
            else f"<Response>{s.service.stream(track='outbound_track')}{room(asked['label'])}</Response>"
        )
        calls = []
        for label in ("agent", "customer"):
            calls.append(await s.call(voice_url=f"{s.service.base}/voice?label={label}"))
            await s.until(lambda: len(s.service.sockets) == len(calls) and bool(s.service.sockets[-1].frames[2:]))
        agent, customer = s.service.sockets
        (found,) = await client.conferences.list_async(friendly_name="r-1")
        conference = client.conferences(found.sid)
        quiet = set(agent.audio("outbound"))
        assert len(quiet) == 1

        await conference.update_async(announce_url=s.service.base + "/voice?announce=1")
        await s.until(lambda: "announcement-end" in told(s))
        assert len(set(agent.audio("outbound"))) > 10
        assert len(set(customer.audio("outbound"))) > 10
        heard = len(agent.media), len(customer.media)

        await conference.participants(calls[1]).update_async(
            hold=True, hold_url=s.service.base + "/voice?hold=1", hold_method="GET"
        )
        await s.until(lambda: len(set(loud(customer, heard[1]))) > 10)
        assert set(loud(agent, heard[0])) <= quiet
        await conference.participants(calls[1]).update_async(hold=False)
        await s.until(lambda: not s.exchange.desk.playing(calls[1]))

        await conference.participants(calls[0]).update_async(announce_url=s.service.base + "/voice?one=1")
        await s.until(lambda: told(s).count("announcement-end") == 2)
        ends = [form for form in s.service.callbacks if form.get("StatusCallbackEvent") == "announcement-end"]
        assert [form.get("CallSid") for form in ends] == [None, calls[0]]
        assert ends[0]["AnnounceUrl"] == s.service.base + "/voice?announce=1"
        asked = [request for request in s.service.requests if "ConferenceSid" in request]
        assert {request["ConferenceSid"] for request in asked} == {found.sid}
        await conference.update_async(announce_url=s.service.base + "/refuses")
        await s.until(lambda: 11217 in s.errors())
        for call in calls:
            await s.hang_up(call)
        assert s.service.refused == 0


def loud(socket: Socket, since: int) -> bytes:
    """What came on the outbound track from that frame on."""
    return b"".join(base64.b64decode(frame["media"]["payload"]) for frame in socket.media[since:])


def test_the_schemas_refuse_what_twilio_would_not_send() -> None:
    """Else the checks above would prove nothing."""
    path = "/2010-04-01/Accounts/AC1/Calls/CA1/Streams.json"
    good = {
        "account_sid": "AC" + "1" * 32, "call_sid": "CA" + "1" * 32, "date_updated": None, "name": None,
        "sid": "MZ" + "1" * 32, "status": "in-progress", "uri": None,
    }  # fmt: skip
    check_answer("POST", path, 200, json.dumps(good))
    for wrong in ({"status": "live"}, {"sid": "MZ1"}, {"extra": 1}, {"date_updated": "2026-11-02"}):
        with pytest.raises(AssertionError):
            check_answer("POST", path, 200, json.dumps(good | wrong))
    with pytest.raises(AssertionError):
        check_answer("POST", path, 201, json.dumps(good))
