"""The port's promises, kept by twilio's own client against the emulator and by the stand-in of the unit tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import soundfile
from aiohttp import web

from sidecar.adapters.twilio import TwilioAccount, TwilioTelephony
from sidecar.domain.errors import TelephonyFailed
from sidecar.domain.notice import Announcement
from sidecar.emulator.app import create_app
from sidecar.emulator.state import Account
from sidecar.ports.telephony import AssistantLeg, LiveParticipant, Telephony
from tests.fakes import FakeTelephony

SID, TOKEN = "AC" + "1" * 32, "0123456789abcdef0123456789abcdef"
NOBODY = "CA" + "9" * 32
NOWHERE = {"media_url": "", "stream_events_url": "", "announcements_url": "", "participant_events_url": ""}


class Network:
    """A telephone network with one conference of two people in the room ``support``, and our port to it.

    ``announced``: the kinds of announcement whose words were fetched. ``customer``: where an application can lead.
    """

    def __init__(
        self,
        telephony: Telephony,
        conference_sid: str,
        end: Callable[[], AbstractAsyncContextManager[None]],
        announced: asyncio.Queue[str],
        customer: str = "",
    ) -> None:
        self.telephony = telephony
        self.conference_sid = conference_sid
        self.over = end
        self.announced = announced
        self.customer = customer


@asynccontextmanager
async def stand_in(_folder: Path) -> AsyncIterator[Network]:
    """tests.fakes.FakeTelephony."""
    fake = FakeTelephony(present=["CA" + "a" * 32, "CA" + "c" * 32])

    @asynccontextmanager
    async def over() -> AsyncIterator[None]:
        fake.hung_up |= set(fake.present)
        fake.over, fake.present = True, []
        yield

    yield Network(fake, str(fake.sid), over, fake.announced)


@asynccontextmanager
async def twilio_client(folder: Path) -> AsyncIterator[Network]:
    """twilio's client, the emulator, and a voice URL that puts callers into a room."""
    soundfile.write(folder / "quiet.wav", [0.0] * 8_000, 8_000)

    async def voice(_request: web.Request) -> web.Response:
        text = "<Response><Dial><Conference>support</Conference></Dial></Response>"
        return web.Response(text=text, content_type="text/xml")

    customer = web.Application()
    fetched = asyncio.Queue[str]()

    async def announcement(request: web.Request) -> web.Response:
        fetched.put_nowait(request.match_info["kind"])
        return web.Response(text="<Response><Say>Hello.</Say></Response>", content_type="text/xml")

    async def wait(_request: web.Request) -> web.Response:
        return web.Response(text='<Response><Pause length="60"/></Response>', content_type="text/xml")

    customer.router.add_post("/voice", voice)
    customer.router.add_post("/wait", wait)

    async def noted(_request: web.Request) -> web.Response:
        return web.Response(status=204)

    customer.router.add_post("/participant-events", noted)
    customer.router.add_post("/announcements/{kind}", announcement)
    async with serving(customer) as voice_base, serving(create_app(Account(SID, TOKEN))) as base:
        account = TwilioAccount(account_sid=SID, key=SID, secret=TOKEN, api_base_url=base)
        telephony = TwilioTelephony(
            account,
            media_url="ws://127.0.0.1:9/media",
            stream_events_url=f"{voice_base}/stream-events",
            announcements_url=f"{voice_base}/announcements",
            participant_events_url=f"{voice_base}/participant-events",
        )
        async with aiohttp.ClientSession() as http:
            people = [{"label": name, "says": [{"wav": str(folder / "quiet.wav")}]} for name in ("agent", "customer")]
            scenario = {
                "room": "support",
                "voice_url": f"{voice_base}/voice",
                "participants": people,
                "hang_up_after": 60,
            }
            async with http.post(f"{base}/control/scenarios", json=scenario) as answer:
                assert answer.status == 201
            async with asyncio.timeout(10):
                while (
                    not (sid := await telephony.find_conference("support"))
                    or len(await telephony.participants(sid)) < 2
                ):
                    await asyncio.sleep(0.05)

            @asynccontextmanager
            async def over() -> AsyncIterator[None]:
                for participant in await telephony.participants(sid):
                    async with http.post(f"{base}/control/calls/{participant.call_sid}/hangup") as answer:
                        assert answer.status < 300
                async with asyncio.timeout(10):
                    while (await telephony.status(sid)).in_progress:
                        await asyncio.sleep(0.05)
                yield

            yield Network(telephony, sid, over, fetched, voice_base)
        await telephony.close()


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    """An application on a free port."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture(params=[stand_in, twilio_client], ids=["stand-in", "twilio"])
async def network(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Network]:
    """Each fulfilment in turn."""
    async with request.param(tmp_path) as running:
        yield running


async def test_a_conference_is_found_by_its_room_and_lists_who_is_in_it(network: Network) -> None:
    """As long as it is in progress."""
    assert await network.telephony.find_conference("support") == network.conference_sid
    status = await network.telephony.status(network.conference_sid)
    assert (status.in_progress, status.started, status.ended_at) == (True, True, None)
    present = await network.telephony.participants(network.conference_sid)
    assert len(present) == 2
    assert all(p.call_sid.startswith("CA") and not p.muted and not p.hold for p in present)


async def test_a_conference_that_is_over_is_not_in_progress(network: Network) -> None:
    """And nobody is in it."""
    async with network.over():
        assert not (await network.telephony.status(network.conference_sid)).in_progress
        assert list(await network.telephony.participants(network.conference_sid)) == []


async def test_a_stream_is_asked_for_by_call_name_and_parameters(network: Network) -> None:
    """The network answers with the stream's id."""
    present = await network.telephony.participants(network.conference_sid)
    sid = await network.telephony.start_stream(present[0].call_sid, name="frk_1-2", parameters={"token": "t"})
    assert sid.startswith("MZ")


async def test_an_announcement_is_fetched_by_its_kind(network: Network) -> None:
    """The network takes the wish at once, and asks for the words soon after."""
    present = await network.telephony.participants(network.conference_sid)
    await network.telephony.announce(network.conference_sid, present[0].call_sid, kind=Announcement.NOTICE)
    async with asyncio.timeout(10):
        assert await network.announced.get() == "notice"


async def test_an_announcement_to_somebody_who_left_is_a_failure(twilio: Network) -> None:
    """20404: nobody is there to hear it."""
    with pytest.raises(TelephonyFailed) as caught:
        await twilio.telephony.announce(twilio.conference_sid, NOBODY, kind=Announcement.NOTICE)
    assert caught.value.gone


async def test_somebody_is_called_into_the_conference(network: Network) -> None:
    """The network answers with the call's id; it rings from now on."""
    call_sid = await network.telephony.dial(
        network.conference_sid, from_number="+15550100", to_number="+442071838750", label="expert"
    )
    assert call_sid.startswith("CA")


async def test_a_call_that_the_network_refuses_is_told_with_its_number_and_without_the_telephone_s(
    twilio: Network,
) -> None:
    """A label that is too long."""
    with pytest.raises(TelephonyFailed) as caught:
        await twilio.telephony.dial(
            twilio.conference_sid, from_number="+15550100", to_number="+442071838750", label="x" * 200
        )
    assert caught.value.provider_code is not None
    assert "442071838750" not in str(caught.value)


async def test_a_stream_is_stopped_by_its_name_and_one_that_is_not_there_is_no_error(network: Network) -> None:
    """So that it can be done in doubt."""
    call_sid = (await network.telephony.participants(network.conference_sid))[0].call_sid
    await network.telephony.start_stream(call_sid, name="frk_1-2", parameters={"token": "t"})
    await network.telephony.stop_stream(call_sid, name="frk_1-2")
    await network.telephony.stop_stream(call_sid, name="frk_1-9")


async def test_a_call_is_over_when_it_has_hung_up(network: Network) -> None:
    [call_sid, *_] = [one.call_sid for one in await network.telephony.participants(network.conference_sid)]
    assert not await network.telephony.is_over(call_sid)
    async with network.over():
        assert await network.telephony.is_over(call_sid)


async def test_a_call_that_twilio_does_not_know_is_over(twilio: Network) -> None:
    assert await twilio.telephony.is_over(NOBODY)


async def test_who_is_at_the_other_end_of_a_call(network: Network) -> None:
    """From which a role follows where no label says it."""
    call_sid = (await network.telephony.participants(network.conference_sid))[0].call_sid
    assert (await network.telephony.address(call_sid)).startswith(("+", "client:"))
    assert (await network.telephony.status(network.conference_sid)).room == "support"


@pytest.fixture
async def twilio(tmp_path: Path) -> AsyncIterator[Network]:
    """Only twilio's client, for what the stand-in cannot do."""
    async with twilio_client(tmp_path) as running:
        yield running


async def test_a_call_that_is_gone_is_told_as_gone(twilio: Network) -> None:
    """404 with Twilio's own number."""
    with pytest.raises(TelephonyFailed) as caught:
        await twilio.telephony.start_stream(NOBODY, name="frk_1-2", parameters={"token": "t"})
    assert caught.value.gone
    assert caught.value.provider_code == 20404
    assert NOBODY in str(caught.value)


async def test_an_assistant_s_leg_comes_and_goes(twilio: Network) -> None:
    """By its label, without a beep or the power to end anything; heard by one alone, or by all; gone twice is fine."""
    assert isinstance(twilio.telephony, TwilioTelephony)
    application = await twilio.telephony.ask(
        lambda client: client.applications.create_async(voice_url=f"{twilio.customer}/wait"), "an application"
    )
    people = [one.call_sid for one in await twilio.telephony.participants(twilio.conference_sid)]
    leg = AssistantLeg(
        invite="ast_1", label="assistant-ast_1", application_sid=str(application.sid), from_number="+12025550100",
        time_limit_s=600, coached=people[0],
    )  # fmt: skip
    call_sid = await twilio.telephony.join_assistant(twilio.conference_sid, leg)

    async def standing() -> LiveParticipant | None:
        present = await twilio.telephony.participants(twilio.conference_sid)
        return next((one for one in present if one.label == leg.label), None)

    async with asyncio.timeout(20):
        while (there := await standing()) is None:
            await asyncio.sleep(0.05)
    assert (there.call_sid, there.coaching) == (call_sid, True)
    await twilio.telephony.set_audience(twilio.conference_sid, call_sid, coached=None)
    there = await standing()
    assert there is not None
    assert not there.coaching
    await twilio.telephony.announce(twilio.conference_sid, None, kind=Announcement.ASSISTANT)
    assert await asyncio.wait_for(twilio.announced.get(), 10) == "assistant"
    for _ in range(2):
        await twilio.telephony.remove(twilio.conference_sid, call_sid)
    assert await standing() is None


async def order(network: Network, **fault: Any) -> None:
    """Have the emulated Twilio fail."""
    base = network.telephony._account.api_base_url  # type: ignore[attr-defined]
    async with aiohttp.ClientSession() as http, http.post(f"{base}/control/faults", json=fault) as answer:
        assert answer.status == 201


async def test_a_refusal_says_that_nothing_was_done_and_why(twilio: Network) -> None:
    """An error of the server says nothing about what it did."""
    call_sid = (await twilio.telephony.participants(twilio.conference_sid))[0].call_sid
    await order(twilio, kind="fail_rest", count=1, status=400, code=31941, path="/Streams")
    with pytest.raises(TelephonyFailed) as caught:
        await twilio.telephony.start_stream(call_sid, name="frk_1-5", parameters={"token": "t"})
    assert (caught.value.refused, caught.value.gone, caught.value.retry_after_s) == (True, False, None)
    assert caught.value.reason.startswith("Twilio error 31941: ")
    await order(twilio, kind="fail_rest", count=1, status=500, code=20500, path="/Streams")
    with pytest.raises(TelephonyFailed) as caught:
        await twilio.telephony.start_stream(call_sid, name="frk_1-6", parameters={"token": "t"})
    assert not caught.value.refused


async def test_while_twilio_is_too_busy_it_is_left_alone(twilio: Network) -> None:
    """Its Retry-After counts for all requests of the account; those in between fail at once."""
    await order(twilio, kind="fail_rest", count=1, status=429, code=20429, retry_after_s=1)
    for _ in range(3):
        with pytest.raises(TelephonyFailed) as caught:
            await twilio.telephony.participants(twilio.conference_sid)
        assert caught.value.refused
        assert caught.value.retry_after_s is not None
        assert 0 < caught.value.retry_after_s <= 1
    async with asyncio.timeout(20):
        while True:
            try:
                assert len(await twilio.telephony.participants(twilio.conference_sid)) == 2
                break
            except TelephonyFailed as error:
                await asyncio.sleep(error.retry_after_s or 0.1)


async def test_an_unknown_conference_is_over(twilio: Network) -> None:
    """Nothing to ask again."""
    assert not (await twilio.telephony.status("CF" + "9" * 32)).in_progress
    assert await twilio.telephony.find_conference("another room") is None


async def test_a_wrong_key_is_a_failure_that_names_twilio_s_number(twilio: Network) -> None:
    """20003: not gone, so somebody has to look."""
    base = twilio.telephony._account.api_base_url  # type: ignore[attr-defined]
    stranger = TwilioTelephony(TwilioAccount(account_sid=SID, key=SID, secret="wrong", api_base_url=base), **NOWHERE)
    with pytest.raises(TelephonyFailed) as caught:
        await stranger.find_conference("support")
    assert (caught.value.gone, caught.value.provider_code) == (False, 20003)
    assert "wrong" not in str(caught.value)
    await stranger.close()


async def test_a_provider_that_hangs_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """twilio's client itself would wait for ever."""
    monkeypatch.setattr("sidecar.adapters.twilio_client.CALL_TIMEOUT_S", 0.2)

    async def hang(_request: web.Request) -> web.Response:
        await asyncio.sleep(0.7)
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", hang)
    async with serving(app) as base:
        telephony = TwilioTelephony(TwilioAccount(account_sid=SID, key=SID, secret=TOKEN, api_base_url=base), **NOWHERE)
        with pytest.raises(TelephonyFailed, match="did not answer"):
            await telephony.find_conference("support")
        await telephony.close()


async def test_a_provider_that_is_not_there_is_a_failure(unused_tcp_port: int) -> None:
    """Connection refused is told, with the next step."""
    account = TwilioAccount(account_sid=SID, key=SID, secret=TOKEN, api_base_url=f"http://127.0.0.1:{unused_tcp_port}")
    telephony = TwilioTelephony(account, **NOWHERE)
    with pytest.raises(TelephonyFailed, match="TWILIO_API_BASE_URL"):
        await telephony.status("CF" + "9" * 32)
    await telephony.close()
