"""One command shows a real call being transcribed; a killed service costs seconds, never a line."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sidecar.cli.feed import durable_events
from sidecar.emulator.scenario import Scenario, shipped
from tests.commands import run_here
from tests.e2e.demo import Demo, get, recording, run_sidecar, running_demo

BECKETT = "beckett.wav"
CLONE = "clone-test.wav"
pytestmark = pytest.mark.timeout(240)

# A stream that comes after a gap finds out in its first seconds that it began a little earlier (domain/stream_clock).
SETTLED_BY_MS = 300


async def test_once_plays_two_recordings_and_prints_one_document() -> None:
    """Both speakers, in order, each line with its speaker; the manifest matches what was printed."""
    status, out, err = await run_sidecar(
        "demo", "--once", "--json", "--wav", f"agent={recording(CLONE)}", "--wav", f"customer={recording(CLONE)}"
    )
    assert status == 0, err
    document = json.loads(out)
    lines = document["utterances"]
    assert {line["participant"] for line in lines} == {"agent", "customer"}
    assert {line["role"] for line in lines} == {"agent", "customer"}
    assert [line["start_ms"] for line in lines] == sorted(line["start_ms"] for line in lines)
    assert document["gaps"] == []
    assert document["assistant"] == {"turns": []}
    manifest = document["manifest"]
    published = sorted(lines, key=lambda line: line["seq"])
    canonical = "".join(f"{line['seq']},{line['id']},{line['revision']},{line['text']}\n" for line in published)
    assert manifest["utterances"] == len(lines)
    assert manifest["sha256"] == hashlib.sha256(canonical.encode()).hexdigest()
    assert document["conference"]["conference_sid"].startswith("CF")


async def test_the_assistant_of_the_sample_call_answers_by_name(tmp_path: Path) -> None:
    """Its middle is played; what of it was heard is told, and stands in the transcript like what people said."""
    scenario = tmp_path / "call.toml"
    scenario.write_text(middle_of(shipped("corner_dental"), 23.0, 61.0))
    status, out, err = await run_sidecar("demo", "--once", "--json", "--scenario", str(scenario))
    assert status == 0, err
    document = json.loads(out)
    turns = document["assistant"]["turns"]
    assert (turns[0]["why"], turns[0]["chat_model"], turns[0]["voice"]) == ("addressed", "scripted", "local")
    assert turns[0]["heard"]
    for turn in turns:
        assert turn["text"].startswith(turn["heard"])
        assert (turn["heard"] == turn["text"]) == (turn["outcome"] == "completed")
    own = [line for line in document["utterances"] if line["role"] == "assistant"]
    assert [line["text"] for line in own] == [turn["heard"] for turn in turns if turn["heard"]]


def middle_of(scenario: Scenario, begin: float, end: float) -> str:
    """What is said between these seconds, and asked of the assistant, as a file."""
    lines: list[str] = []
    for actor in scenario.participants:
        lines += ["[[participants]]", f'label = "{actor.label}"', f'name = "{actor.name}"', "says = ["]
        said = [one for one in actor.says if begin <= one.at < end]
        lines += [f'{{ at = {s.at - begin}, wav = "{s.wav}", from = {s.from_}, to = {s.to} }},' for s in said] + ["]"]
    for step in scenario.assistant:
        lines += ["[[assistant]]", f"at = {step.at - begin}", f'do = "{step.do}"']
    return "\n".join(lines)


async def test_once_prints_a_transcript_for_people(tmp_path: Path) -> None:
    """Without --json: one line per utterance, with time and speaker; stdout holds nothing else."""
    status, out, err = await run_sidecar("demo", "--once", "--wav", f"guest={recording(CLONE)}")
    assert status == 0, err
    lines = out.splitlines()
    assert lines
    assert all(line[:2].isdigit() and "Guest" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--wav", "agent=missing.wav"], "missing.wav"),
        (["--wav", "agent"], "LABEL=FILE"),
        (["--wav", f"a={__file__}"], "test_demo.py"),
        (["--scenario", "missing.toml"], "missing.toml"),
        (["--json"], "--once"),
    ],
)
def test_what_cannot_be_played_is_one_line_on_stderr(arguments: list[str], expected: str) -> None:
    """File, place, what was expected; exit status 1; nothing on stdout."""
    status, out, err = run_here("demo", *arguments)
    assert (status, out) == (1, "")
    assert expected in err
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err


async def test_a_port_in_use_is_one_line_with_the_cure() -> None:
    """For the demo and for the service."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for command in ("demo", "serve"):
            status, _, err = await run_sidecar(command, "--port", port)
            assert status == 1
            assert port in err
            assert "--port" in err
            assert "Traceback" not in err


class Listener:
    """Follows a conference across restarts, as a program with resume does."""

    def __init__(self, demo: Demo, conference_id: str) -> None:
        self._demo = demo
        self._conference_id = conference_id
        self.events: list[dict[str, Any]] = []
        self._more = asyncio.Event()

    async def run(self) -> None:
        """Until the transcript is complete."""
        async with aiohttp.ClientSession() as http:
            async for event in durable_events(http, self._demo.base, self._conference_id, key=self._demo.key):
                self.events.append(event)
                self._more.set()

    def of(self, type_: str) -> list[dict[str, Any]]:
        """The data of one type so far."""
        return [event["data"] for event in self.events if event["type"] == type_]

    async def until(self, type_: str, count: int) -> None:
        """So many events of a type."""
        async with asyncio.timeout(60):
            while len(self.of(type_)) < count:
                self._more.clear()
                await self._more.wait()


@pytest.fixture
async def demo() -> AsyncIterator[Demo]:
    """A reading by two, one of them for three quarters of a minute."""
    long, short = recording("two_cities.wav"), recording(BECKETT)
    async with running_demo("--wav", f"agent={long}", "--wav", f"customer={short}") as running:
        yield running


async def test_a_service_killed_twice_loses_no_committed_line_and_declares_the_rest(demo: Demo) -> None:
    """kill -9 mid-call: the demo starts it again, forks are reopened by REST, lines go on, seconds lost are gaps."""
    pid = int((await demo.line(r"service +.*pid (\d+)"))[1])
    conference_id = (await demo.line(r"this call +\S+conferences/(cnf_\w+)"))[1]
    await demo.line("API key")
    listener = Listener(demo, conference_id)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(listener.run())
        for killed in (1, 2):
            await listener.until("utterance.final", 2 * killed)
            os.kill(pid, signal.SIGKILL)
            pid = int((await demo.line(r"service +.*pid (\d+)"))[1])
            await listener.until("fork.resumed", 2 * killed)
        await listener.until("utterance.final", len(listener.of("utterance.final")) + 1)
        await demo.hang_up()
        await listener.until("transcript.completed", 1)
    assert [event["seq"] for event in listener.events] == list(range(1, len(listener.events) + 1))
    lines = listener.of("utterance.final")
    assert len({line["id"] for line in lines}) == len(lines)
    gaps = listener.of("transcript.gap")
    assert {gap["reason"] for gap in gaps} == {"service_restarted"}
    assert len(gaps) == 4
    resumed = [event["seq"] for event in listener.events if event["type"] == "fork.resumed"]
    assert any(event["seq"] > resumed[-1] for event in listener.events if event["type"] == "utterance.final")
    by_fork: dict[str, list[tuple[int, int]]] = {}
    for said in lines:
        by_fork.setdefault(said["fork"], []).append((said["start_ms"], said["end_ms"]))
    for gap in gaps:
        for start, end in by_fork.get(gap["fork"], []):
            assert end <= gap["from_ms"] + 600 or start >= gap["to_ms"] - SETTLED_BY_MS, "a line inside a gap"
    [manifest] = listener.of("transcript.completed")
    assert manifest["utterances"] == len(lines)
    assert manifest["gaps"] == len(gaps)
    problems = (await get(f"{demo.twilio}/control/debugger"))["entries"]
    assert {entry["error_code"] for entry in problems} <= {31921, 31902, 31920, 11200}
