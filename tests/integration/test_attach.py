"""Conferences that others began, over the emulator: heard by their callback or by request, whatever goes wrong."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from twilio.request_validator import RequestValidator
from typer.testing import CliRunner

from sidecar.adapters import twilio_client
from sidecar.cli import app as command
from sidecar.domain.conference import machine
from sidecar.ports.recogniser import FinalResult, SpeechStarted
from sidecar.runtime import recovery
from tests.callers import KEY
from tests.fakes import Script, ScriptedRecogniser
from tests.line import LIMIT_S, Line, running_beside, running_line, running_twilio
from tests.service import TOKEN

HELLO: Script = [
    (300, SpeechStarted(segment=0, start_ms=100)),
    (600, FinalResult(segment=0, start_ms=100, end_ms=500, text="hello")),
]


class Customer:
    """Somebody's own application: its TwiML does not know us. ``events``: the callbacks that reach it."""

    def __init__(self) -> None:
        self.base = ""
        self.callback = ""
        self.events: list[dict[str, str]] = []

    def voice_url(self, label: str = "") -> str:
        return f"{self.base}/voice?label={label}"

    async def voice(self, request: web.Request) -> web.Response:
        label = f' participantLabel="{request.query["label"]}"' if request.query["label"] else ""
        told = ' statusCallbackEvent="start end join leave mute hold modify announcement"'
        callback = f' statusCallback="{self.callback}"{told}' if self.callback else ""
        text = f"<Response><Dial><Conference{label}{callback}>theirs</Conference></Dial></Response>"
        return web.Response(text=text, content_type="text/xml")

    async def media(self, request: web.Request) -> web.WebSocketResponse:
        """Takes a stream of the customer's own."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for _ in socket:
            pass
        return socket

    async def event(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        signature = request.headers["X-Twilio-Signature"]
        assert RequestValidator(TOKEN).validate(f"{self.base}/events?mine=1", form, signature)
        self.events.append(form)
        return web.Response(status=204)


@pytest.fixture
async def customer() -> AsyncIterator[Customer]:
    """The customer's application, on a port of its own."""
    there, application = Customer(), web.Application()
    application.router.add_post("/voice", there.voice)
    application.router.add_post("/events", there.event)
    application.router.add_get("/media", there.media)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    there.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield there
    finally:
        await runner.cleanup()


@pytest.fixture
async def line(tmp_path: Path, customer: Customer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Line]:
    """Service and emulator; the service passes callbacks on to the customer."""
    monkeypatch.setattr(recovery, "REFUSED_BACKOFF_S", 1.0)
    monkeypatch.setattr(recovery, "BIND_TIMEOUT_S", 2.0)
    recogniser = ScriptedRecogniser(HELLO, HELLO, HELLO)
    async with running_line(tmp_path, recogniser, forward_events_to=f"{customer.base}/events?mine=1") as running:
        yield running


def listens_to_us(customer: Customer, line: Line) -> None:
    """Their status callback, the only thing they changed."""
    customer.callback = f"{line.service.base}/twilio/conference-events"


async def in_conference(line: Line, *calls: str) -> str:
    """The conference's sid, as soon as these calls are in it."""

    def there(state: dict[str, Any]) -> bool:
        return any(set(calls) <= set(one["participants"]) for one in state["conferences"])

    state = await line.until(there)
    return str(state["conferences"][-1]["sid"])


async def fork(line: Line, conference: str) -> tuple[int, dict[str, Any]]:
    """``POST …/fork``."""
    async with line.service.http.post(f"{line.service.base}/v1/conferences/{conference}/fork") as answer:
        return answer.status, await answer.json()


async def standings(line: Line, conference: str) -> dict[str, dict[str, Any]]:
    """``GET …/participants``, by call."""
    found = await line.service.get(f"/v1/conferences/{conference}/participants")
    return {one["call_sid"]: one for one in found["data"]}


async def until_forked(line: Line, conference: str, *calls: str) -> dict[str, dict[str, Any]]:
    """How it stands as soon as all of these are heard."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            now = await standings(line, conference)
            if all(now.get(call, {}).get("fork") == "live" for call in calls):
                return now
            await asyncio.sleep(0.05)


async def until_page_says(line: Line, path: str, words: str) -> None:
    """A page, read again until it has these words."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            async with line.service.http.get(line.service.base + path) as answer:
                if words in await answer.text():
                    return
            await asyncio.sleep(0.05)


async def test_a_conference_is_heard_whose_status_callback_alone_knows_of_us(line: Line, customer: Customer) -> None:
    """Roles by label and address, words, who leaves, the end; and they get their callbacks as if we were not there."""
    listens_to_us(customer, line)
    ana = await line.call(customer.voice_url(), **{"from": "client:ana"})
    buyers = [await line.call(customer.voice_url(), **{"from": f"+1202555010{n}"}) for n in range(2)]
    lead = await line.call(customer.voice_url("supervisor"), **{"from": "+12025550188"})
    ours = await line.call(customer.voice_url("assistant-01"), **{"from": "+12025550100"})
    sid = await in_conference(line, ana, *buyers, lead, ours)
    now = await until_forked(line, sid, ana, *buyers, lead)
    assert [now[call]["role"] for call in (ana, *buyers, lead)] == ["agent", "customer", "customer", "supervisor"]
    assert {now[call]["label"] for call in buyers} == {"customer", "customer-2"}
    assert {now[call]["name"] for call in buyers} == {"Customer", "Customer 2"}
    assert (now[ours]["role"], now[ours]["fork"]) == ("assistant", "none")
    said = await line.service.until("utterance.final", room="theirs")
    assert [event["data"]["text"] for event in said if event["type"] == "utterance.final"]
    async with line.service.http.patch(
        f"{line.service.base}/v1/conferences/{sid}/participants/{buyers[1]}", json={"name": "Ana", "role": "other"}
    ) as answer:
        assert (answer.status, (await answer.json())["role"]) == (200, "other")
    for call in (ana, *buyers, lead, ours):
        await line.hang_up(call)
    told = Counter(event["type"] for event in await line.ended("theirs"))
    assert (told["participant.joined"], told["participant.left"]) == (5, 5)
    assert (told["fork.started"], told["fork.stopped"], told["conference.ended"]) == (4, 4, 1)
    streams = (await line.state())["streams"]
    assert Counter(stream["call_sid"] for stream in streams) == Counter([ana, *buyers, lead])  # each asked for once
    kinds = Counter(event["StatusCallbackEvent"] for event in customer.events)
    assert (kinds["participant-join"], kinds["participant-leave"], kinds["conference-end"]) == (5, 5, 1)


async def test_a_conference_is_heard_on_request_and_watched_to_its_end(line: Line, customer: Customer) -> None:
    """Its callbacks are not ours: who comes later is found, and so is the end. The command does the same again."""
    calls = [await line.call(customer.voice_url(), **{"from": number}) for number in ("client:ana", "+12025550101")]
    sid = await in_conference(line, *calls)
    status, report = await fork(line, sid)
    assert status == 200, report
    assert {(one["call_sid"], one["role"], one["fork"]) for one in report["data"]} == {
        (calls[0], "agent", "live"),
        (calls[1], "customer", "live"),
    }
    late = await line.call(customer.voice_url("customer"))
    await until_forked(line, sid, late)
    arguments = ["fork", sid, "--url", line.service.base, "--key", KEY]
    again = await asyncio.to_thread(CliRunner().invoke, command, arguments)
    assert again.exit_code == 0, again.output
    assert again.output.count(" live") == 4  # three people, and the conference
    assert len((await line.state())["streams"]) == 3
    for call in (*calls, late):
        await line.hang_up(call)
    told = Counter(event["type"] for event in await line.ended("theirs"))
    assert (told["participant.left"], told["fork.stopped"]) == (3, 3)
    assert customer.events == []
    assert (await fork(line, sid))[0] == 409


async def test_what_twilio_refuses_is_said_with_its_reason_and_asked_for_again(line: Line, customer: Customer) -> None:
    """A call has four tracks at most: when one is free, it is heard, and the time before is a gap."""
    listens_to_us(customer, line)
    await line.order("fail_rest", count=2, path="/Streams", status=400, code=31941)
    call = await line.call(customer.voice_url("customer"))
    events = await line.service.until("fork.interrupted", room="theirs")
    [interrupted] = [event["data"] for event in events if event["type"] == "fork.interrupted"]
    assert (interrupted["reason"], "31941" in interrupted["detail"]) == ("stream_refused", True)
    sid = str(events[0]["conference_sid"])
    assert "31941" in (await standings(line, sid))[call]["problem"]
    assert (await until_forked(line, sid, call))[call]["problem"] is None
    events = await line.service.until("transcript.gap", room="theirs")
    [gap] = [event["data"] for event in events if event["type"] == "transcript.gap"]
    assert (gap["reason"], "31941" in gap["detail"]) == ("stream_refused", True)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "hang_rest", "count": 1, "seconds": 3, "performed": True},
        {"kind": "hang_rest", "count": 1, "seconds": 3},
        {"kind": "fail_rest", "count": 2, "status": 503, "performed": True},
        {"kind": "fail_rest", "count": 1, "status": 429, "code": 20429, "retry_after_s": 2},
    ],
    ids=["hangs, done", "hangs", "503, done", "429"],
)
async def test_however_the_request_ends_a_call_has_one_stream(
    line: Line, customer: Customer, monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any]
) -> None:
    """Done without an answer, or not done: never two at once, and never none."""
    monkeypatch.setattr(twilio_client, "CALL_TIMEOUT_S", 0.5)
    listens_to_us(customer, line)
    await line.order(path="/Streams", **fault)
    call = await line.call(customer.voice_url("customer"))
    await in_conference(line, call)
    events = await line.service.until("fork.started", room="theirs")
    sid = str(events[0]["conference_sid"])
    await until_forked(line, sid, call)
    live = [stream for stream in (await line.state())["streams"] if stream["status"] == "live"]
    assert len(live) == 1
    refused = line.service.refusals
    assert not refused, dict(refused)


async def test_a_call_that_fetched_our_twiml_is_never_forked_by_rest(line: Line) -> None:
    """Its stream comes along; its conference's callbacks, late and in any order, ask for nothing."""
    await line.order("reorder_callbacks", count=3, seconds=1)
    await line.play(3)
    await line.ended()
    streams = (await line.state())["streams"]
    assert len(streams) == 2
    assert {stream["order"]["name"].rpartition("-")[2] for stream in streams} == {"1"}


async def test_what_is_no_conference_of_the_account_is_not_attached_to(line: Line) -> None:
    """Nor is anything but an id ever asked of Twilio."""
    assert [(await fork(line, sid))[0] for sid in ("CF" + "9" * 32, "CF1%2F..%2FCalls", "cnf_unknown")] == [404] * 3


async def test_a_watched_conference_is_watched_by_the_next_process_and_a_stopped_stream_is_the_same_fork(
    customer: Customer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody tells us who comes; the customer's application stops a stream, and asks for it again later."""
    monkeypatch.setattr(machine, "POLL_EVERY_MS", 1_000)
    monkeypatch.setattr(machine, "HANG_UP_MS", 1_000)
    async with running_twilio() as twilio:
        async with running_beside(twilio, tmp_path, ScriptedRecogniser(HELLO)) as line:
            calls = [await line.call(customer.voice_url(label)) for label in ("agent", "customer")]
            sid = await in_conference(line, *calls)
            assert (await fork(line, sid))[0] == 200
            await until_forked(line, sid, *calls)
        async with running_beside(twilio, tmp_path, ScriptedRecogniser(HELLO)) as line:
            late = await line.call(customer.voice_url("supervisor"))
            await until_forked(line, sid, *calls, late)
            [stream] = [
                one for one in (await line.state())["streams"] if (one["call_sid"], one["status"]) == (calls[0], "live")
            ]
            assert (await line.rest(f"/Calls/{calls[0]}/Streams/{stream['sid']}", Status="stopped"))[0] == 200
            path = f"/conferences/{(await line.service.get('/v1/conferences'))['data'][0]['id']}"
            await until_page_says(line, path, "Not transcribed: its stream was stopped")
            now = (await standings(line, sid))[calls[0]]
            assert now["fork"] == "interrupted"
            assert (await fork(line, sid))[0] == 200
            again = (await until_forked(line, sid, calls[0]))[calls[0]]
            assert again["id"] == now["id"]
            for call in (*calls, late):
                await line.hang_up(call)
            events = await line.ended("theirs")
            exported = await line.service.get(f"/v1{path}/transcript.json")
    told = [event["type"] for event in events if event["data"].get("participant") == now["id"]]
    assert [kind for kind in told if kind.startswith("fork")] == [
        "fork.started", "fork.interrupted", "fork.resumed", "fork.interrupted", "fork.resumed", "fork.stopped",
    ]  # fmt: skip
    assert len(exported["conference"]["participants"]) == 3
    reasons = [gap["reason"] for gap in exported["gaps"] if gap["participant_id"] == now["id"]]
    assert reasons == ["not_forked", "service_restarted", "stream_stopped"]


async def test_the_notice_is_heard_first_a_fifth_track_is_refused_and_a_pause_is_kept(
    customer: Customer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The customer's application has four streams of its own; when one of them is stopped there is room for ours."""
    monkeypatch.setattr(recovery, "REFUSED_BACKOFF_S", 0.5)
    customer.callback = f"{customer.base}/events?mine=1"
    async with running_line(tmp_path, ScriptedRecogniser(HELLO), notice="This call is transcribed.") as line:
        call = await line.call(customer.voice_url("customer"))
        sid = await in_conference(line, call)
        theirs = [
            (await line.rest(f"/Calls/{call}/Streams", Url=f"{customer.base.replace('http', 'ws')}/media"))[1]["sid"]
            for _ in range(4)
        ]
        [refused] = (await fork(line, sid))[1]["data"]
        told = [event["StatusCallbackEvent"] for event in customer.events]
        assert told.count("announcement-end") == 1, "before anything is asked for"
        assert refused["problem"] == "Twilio error 31941: The call streams 4 tracks; at most 4 may run."
        path = f"/conferences/{(await line.service.get('/v1/conferences'))['data'][0]['id']}"
        await until_page_says(line, path, "Not transcribed: Twilio error 31941: The call streams 4 tracks")
        async with line.service.http.post(f"{line.service.base}/v1{path}/pause") as answer:
            assert answer.status == 200
        await line.rest(f"/Calls/{call}/Streams/{theirs[0]}", Status="stopped")
        await until_forked(line, sid, call)
        await line.hang_up(call)
        events = await line.ended("theirs")
    types = [event["type"] for event in events]
    assert types.index("transcript.paused") < types.index("fork.started")
    [gap] = [event["data"] for event in events if event["type"] == "transcript.gap"]
    paused = next(event["data"] for event in events if event["type"] == "transcript.paused")
    assert [event["StatusCallbackEvent"] for event in customer.events].count("announcement-end") == 1  # and only once
    assert (gap["reason"], gap["to_ms"]) == ("stream_refused", paused["at_ms"])  # what nobody was to hear is no gap
