"""Browsers on the line: what they hear is measured, what they say arrives at the service, and their end is orderly."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import soundfile

from sidecar.emulator.frames import FRAME_BYTES, SAMPLE_RATE_HZ
from sidecar.emulator.phone import sockets, softphone
from sidecar.speech import g711
from tests.integration.emulator.small_service import WAIT_S, Small, small

ANN_HZ, BEN_HZ, ME_HZ = 400.0, 1000.0, 1700.0
RECORDING_S = 20.0


def tone(hz: float, seconds: float) -> np.ndarray[Any, np.dtype[np.int16]]:
    time = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (6000 * np.sin(2 * np.pi * hz * time)).astype(np.int16)


def tones_in(audio: bytes) -> set[float]:
    """Which of the three stand out; none in less than half a second."""
    if len(audio) < SAMPLE_RATE_HZ // 2:
        return set()
    spectrum = np.abs(np.fft.rfft(g711.decode(audio))) / (len(audio) / 2)
    at = np.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE_HZ)
    return {hz for hz in (ANN_HZ, BEN_HZ, ME_HZ) if spectrum[np.abs(at - hz) < 30].max() > 400}


class Browser:
    """The other end of a phone's socket. ``heard`` grows by 160 bytes a frame."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.heard = b""
        self.reports: list[dict[str, Any]] = []
        self.speaks = b"\xff" * FRAME_BYTES

    async def read(self) -> None:
        async for message in self.ws:
            if message.type is aiohttp.WSMsgType.TEXT:
                self.reports.append(json.loads(message.data))
            else:
                assert len(message.data) == FRAME_BYTES
                self.heard = (self.heard + message.data)[-50 * FRAME_BYTES :]

    async def speak(self, small: Small) -> None:
        """A frame for each that the clock plays, as a browser's own clock would have it."""
        last = small.exchange.ticker.tick
        while not self.ws.closed:
            await small.exchange.ticker.next()
            for _ in range(small.exchange.ticker.tick - last):
                with contextlib.suppress(aiohttp.ClientConnectionResetError):  # closed meanwhile
                    await self.ws.send_bytes(self.speaks)
            last = small.exchange.ticker.tick

    @property
    def report(self) -> dict[str, Any]:
        return self.reports[-1] if self.reports else {"state": "none", "people": []}


@asynccontextmanager
async def browser(s: Small, path: str, *, speaks: bool = False) -> AsyncIterator[Browser]:
    async with s.http.ws_connect(s.base + path) as ws:
        one = Browser(ws)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(one.read())]
            if speaks:
                running.append(tasks.create_task(one.speak(s)))
            yield one
            for task in running:
                task.cancel()


@asynccontextmanager
async def talk(tmp_path: Path) -> AsyncIterator[tuple[Small, list[str]]]:
    """Ann and Ben in a room of the small service, each with a tone for some seconds; forked."""
    async with small() as s:
        s.service.twiml = lambda form: (
            f"<Response>{s.service.stream(name='frk-' + form['label'])}"
            f"{s.service.conference(label=form['label'])}</Response>"
        )
        calls = []
        for label, hz in (("ann", ANN_HZ), ("ben", BEN_HZ)):
            path = tmp_path / f"{label}.wav"
            soundfile.write(path, tone(hz, RECORDING_S), SAMPLE_RATE_HZ)
            voice_url = f"{s.service.base}/voice?label={label}&name={label.title()}&tenant=t-1"
            calls.append(await s.call(voice_url=voice_url, says=[{"at": 0, "wav": str(path)}]))
        await until(lambda: len(conference_people(s)) == 2)
        yield s, calls
        s.exchange.calls.hang_up_all()


def conference_people(s: Small) -> list[str]:
    conference = s.exchange.state.live_conference("r-1")
    return [p.label or "" for p in conference.participants.values()] if conference else []


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not true():
            await asyncio.sleep(0.02)


async def test_a_softphone_hears_the_others_is_heard_and_is_forked_and_a_listener_hears_all(tmp_path: Path) -> None:
    """Mix-minus through real sockets; the softphone's call asks for TwiML like any other."""
    async with (
        talk(tmp_path) as (s, _),
        browser(s, "/softphone/socket?room=r-1&name=Dana", speaks=True) as me,
        browser(s, "/listen/socket") as listener,  # no name: the call that goes on longest
    ):
        me.speaks = g711.encode(tone(ME_HZ, 0.02))
        await until(lambda: tones_in(listener.heard) == {ANN_HZ, BEN_HZ, ME_HZ})
        await until(lambda: tones_in(me.heard) == {ANN_HZ, BEN_HZ})
        assert me.report["heard"]
        assert (me.report["state"], me.report["people"], me.report["room"]) == ("on_call", ["ann", "ben"], "r-1")
        asked = s.service.requests[-1]
        assert asked["From"] == "client:softphone"
        assert {key: asked[key] for key in ("room", "label", "name", "role", "tenant")} == {
            "room": "r-1", "label": "softphone", "name": "Dana", "role": "other", "tenant": "t-1",
        }  # fmt: skip
        forked = s.service.sockets[-1]
        await until(lambda: tones_in(last_second(forked.media)) == {ME_HZ})
        assert conference_people(s) == ["ann", "ben", "softphone"]
        assert listener.report["people"] == ["ann", "ben", "softphone"]
        await me.ws.close()
        await until(lambda: conference_people(s) == ["ann", "ben"])


def last_second(media: list[dict[str, Any]]) -> bytes:
    return b"".join(base64.b64decode(frame["media"]["payload"]) for frame in media[-50:])


async def test_when_the_conference_ends_the_phones_are_told_why_and_closed(tmp_path: Path) -> None:
    async with talk(tmp_path) as (s, calls), browser(s, "/listen/socket?room=r-1") as listener:
        await until(lambda: listener.report["state"] == "on_call")
        for call in calls:
            await s.hang_up(call)
        await until(lambda: listener.ws.closed)
        assert (listener.report["state"], listener.report["reason"]) == ("over", "The conference is over.")


async def test_whoever_is_left_alone_is_hung_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forgotten tab must not keep a conference for ever."""
    monkeypatch.setattr(softphone, "ALONE_S", 0.2)
    async with talk(tmp_path) as (s, calls), browser(s, "/softphone/socket?room=r-1") as me:
        await until(lambda: me.report["people"] == ["ann", "ben"])
        for call in calls:
            await s.hang_up(call)
        await until(lambda: me.ws.closed)
        assert (me.report["state"], me.report["reason"]) == ("over", "Everybody else has hung up.")
        await until(lambda: s.exchange.state.live_conference("r-1") is None)


async def test_a_softphone_that_says_nothing_or_is_muted_is_not_called_heard(tmp_path: Path) -> None:
    async with talk(tmp_path) as (s, _), browser(s, "/softphone/socket?room=r-1") as me:
        await until(lambda: me.report["state"] == "on_call")
        assert not me.report["heard"]
        async with asyncio.TaskGroup() as tasks:
            speaking = tasks.create_task(me.speak(s))
            await until(lambda: me.report["heard"])
            conference = s.exchange.state.live_conference("r-1")
            assert conference is not None
            next(p for p in conference.participants.values() if p.label == "softphone").muted = True
            await until(lambda: me.report["muted"] and not me.report["heard"])
            speaking.cancel()


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/softphone/socket?room=nobody", "This conference is over, or has not begun."),
        ("/listen/socket?conference=CF1", "This conference is over, or has not begun."),
        ("/listen/socket", "No call is live just now."),
    ],
)
async def test_a_conference_that_is_not_live_is_said_inside_the_socket(path: str, why: str) -> None:
    """A browser cannot read why an upgrade was refused."""
    async with small() as s, browser(s, path) as one:
        await until(lambda: one.ws.closed)
        assert (one.report["state"], one.report["reason"]) == ("over", why)


async def test_more_browsers_than_there_is_room_for_are_sent_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "MAX_PHONES", 1)
    async with (
        talk(tmp_path) as (s, _),
        browser(s, "/listen/socket?room=r-1"),
        browser(s, "/listen/socket?room=r-1") as second,
    ):
        await until(lambda: second.ws.closed)
        assert second.report["reason"] == "Browsers on the line: 1, and no more can be."


async def test_a_page_of_another_site_can_neither_listen_nor_place_calls() -> None:
    """Its visitor's browser says where the request comes from; Twilio's clients and testers say nothing."""
    async with small() as s:
        for origin, status in ((s.base, 200), ("https://elsewhere.example", 403), ("null", 403)):
            async with s.http.get(s.base + "/control/health", headers={"Origin": origin}) as answer:
                assert answer.status == status
        for host, path, status in (
            ("elsewhere.example:8089", "/control/health", 403),  # its name, pointed at this machine
            ("[::1]:8089", "/control/health", 200),
            ("localhost:8089", "/control/health", 200),
            ("elsewhere.example:8089", "/2010-04-01/Accounts/AC1/Calls.json", 401),
        ):
            async with s.http.get(s.base + path, headers={"Host": host}) as answer:
                assert answer.status == status
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await s.http.ws_connect(s.base + "/listen/socket?room=r-1", headers={"Origin": "https://elsewhere.example"})
        assert refused.value.status == 403


async def test_the_pages_load_nothing_from_elsewhere_and_only_listen_may_be_framed_by_the_service() -> None:
    async with small(pages_port=8080) as s:
        for path, framers in (("/listen", "127.0.0.1:8080"), ("/softphone", "'none'")):
            async with s.http.get(s.base + path) as answer:
                assert (answer.status, answer.content_type) == (200, "text/html")
                policy = answer.headers["Content-Security-Policy"]
                assert policy.startswith("default-src 'self'; ")
                assert policy.endswith(f"frame-ancestors {framers}")
                assert " style=" not in await answer.text()
        for path in ("/phone/softphone.js", "/phone/phone.css", "/static/css/tokens.css"):
            async with s.http.get(s.base + path) as answer:
                assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache")


async def test_the_list_of_conferences_names_rooms_people_and_the_port_of_the_pages(tmp_path: Path) -> None:
    async with talk(tmp_path) as (s, calls):
        (listed,) = (await s.get("/phone/conferences"))[1]["conferences"]
        assert (listed["room"], listed["people"]) == ("r-1", ["ann", "ben"])
        for call in calls:
            await s.hang_up(call)
        assert (await s.get("/phone/conferences"))[1] == {"conferences": [], "pages_port": 0}
