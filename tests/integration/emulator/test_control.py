"""The control API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.integration.emulator.small_service import ACCOUNT, small

VOICE = "http://127.0.0.1:1/voice"

BAD: list[tuple[str, Any, str]] = [
    ("scenarios", [], "request body: "),
    ("scenarios", {"participants": [{"label": "a"}]}, "voice_url: expected one, for +12025550100 has none of its own"),
    ("scenarios", {"sample": "none", "voice_url": VOICE}, "sample: expected one of corner_dental, harbor_bikes"),
    ("scenarios", {"sample": "corner_dental", "title": "x"}, "request body: "),
    ("scenarios", {"voice_url": "ftp://h/", "participants": [{"label": "a"}]}, "voice_url: "),
    ("scenarios", {"voice_url": VOICE, "participants": [{"label": "a", "age": 7}]}, "participants[0]: "),
    (
        "scenarios",
        {"voice_url": VOICE, "participants": [{"label": "a"}, {"label": "b", "says": [{"wav": "/none.wav"}]}]},
        "participants[1].says[0].wav: /none.wav: no such file.",
    ),
    ("calls", {"voice_url": VOICE, "says": [{"wav": "here.wav"}]}, "says[0].wav: expected an absolute path."),
    ("calls", {"voice_url": VOICE, "form": "x"}, "request body: "),
    ("calls", {"voice_url": 7}, "voice_url: "),
]


@pytest.mark.parametrize(("path", "body", "said"), BAD)
async def test_a_bad_body_is_one_line_with_its_place(path: str, body: Any, said: str) -> None:
    """400, what was expected, and nobody is called."""
    async with small() as s:
        status, answer = await s.post(f"/control/{path}", body)
        assert status == 400
        assert said in answer["error"]
        assert "\n" not in answer["error"]
        assert s.exchange.state.calls == {}


async def test_a_file_without_sound_is_named(tmp_path: Path) -> None:
    """By its path and its place in the body."""
    file = tmp_path / "text.wav"
    file.write_text("no sound")
    async with small() as s:
        status, answer = await s.post("/control/calls", {"voice_url": VOICE, "says": [{"wav": str(file)}]})
        assert status == 400
        assert answer["error"].startswith(f"request body: says[0].wav: {file}: ")


async def test_what_is_not_there_is_404() -> None:
    """Scenario, call and stream."""
    async with small() as s:
        assert (await s.get("/control/scenarios/scn_0"))[0] == 404
        assert (await s.post("/control/calls/CA0/hangup"))[0] == 404
        assert (await s.post("/control/streams/MZ0/cut"))[0] == 404


async def test_state_shows_all_but_the_secret() -> None:
    """Calls, conferences, streams; the debugger has its own page."""
    async with small() as s:
        s.service.twiml = f"<Response>{s.service.stream()}{s.service.conference()}</Response>"
        call = await s.call(label="customer")
        await s.until(lambda: bool(s.service.sockets) and bool(s.service.sockets[0].media))
        _, state = await s.get("/control/state")
        assert [(c["sid"], c["label"], c["status"]) for c in state["calls"]] == [(call, "customer", "in-progress")]
        assert [c["room"] for c in state["conferences"]] == ["r-1"]
        assert [(m["call_sid"], m["status"]) for m in state["streams"]] == [(call, "live")]
        assert state["account_sid"] == ACCOUNT.sid
        assert ACCOUNT.auth_token not in str(state)
        await s.hang_up(call)


async def test_health_and_debugger_answer() -> None:
    """From the first moment."""
    async with small() as s:
        assert await s.get("/control/health") == (200, {"status": "ok", "account_sid": ACCOUNT.sid})
        call = await s.call(voice_url=VOICE)
        await s.call_over(call)
        _, debugger = await s.get("/control/debugger")
        assert debugger["total"] == 1
        assert debugger["entries"][0]["error_code"] == 11200
        assert debugger["entries"][0]["sid"] == call


async def test_a_caller_says_something_when_told(tmp_path: Path) -> None:
    """From that moment on, behind what it says already; recordings by absolute paths."""
    file = tmp_path / "said.wav"
    soundfile.write(file, np.full(800, 0.5), 8000)
    async with small() as s:
        s.service.twiml = f"<Response>{s.service.stream()}{s.service.conference()}</Response>"
        call = await s.call()
        await s.until(lambda: bool(s.service.sockets) and len(s.service.sockets[0].media) > 2)
        said = {"says": [{"wav": str(file), "at": 0.1}, {"wav": str(file)}]}
        status, answer = await s.post(f"/control/calls/{call}/say", said)
        assert (status, answer["ends"] - answer["begins"]) == (200, 10)
        await s.until(lambda: s.exchange.ticker.tick > answer["ends"] + 2)
        assert len(s.service.sockets[0].audio().strip(b"\xff")) == 1600
        assert (await s.post(f"/control/calls/{call}/say", {"says": [{"wav": "said.wav"}]}))[0] == 400
        assert (await s.post(f"/control/calls/{call}/say", {}))[0] == 400
        await s.hang_up(call)
        assert (await s.post(f"/control/calls/{call}/say", said))[0] == 404
