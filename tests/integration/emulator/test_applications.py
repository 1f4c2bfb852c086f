"""An application dialled into a conference by the real twilio client: what it hears, says, and how it ends."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
import soundfile
from twilio.rest import Client

from sidecar.emulator import dialling as dialling_module
from sidecar.emulator.frames import FRAME_BYTES, SAMPLE_RATE_HZ
from sidecar.emulator.state import StreamOrder
from sidecar.speech import g711
from tests.integration.emulator.small_service import Small, Socket, small
from tests.integration.emulator.twilio_client import in_conference, refused, twilio_client

# twilio 9.13 still uses what aiohttp 3.14 has deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]

ALL_PROGRESS = ["initiated", "ringing", "answered", "completed"]


def tone(hz: float, seconds: float) -> bytes:
    """Mu-law; whole periods in 20 ms for multiples of 50 Hz."""
    at = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return g711.encode((6000 * np.sin(2 * np.pi * hz * at)).astype(np.int16))


class Assistant:
    """A conference of agent and customer, and an application's participant in it."""

    def __init__(self, s: Small, client: Client, humans: list[str], conference_sid: str, made: Any) -> None:
        self.s, self.client, self.humans = s, client, humans
        self.people = client.conferences(conference_sid).participants
        self.conference_sid, self.made, self.call = conference_sid, made, str(made.call_sid)
        self.to = s.exchange.state.calls[self.call].to

    @property
    def socket(self) -> Socket:
        return self.s.service.sockets[-1]

    @property
    def asked(self) -> list[dict[str, str]]:
        """The requests to the application."""
        return [request for request in self.s.service.requests if "ApplicationSid" in request]

    @property
    def progress(self) -> list[str]:
        return [form["CallStatus"] for form in self.s.service.callbacks if form.get("CallbackSource")]


def connect(s: Small, after: str = "", **attributes: str) -> str:
    """What an assistant answers."""
    ws = s.service.base.replace("http", "ws", 1)
    extra = "".join(f" {name}='{value}'" for name, value in attributes.items())
    return (
        f"<Response><Connect><Stream url='{ws}/media' statusCallback='{s.service.base}/callbacks'{extra}>"
        f"<Parameter name='token' value='t-1'/></Stream></Connect>{after}</Response>"
    )


@asynccontextmanager
async def assistant(s: Small, after: str = "", **fields: Any) -> AsyncIterator[Assistant]:
    """Invited, and its stream open. Everybody has hung up at the end."""
    async with twilio_client(s) as client:
        humans = await in_conference(s, "agent", "customer")
        for_humans = s.service.twiml
        assert callable(for_humans)
        s.service.twiml = lambda asked: connect(s, after) if "ApplicationSid" in asked else for_humans(asked)
        application = await client.applications.create_async(voice_url=s.service.base + "/voice?for=app")
        (conference,) = await client.conferences.list_async(friendly_name="r-1")
        made = await client.conferences(conference.sid).participants.create_async(
            from_="+12025550100", to=f"app:{application.sid}?invite=i%201&CallSid=mine", label="assistant",
            start_conference_on_enter=False, end_conference_on_exit=False, beep="false", early_media=False,
            jitter_buffer_size="small", status_callback=s.service.base + "/callbacks",
            status_callback_event=ALL_PROGRESS, **{"time_limit": 600, **fields},
        )  # fmt: skip
        one = Assistant(s, client, humans, conference.sid, made)
        await s.until(lambda: bool(s.service.sockets) and len(one.socket.media) > 2)
        yield one
        for call in (one.call, *humans):  # an application alone keeps its conference
            if not s.exchange.state.calls[call].over:
                await s.hang_up(call)


def loudness(audio: bytes, hz: float) -> float:
    """How strong a tone is in the audio: its amplitude."""
    samples = g711.decode(audio).astype(float)
    wave = np.exp(-2j * np.pi * hz * np.arange(len(samples)) / SAMPLE_RATE_HZ)
    return float(2 * abs(np.mean(samples * wave)))


async def test_an_application_joins_hears_the_others_and_is_heard() -> None:
    """Asked with its own parameters, signed; in the room under its label; hears the mix without itself."""
    async with small() as s:
        heard_by_agent: list[bytes] = []
        async with assistant(s) as one:
            assert (one.made.status, one.made.label) == ("queued", "assistant")
            (asked,) = one.asked
            assert (asked["invite"], asked["for"], asked["CallStatus"]) == ("i 1", "app", "ringing")
            assert asked["CallSid"] == one.call
            present = await one.people("assistant").fetch_async()
            assert (present.call_sid, present.status) == (one.call, "connected")
            assert one.progress == ["initiated", "ringing", "in-progress"]
            start = one.socket.frames[1]["start"]
            assert (start["callSid"], start["tracks"], start["customParameters"]) == (
                one.call,
                ["inbound"],
                {"token": "t-1"},
            )

            s.exchange.hearing.answer(one.humans[0], heard_by_agent.append)
            s.exchange.calls.say(one.humans[1], tone(400, 1.0), s.exchange.ticker.tick + 1)
            await one.socket.say(tone(1000, 0.5), "done")
            await s.until(lambda: "done" in one.socket.marks)
            await s.until(lambda: len(heard_by_agent) > 30)
            ours = b"".join(heard_by_agent)
            assert loudness(ours, 1000) > 1000
            assert loudness(ours, 400) > 1000
            mine = one.socket.audio()[-40 * 160 :]
            assert loudness(mine, 400) > 1000
            assert loudness(mine, 1000) < 100

            assert await one.people("assistant").delete_async()
            await s.call_over(one.call)
            assert one.socket.frames[-1]["event"] == "stop"
            assert s.status(one.humans[0]) == "in-progress"
        assert one.progress == ["initiated", "ringing", "in-progress", "completed"]
        assert (s.errors(), s.service.refused) == ([], 0)


async def test_audio_waits_and_is_played_in_real_time_until_it_is_cleared() -> None:
    """Byte for byte in the conference; marks in their time, at once after a clear and when nothing waits."""
    async with small() as s, assistant(s) as one:
        heard: list[bytes] = []
        s.exchange.hearing.listen(one.conference_sid, heard.append)
        await one.socket.mark("nothing waits")
        await s.until(lambda: one.socket.marks == ["nothing waits"])

        first = bytes(range(0x80, 0x80 + 100)) * 8  # codes of samples that are not zero
        began = s.exchange.ticker.tick
        for at in range(0, len(first), 90):
            await one.socket.say(first[at : at + 90], f"m{at}")
        await s.until(lambda: f"m{at}" in one.socket.marks)
        assert s.exchange.ticker.tick - began >= len(first) / FRAME_BYTES
        assert one.socket.marks[1:] == [f"m{n}" for n in range(0, len(first), 90)]
        assert first in b"".join(heard)

        await one.socket.say(tone(1000, 20.0), "never heard")
        for _ in range(600):  # more than a socket holds of media frames
            await one.socket.mark("never heard")
        await s.until(lambda: loudness(b"".join(heard[-5:]), 1000) > 1000)
        await one.socket.clear()
        await one.socket.say(b"\x90" * FRAME_BYTES, "after")
        await s.until(lambda: "after" in one.socket.marks)
        assert one.socket.marks[-602:] == [*["never heard"] * 601, "after"]
        assert b"\x90" * FRAME_BYTES in b"".join(heard)

        sid = one.socket.stream_sid
        await one.socket.send({"event": "media", "streamSid": sid, "media": {"payload": "gA==", "track": "outbound"}})
        await one.socket.send({"event": "mark", "streamSid": sid})
        assert (await s.post(f"/control/calls/{one.call}/keys?digits=4%23"))[0] == 204
        await s.until(lambda: len([frame for frame in one.socket.frames if frame["event"] == "dtmf"]) == 2)
        keys = [frame["dtmf"] for frame in one.socket.frames if frame["event"] == "dtmf"]
        assert keys == [{"track": "inbound_track", "digit": "4"}, {"track": "inbound_track", "digit": "#"}]
        assert (await s.post(f"/control/calls/{one.call}/keys?digits=x"))[0] == 400
        assert (await s.post(f"/control/calls/{one.humans[0]}/keys?digits=1"))[0] == 404
        numbers = [int(frame["sequenceNumber"]) for frame in one.socket.frames[1:]]
        assert numbers == list(range(1, len(numbers) + 1))
        assert s.errors() == [31951]


async def test_after_the_stream_the_next_verb_follows() -> None:
    """Closed or lost, the same call connects another stream; with the other assumption it ends."""
    async with small() as s:
        async with assistant(s, after="<Redirect>/voice?for=app&amp;attempt=2</Redirect>") as one:
            first = one.socket
            await first.say(tone(1000, 30.0), "pending")
            await first.close()
            await s.until(lambda: len(s.service.sockets) == 2 and len(one.socket.media) > 2)
            second = one.socket
            assert first.marks == []
            assert second.stream_sid != first.stream_sid
            assert second.frames[1]["start"]["callSid"] == one.call
            assert (second.frames[1]["sequenceNumber"], second.media[0]["media"]["timestamp"]) == ("1", "0")
            await second.mark("the buffer went with the stream")
            await s.until(lambda: len(second.marks) == 1)
            assert one.asked[-1]["attempt"] == "2"
            assert one.asked[-1]["CallStatus"] == "in-progress"

            assert (await s.post(f"/control/streams/{second.stream_sid}/cut"))[0] == 204
            await s.until(lambda: len(s.service.sockets) == 3 and len(one.socket.media) > 2)
            assert s.service.events("StreamEvent") == [*["stream-started", "stream-error"] * 2, "stream-started"]
            assert s.errors() == [31921]  # the cut was the tester's doing

            assert (await s.post("/control/assumptions", {"service_closed": "stream-stopped"}))[0] == 200
            await one.socket.close()
            await s.until(lambda: len(s.service.sockets) == 4 and len(one.socket.media) > 2)
            assert s.service.events("StreamEvent")[-2:] == ["stream-stopped", "stream-started"]

            status, assumed = await s.post("/control/assumptions", {"connection_lost": "hang_up"})
            assert (status, assumed["service_closed"]) == (200, "stream-error")
            assert (await s.post(f"/control/streams/{one.socket.stream_sid}/cut"))[0] == 204
            await s.call_over(one.call)
            assert len(s.service.sockets) == 4
            assert (await s.post("/control/assumptions", {"connection_lost": "soon"}))[0] == 400
            assert (await s.get("/control/state"))[1]["assumptions"]["connection_lost"] == "hang_up"
        assert one.progress[-1] == "completed"


async def order(s: Small, kind: str, **fields: Any) -> int:
    """Order a fault; the status of the answer."""
    status, _ = await s.post("/control/faults", {"kind": kind, **fields})
    return status


async def heard_while(s: Small, one: Assistant, mark: str) -> dict[str, float]:
    """How loud the assistant's tone is to each while it speaks: by recordings, which are forgotten again."""
    sides = {
        "agent": (one.humans[0], "hears"),
        "customer": (one.humans[1], "hears"),
        "room": (one.conference_sid, "says"),
    }
    ids = {}
    for name, (of, what) in sides.items():
        status, body = await s.post("/control/recordings", {"of": of, "what": what})
        assert status == 201
        ids[name] = f"/control/recordings/{body['id']}"
    await one.socket.say(tone(1000, 0.3), mark)
    await s.until(lambda: mark in one.socket.marks)
    loud = {}
    for name, path in ids.items():
        async with s.http.get(s.base + path) as response:
            samples, rate = soundfile.read(io.BytesIO(await response.read()), dtype="int16")
        assert rate == SAMPLE_RATE_HZ
        loud[name] = loudness(g711.encode(samples), 1000)
        async with s.http.delete(s.base + path) as response:
            assert response.status == 204
    assert (await s.get(path))[0] == 404
    return loud


async def test_mute_hold_and_coaching_act_on_an_application() -> None:
    """Who hears it, measured; its audio is played out and its marks come all the same."""
    async with small() as s, assistant(s) as one:
        me = one.people("assistant")
        assert min((await heard_while(s, one, "plain")).values()) > 1000
        await me.update_async(muted=True)
        assert max((await heard_while(s, one, "muted")).values()) < 10
        await me.update_async(muted=False, call_sid_to_coach=one.humans[0], coaching=True)
        coached = await heard_while(s, one, "coaching")
        assert coached["agent"] > 1000
        assert max(coached["customer"], coached["room"]) < 10
        await me.update_async(coaching=False, hold=True)
        quiet = len(one.socket.media)
        assert max((await heard_while(s, one, "held")).values()) < 10
        assert (
            len(set(b"".join(base64.b64decode(f["media"]["payload"]) for f in one.socket.media[quiet:]))) > 10
        )  # music
        await me.update_async(hold=False)

        assert await order(s, "echo", call=one.humans[0], seconds=0.5, delay_ms=40, loss_db=12) == 201
        echoed = await heard_while(s, one, "echoed")
        assert echoed["customer"] > 1.1 * echoed["agent"]  # who echoes does not hear the echo
        assert await order(s, "echo", call=one.made.conference_sid, seconds=1) == 404
        assert (await s.post("/control/recordings", {"of": "CA0"}))[0] == 404
        assert (await s.post("/control/recordings", {"of": one.call, "what": "thinks"}))[0] == 400
        assert (await s.http.delete(s.base + "/control/recordings/none")).status == 404


async def test_marks_come_late_never_and_unasked_for() -> None:
    """As often as it was ordered; a late one comes after the clear, and after the next answer's."""
    async with small() as s, assistant(s) as one:
        sid = one.socket.stream_sid
        assert await order(s, "lose_marks", stream=sid, count=1) == 201
        await one.socket.mark("lost")
        await one.socket.mark("echoed")
        await s.until(lambda: one.socket.marks == ["echoed"])
        assert await order(s, "unknown_mark", stream=sid, name="nobody's") == 201
        await s.until(lambda: one.socket.marks[1:] == ["nobody's"])
        assert await order(s, "delay_marks", stream=sid, count=1, seconds=0.2) == 201
        await one.socket.say(tone(1000, 5.0), "cleared")
        await one.socket.clear()
        await one.socket.mark("next")
        await s.until(lambda: one.socket.marks[2:] == ["next", "cleared"])

        second = await s.post("/control/faults", {"kind": "second_socket", "stream": sid, "seconds": 0.1})
        assert second[0] == 201
        await s.until(lambda: len(s.service.sockets) == 2 and s.service.sockets[1].ended.is_set())
        await s.service.sockets[0].mark("still the first's")
        await s.until(lambda: "still the first's" in s.service.sockets[0].marks)
        (human,) = [c for c in s.exchange.state.calls.values() if c.sid == one.humans[0]]
        fork = s.exchange.calls.start_stream(
            human.sid, StreamOrder(url=s.service.base.replace("http", "ws", 1) + "/media")
        )
        await s.until(lambda: s.exchange.streams.live(fork.sid))
        assert await order(s, "lose_marks", stream=fork.sid, count=1) == 404
        assert s.errors() == []


async def test_an_application_that_cannot_come_is_told_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not answered, not reached, not understood: each has progress of its own, and the conference is told."""
    monkeypatch.setattr(dialling_module, "BETWEEN_CALLS_S", 0.02)
    async with small() as s, assistant(s) as one:
        to = one.to

        async def invite(**fields: Any) -> tuple[str, list[str]]:
            made = await one.people.create_async(
                from_="+12025550100", to=to, status_callback=s.service.base + "/callbacks",
                status_callback_event=ALL_PROGRESS, **fields,
            )  # fmt: skip
            await s.call_over(made.call_sid)
            forms = [form for form in s.service.callbacks if form.get("CallSid") == made.call_sid]
            assert [form["SequenceNumber"] for form in forms if "CallbackSource" in form][-1] >= "1"
            left = [form for form in forms if form.get("StatusCallbackEvent") == "participant-leave"]
            assert [form["ReasonParticipantLeft"] for form in left] == ["participant_add_failed"]
            assert left[0]["ParticipantCallStatus"] == s.status(made.call_sid)
            return s.status(made.call_sid), [form["CallStatus"] for form in forms if "CallbackSource" in form]

        for status in ("busy", "no-answer"):
            assert await order(s, "fail_dial", count=1, status=status, to="app:") == 201
            assert await invite() == (status, ["initiated", "ringing", status])
        assert await order(s, "fail_dial", count=1, status="failed") == 201
        assert await invite() == ("failed", ["initiated", "failed"])
        assert s.errors() == []
        assert await order(s, "fail_requests", count=1, path="/voice") == 201
        assert await invite() == ("failed", ["initiated", "ringing", "failed"])
        s.service.voice_status = 403
        assert (await invite())[0] == "failed"
        s.service.voice_status = 200
        twiml, s.service.twiml = s.service.twiml, "<Response><Hangup>"
        assert (await invite())[0] == "failed"
        s.service.twiml = twiml
        assert s.errors() == [11200, 11217, 12100]
        assert await refused(one.people.create_async(from_="client:a", to=to, label="assistant")) == (400, 16025)
        assert await refused(one.people.create_async(from_="client:a", to=to, beep="no")) == (400, 20001)
        assert await refused(one.people.create_async(from_="client:a", to="app:AP1?a=b")) == (400, 21218)
        assert s.status(one.call) == "in-progress"


async def test_an_application_is_asked_before_rest_answers_and_ends_with_its_time() -> None:
    """The answer to the create may come last; the time limit ends the call, and the conference goes on."""
    async with small() as s, assistant(s, time_limit=1) as one:
        await s.call_over(one.call)
        assert one.socket.frames[-1]["event"] == "stop"
        assert s.status(one.humans[0]) == "in-progress"
        assert one.asked[0]["To"] == one.to
        assert (await s.post("/control/assumptions", {"application_to": "bare"}))[0] == 200
        assert await order(s, "slow_rest", count=1, seconds=0.3, path="/Participants") == 201
        made = await one.people.create_async(from_="+12025550100", to=one.to, label="assistant")
        assert len(one.asked) == 2
        assert made.call_sid == one.asked[-1]["CallSid"]
        assert (one.asked[-1]["To"], one.asked[-1]["invite"]) == (one.to.partition("?")[0], "i 1")
        await s.until(lambda: len(s.service.sockets) == 2 and len(one.socket.media) > 2)

        again = connect(s, "", name="again")
        await one.client.calls(made.call_sid).update_async(twiml=again)
        await s.until(lambda: len(s.service.sockets) == 3 and len(one.socket.media) > 2)
        assert s.service.sockets[1].frames[-1]["event"] == "stop"
        assert (await one.people("assistant").fetch_async()).call_sid == made.call_sid

        await one.client.conferences(one.conference_sid).update_async(status="completed")
        await s.call_over(made.call_sid)
        assert one.socket.frames[-1]["event"] == "stop"
        assert await refused(one.people.create_async(from_="+12025550100", to=one.to)) == (400, 16099)
        assert await refused(one.client.calls(made.call_sid).update_async(twiml=again)) == (400, 21220)
