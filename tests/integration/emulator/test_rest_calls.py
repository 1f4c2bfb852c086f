"""Calls, numbers and applications by REST."""

from __future__ import annotations

from datetime import timedelta

import aiohttp
import pytest

from sidecar.emulator import dialling
from sidecar.emulator.clock import utc_now
from tests.integration.emulator.small_service import ACCOUNT, small
from tests.integration.emulator.twilio_client import in_conference, refused, twilio_client

# twilio 9.13 still uses what aiohttp 3.14 has deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]
WHO = {"from_": "+12025550100", "to": "+12025550177"}


async def test_a_call_is_dialled_and_performs_a_document_or_an_application() -> None:
    """Url, Twiml and ApplicationSid; one after the other, a second apart; progress is told as asked."""
    async with small() as s, twilio_client(s) as client:
        s.service.twiml = "<Response><Hangup/></Response>"
        hook = s.service.base + "/voice"
        by_url = await client.calls.create_async(
            **WHO, url=hook + "?by=url", method="GET", status_callback=s.service.base + "/callbacks"
        )
        assert (by_url.status, by_url.direction, by_url.queue_time) == ("queued", "outbound-api", "0")
        application = await client.applications.create_async(friendly_name="Ava", voice_url=hook + "?by=application")
        by_application = await client.calls.create_async(**WHO, application_sid=application.sid)
        by_twiml = await client.calls.create_async(**WHO, twiml="<Response><Redirect>/x</Redirect></Response>")
        assert int(by_url.queue_time) < int(by_application.queue_time) < int(by_twiml.queue_time) <= 2000
        for call in (by_url, by_application, by_twiml):
            await s.call_over(call.sid)
        asked = [(request["by"], request["CallStatus"], request["Direction"]) for request in s.service.requests]
        assert asked == [("url", "in-progress", "outbound-api"), ("application", "in-progress", "outbound-api")]
        (progress,) = s.service.callbacks
        assert (progress["CallStatus"], progress["CallSid"]) == ("completed", by_url.sid)
        assert progress["CallDuration"].isdigit()
        assert s.status(by_twiml.sid) == "failed"  # a document at hand has no address that "/x" could belong to
        listed = await client.calls.list_async(to="+12025550177", status="completed")
        assert {call.sid for call in listed} == {by_url.sid, by_application.sid}
        tomorrow = utc_now() + timedelta(days=1)
        assert await client.calls.list_async(start_time_after=tomorrow) == []
        assert len(await client.calls.list_async(start_time_before=tomorrow, end_time_before=tomorrow)) == 3
        assert len(await client.conferences.list_async(date_created=utc_now().date())) == 0
        assert await refused(client.calls.create_async(**WHO)) == (400, 20001)
        assert await refused(client.calls.create_async(**WHO, url="ftp://h/")) == (400, 20001)
        assert await refused(client.calls.create_async(**WHO, url=hook, time_limit=0)) == (400, 20001)


async def test_a_live_call_is_sent_elsewhere_and_hung_up() -> None:
    """It leaves its conference, performs the other document, and can be redirected from that again."""
    async with small() as s, twilio_client(s) as client:
        agent, customer = await in_conference(s, "agent", "customer")
        (found,) = await client.conferences.list_async(friendly_name="r-1")
        moved = await client.calls(customer).update_async(twiml="<Response><Pause length='60'/></Response>")
        assert (moved.sid, moved.status) == (customer, "in-progress")
        assert [p.call_sid for p in await client.conferences(found.sid).participants.list_async()] == [agent]
        back = f"<Response>{s.service.conference('back')}</Response>"
        await client.calls(customer).update_async(twiml=back)
        await s.in_room(customer)
        people = await client.conferences(found.sid).participants.list_async()
        assert [(p.call_sid, p.label) for p in people] == [(agent, "agent"), (customer, "back")]
        await client.calls(customer).update_async(status="canceled")  # too late for that: nothing happens
        assert s.status(customer) == "in-progress"
        await client.calls(customer).update_async(status="completed")
        await s.call_over(customer)
        reasons = s.service.events("ReasonParticipantLeft")
        assert reasons == ["participant_updated_via_api", "participant_hung_up"]
        for change in ({"status": "completed"}, {"url": s.service.base + "/voice"}):
            assert await refused(client.calls(customer).update_async(**change)) == (400, 21220)
        assert await refused(client.calls(agent).update_async(status="busy")) == (400, 20001)
        queued = await client.calls.create_async(**WHO, twiml=back)
        assert await refused(client.calls(queued.sid).update_async(twiml=back)) == (400, 21220)
        await client.calls(queued.sid).update_async(status="completed")
        await s.call_over(queued.sid)
        await s.hang_up(agent)


async def test_a_full_queue_is_too_many_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """429 with Retry-After, which twilio's client does not show."""
    monkeypatch.setattr(dialling, "MAX_QUEUED", 1)
    async with small() as s, twilio_client(s) as client:
        made = [await client.calls.create_async(**WHO, twiml="<Response/>") for _ in range(2)]
        assert await refused(client.calls.create_async(**WHO, twiml="<Response/>")) == (429, 20429)
        path = f"{s.base}/2010-04-01/Accounts/{ACCOUNT.sid}/Calls.json"
        key = aiohttp.encode_basic_auth(ACCOUNT.sid, ACCOUNT.auth_token)
        form = {"To": "+12025550177", "From": "+12025550100", "Twiml": "<Response/>"}
        async with s.http.post(path, data=form, headers={"Authorization": key}) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
        for call in made:
            await client.calls(call.sid).update_async(status="canceled")
            await s.call_over(call.sid)


async def test_a_number_and_an_application_point_to_the_service() -> None:
    """A call to the number asks its voice URL, or its application's; the end is told as it says."""
    async with small() as s, twilio_client(s) as client:
        (number,) = await client.incoming_phone_numbers.list_async(phone_number="5550100")
        assert await client.incoming_phone_numbers.list_async(phone_number="999") == []
        assert (await s.post("/control/calls", {}))[0] == 400  # nobody to ask
        hook, callbacks = s.service.base + "/voice", s.service.base + "/callbacks"
        mine = client.incoming_phone_numbers(number.sid)
        changed = await mine.update_async(voice_url=hook + "?by=number", voice_method="POST", status_callback=callbacks)
        assert (changed.voice_url, changed.status_callback) == (hook + "?by=number", callbacks)
        _, first = await s.post("/control/calls", {})
        await s.call_over(first["call_sid"])

        made = await client.applications.create_async(friendly_name="one")
        assert (made.voice_url, made.voice_method) == (None, "POST")
        pointed = await client.applications(made.sid).update_async(voice_url=hook + "?by=application")
        assert (await client.applications(made.sid).fetch_async()).voice_url == pointed.voice_url
        assert [a.sid for a in await client.applications.list_async(friendly_name="one")] == [made.sid]
        await mine.update_async(voice_application_sid=made.sid, friendly_name="front desk")
        fetched = await mine.fetch_async()
        assert (fetched.voice_application_sid, fetched.friendly_name) == (made.sid, "front desk")
        _, second = await s.post("/control/calls", {})
        await s.call_over(second["call_sid"])

        assert [request["by"] for request in s.service.requests] == ["number", "application"]
        assert s.service.events("CallStatus") == ["completed"]
        assert await refused(mine.update_async(voice_url="no url")) == (400, 20001)
        assert await refused(mine.update_async(voice_application_sid="AP" + "0" * 32)) == (400, 20001)
        assert await refused(client.incoming_phone_numbers("PN" + "0" * 32).fetch_async()) == (404, 20404)
        assert await refused(client.applications("AP" + "0" * 32).fetch_async()) == (404, 20404)
