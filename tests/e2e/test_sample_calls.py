"""``sidecar demo`` without arguments: what a new user sees in the first minute."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from sidecar.cli.feed import durable_events
from tests.e2e.demo import get, run_sidecar, running_demo

pytestmark = pytest.mark.timeout(240)


async def test_the_first_minute_has_two_calls_three_lines_a_gap_an_end_and_a_third_call() -> None:
    """Five ticks, then addresses; lines from two calls; a lost stream is a gap and goes on; the short call ends."""
    async with running_demo() as demo:
        conference_id = (await demo.line(r"conferences/(cnf_\w+)"))[1]
        await demo.line("Twilio number")
        ticks = [line.split()[1] for line in demo.said if line[2:3] in {"✓", "+"}]
        assert ticks == ["install", "model", "emulator", "service", "call"]
        assert f"{demo.base}/\n" in "\n".join(demo.said)

        seen: list[dict[str, Any]] = []
        async with aiohttp.ClientSession() as http:
            async for event in durable_events(http, demo.base, conference_id):
                seen.append(event)
                finals = sum(1 for e in seen if e["type"] == "utterance.final")
                if finals == 3 and event["type"] == "utterance.final":
                    assert [room["state"] for room in await conferences(demo.base)] == ["live", "live"]
                resumed = [n for n, e in enumerate(seen) if e["type"] == "fork.resumed"]
                if resumed and any(e["type"] == "utterance.final" for e in seen[resumed[0] :]):
                    break
        [gap] = [e["data"] for e in seen if e["type"] == "transcript.gap"]
        assert 1_000 < gap["to_ms"] - gap["from_ms"] < 20_000
        assert "Harbor" in next(e for e in seen if e["type"] == "utterance.final")["data"]["text"]

        async with asyncio.timeout(40):
            while len(rooms := await conferences(demo.base)) < 3:
                await asyncio.sleep(0.5)
        assert sorted(room["state"] for room in rooms) == ["ended", "live", "live"]
        names = sorted(room["room"].rpartition("-")[0] for room in rooms)
        assert names == ["corner-dental", "harbor-bikes", "lake-hotel"]


async def conferences(base: str) -> list[dict[str, Any]]:
    """All of them, as the list page knows them."""
    found: list[dict[str, Any]] = (await get(f"{base}/v1/conferences"))["data"]
    return found


async def test_once_plays_the_short_sample_call() -> None:
    """Its eleven turns, by two people, with the names right; nothing lost."""
    status, out, err = await run_sidecar("demo", "--once", "--json")
    assert status == 0, err
    document = json.loads(out)
    text = " ".join(line["text"] for line in document["utterances"])
    assert {line["participant"] for line in document["utterances"]} == {"agent", "customer"}
    assert "Sarah Miller" in text
    assert document["gaps"] == []
    assert 30_000 < document["conference"]["duration_ms"] < 60_000
