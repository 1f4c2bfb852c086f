"""Scenarios, played in real time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from sidecar.emulator import player as player_module
from sidecar.speech.wav import read_telephone_audio
from tests.integration.emulator.small_service import Small, small


def recording(path: Path, seconds: float, pitch: float) -> Path:
    samples = np.arange(round(seconds * 16_000))
    soundfile.write(path, (np.sin(samples * pitch) * 12_000).astype(np.int16), 16_000)
    return path


def forks(s: Small) -> None:
    s.service.twiml = lambda asked: (
        f"<Response>{s.service.stream()}{s.service.conference(asked['label'], asked['room'])}</Response>"
    )


async def play(s: Small, participants: list[dict[str, Any]], **more: Any) -> str:
    body = {"voice_url": s.service.base + "/voice?tenant=t1", "participants": participants, **more}
    status, answer = await s.post("/control/scenarios", body)
    assert status == 201, answer
    return str(answer["id"])


async def played(s: Small, run: str) -> dict[str, Any]:
    report: dict[str, Any] = {"state": "calling"}
    while report["state"] in {"calling", "speaking"}:
        await s.exchange.ticker.next()
        _, report = await s.get(f"/control/scenarios/{run}")
    await s.until(lambda: s.exchange.streams.idle and s.exchange.callbacks.idle)
    return report


@pytest.mark.parametrize(("begin", "end"), [(0.3, 0.2), (0.0, 0.6), (0.5, None)])
async def test_a_part_that_the_recording_does_not_hold_is_refused(
    tmp_path: Path, begin: float, end: float | None
) -> None:
    """With its place and the length of the recording, before anybody is called."""
    said = {"wav": str(recording(tmp_path / "a.wav", 0.5, 0.1)), "from": begin, "to": end}
    async with small() as s:
        body = {"voice_url": s.service.base + "/voice", "participants": [{"label": "agent", "says": [said]}]}
        status, answer = await s.post("/control/scenarios", body)
        assert status == 400
        assert "participants[0].says[0]: " in answer["error"]
        assert "0.50 s" in answer["error"]
        assert not s.exchange.state.calls


async def test_parts_of_one_recording_are_spoken_at_their_own_times(tmp_path: Path) -> None:
    """The file holds the lines one behind the other; each is heard where the scenario wants it."""
    wav = recording(tmp_path / "a.wav", 0.4, 0.1)
    whole = read_telephone_audio(wav)
    says = [{"wav": str(wav), "from": 0.2, "to": 0.4, "at": 0.0}, {"wav": str(wav), "to": 0.2, "at": 0.3}]
    async with small() as s:
        forks(s)
        run = await play(s, [{"label": "agent", "says": says}, {"label": "customer"}], hang_up_after=0.2)
        await s.until(lambda: len(s.service.sockets) == 2)
        await played(s, run)
        wanted = whole[1600:3200] + bytes([0xFF]) * 800 + whole[:1600]
        assert [wanted in socket.audio() for socket in s.service.sockets].count(True) == 1


async def test_a_sample_call_by_its_name_meets_in_the_room_that_the_voice_url_says() -> None:
    """Of its first half second, in which nobody says anything yet; each is known by label and role."""
    async with small() as s:
        forks(s)
        order = {"sample": "corner_dental", "seconds": 0.5, "voice_url": s.service.base + "/voice?room=support-1"}
        status, other = await s.post("/control/scenarios", order | {"room": "crm-1"})
        assert (status, other["room"]) == (201, "crm-1")
        status, answer = await s.post("/control/scenarios", order)
        assert (status, answer["room"]) == (201, "support-1")
        report = await played(s, str(answer["id"]))
        assert (report["state"], [call["label"] for call in report["calls"]]) == ("ended", ["agent", "customer"])
        await played(s, str(other["id"]))
        asked = {(one.get("room"), one.get("role")) for one in s.service.requests}
        assert asked == {(room, role) for room in ("crm-1", "support-1") for role in ("agent", "customer")}


async def test_steps_hold_and_mute_at_their_time(tmp_path: Path) -> None:
    """As if done by REST, told to the service; a step for who is not there is passed over; the last is waited for."""
    says = [{"wav": str(recording(tmp_path / "a.wav", 0.2, 0.1))}]
    steps = [
        {"at": 0.6, "do": "resume", "label": "customer"},
        {"at": 0.2, "do": "hold", "label": "customer"},
        {"at": 0.3, "do": "mute", "label": "agent"},
        {"at": 0.4, "do": "unmute", "label": "agent"},
        {"at": 0.4, "do": "hold", "label": "late"},
    ]
    people: list[dict[str, Any]] = [
        {"label": "agent", "says": says},
        {"label": "customer"},
        {"label": "late", "joins_at": 0.5},
    ]
    async with small() as s:
        forks(s)
        await played(s, await play(s, people, steps=steps, hang_up_after=0.1))
        told = [event for event in s.service.events("StatusCallbackEvent") if "hold" in event or "mute" in event]
        assert told == ["participant-hold", "participant-mute", "participant-unmute", "participant-unhold"]


async def test_two_speak_from_the_same_tick_and_hang_up(tmp_path: Path) -> None:
    """Not a byte of either recording is lost; the voice URL carries room, label, name and role; all hang up."""
    agent, customer = recording(tmp_path / "a.wav", 0.5, 0.1), recording(tmp_path / "c.wav", 0.4, 0.2)
    async with small() as s:
        forks(s)
        run = await play(
            s,
            [
                {"label": "agent", "name": "Ann Lee", "role": "agent", "says": [{"wav": str(agent)}]},
                {"label": "customer", "number": "+12025550143", "says": [{"wav": str(customer)}]},
            ],
            room="parcel",
            title="A parcel",
            hang_up_after=0.2,
        )
        await s.until(lambda: len(s.service.sockets) == 2)
        report = await played(s, run)
        assert (report["state"], report["error"], report["title"]) == ("ended", None, "A parcel")
        assert report["seconds_spoken"] == report["seconds_total"] == 0.5
        assert [(c["label"], c["status"]) for c in report["calls"]] == [
            ("agent", "completed"),
            ("customer", "completed"),
        ]
        assert report["conference_sid"] in s.exchange.state.conferences
        by_call = {socket.frames[1]["start"]["callSid"]: socket for socket in s.service.sockets}
        for call, path in zip(report["calls"], (agent, customer), strict=True):
            socket = by_call[call["call_sid"]]
            assert read_telephone_audio(path) in socket.audio()
        asked = {asked["label"]: asked for asked in s.service.requests}
        assert asked["agent"]["name"] == "Ann Lee"
        assert {"room": "parcel", "tenant": "t1", "From": "client:agent"}.items() <= asked["agent"].items()
        assert asked["customer"]["From"] == "+12025550143"
        assert s.service.events("StatusCallbackEvent")[-1] == "conference-end"
        assert s.service.refused == 0
        assert s.errors() == []


async def test_recordings_that_begin_together_lie_on_the_same_tick(tmp_path: Path) -> None:
    """Measured on the emulator's own tracks, whenever the streams opened."""
    path = recording(tmp_path / "a.wav", 1.0, 0.1)
    async with small() as s:
        forks(s)
        run = await play(s, [{"label": label, "says": [{"wav": str(path)}]} for label in ("a", "b", "c")])
        await s.until(lambda: len(s.service.sockets) == 3)
        lines = s.exchange.calls._lines.values()
        await s.until(lambda: all(line.tracks["inbound"]._end for line in lines))
        assert len({line.tracks["inbound"]._end for line in lines}) == 1
        await played(s, run)


async def test_who_comes_later_speaks_later_and_loses_nothing(tmp_path: Path) -> None:
    """joins_at counts from the zero; what was due before the stream opened is said late, not lost."""
    path = recording(tmp_path / "a.wav", 0.3, 0.1)
    async with small() as s:
        forks(s)
        run = await play(
            s,
            [
                {"label": "early", "says": [{"wav": str(path)}]},
                {"label": "late", "joins_at": 0.6, "says": [{"wav": str(path), "at": 0.6}]},
            ],
            hang_up_after=0.1,
        )
        report = await played(s, run)
        assert report["state"] == "ended"
        assert report["seconds_total"] >= 0.9
        assert [read_telephone_audio(path) in socket.audio() for socket in s.service.sockets] == [True, True]


async def test_without_streams_the_callers_speak_after_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that forks later, or never, is no reason to wait for ever."""
    monkeypatch.setattr(player_module, "STREAM_TIMEOUT_S", 0.3)
    path = recording(tmp_path / "a.wav", 0.2, 0.1)
    async with small() as s:
        s.service.twiml = lambda asked: f"<Response>{s.service.conference(asked['label'])}</Response>"
        run = await play(s, [{"label": "a", "says": [{"wav": str(path)}]}], hang_up_after=0)
        report = await played(s, run)
        assert (report["state"], report["seconds_spoken"]) == ("ended", 0.2)


async def test_a_long_notice_before_the_fork_costs_no_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time limit for streams begins in the room, not when the caller dials."""
    monkeypatch.setattr(player_module, "STREAM_TIMEOUT_S", 0.4)
    path = recording(tmp_path / "a.wav", 0.2, 0.1)
    async with small() as s:
        s.service.twiml = f"<Response><Pause/>{s.service.stream()}{s.service.conference()}</Response>"
        run = await play(s, [{"label": "a", "says": [{"wav": str(path)}]}], hang_up_after=0)
        await played(s, run)
        assert read_telephone_audio(path) in s.service.sockets[0].audio()


async def test_a_call_that_fails_ends_the_scenario_with_its_reason() -> None:
    """Everybody else is hung up; the report says whose call and Twilio's number."""
    async with small() as s:
        s.service.twiml = lambda asked: (
            f"<Response>{s.service.conference('a')}</Response>" if asked["label"] == "a" else "no TwiML"
        )
        run = await play(s, [{"label": "a"}, {"label": "b"}])
        report = await played(s, run)
        assert report["state"] == "failed"
        assert report["error"].startswith("The call of b failed: 12100 ")
        assert [c["status"] for c in report["calls"]] == ["completed", "failed"]


async def test_a_scenario_is_over_when_the_service_hangs_everybody_up(tmp_path: Path) -> None:
    """Long before its recordings would have been heard."""
    path = recording(tmp_path / "a.wav", 60, 0.1)
    async with small() as s:
        s.service.twiml = "<Response><Hangup/></Response>"
        run = await play(s, [{"label": "a", "says": [{"wav": str(path)}]}])
        report = await played(s, run)
        assert (report["state"], report["seconds_total"]) == ("ended", 60.0)
        assert report["seconds_spoken"] < 5


async def test_a_single_call_speaks_when_it_streams(tmp_path: Path) -> None:
    """And stays on the line until it is hung up."""
    path = recording(tmp_path / "a.wav", 0.3, 0.1)
    async with small() as s:
        s.service.twiml = f"<Response>{s.service.stream()}{s.service.conference()}</Response>"
        call = await s.call(says=[{"wav": str(path)}])
        await s.until(lambda: bool(s.service.sockets) and read_telephone_audio(path) in s.service.sockets[0].audio())
        assert s.status(call) == "in-progress"
        await s.hang_up(call)
