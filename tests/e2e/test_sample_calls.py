"""``sidecar demo`` without arguments: what a new user sees in the first minute."""

from __future__ import annotations

import os
import re
from typing import Any

import aiohttp
import pytest

from sidecar.cli.feed import durable_events
from tests.e2e.demo import Demo, get, running_demo

pytestmark = pytest.mark.timeout(240)


async def test_the_first_minute_has_lines_a_customer_on_hold_and_a_gap() -> None:
    """Five ticks, then addresses; lines from several calls; a lost stream is a gap and goes on; Ctrl-C ends it all."""
    async with running_demo() as demo:
        service = int((await demo.line(r"service +.*pid (\d+)"))[1])
        conference_id = (await demo.line(r"conferences/(cnf_\w+)"))[1]
        await demo.line("Twilio number")
        ticks = [line.split()[1] for line in demo.said if line[2:3] in {"✓", "+"}]
        assert ticks == ["install", "model", "emulator", "service", "call"]
        wallboard = re.search(r"wallboard +(\S+)", "\n".join(demo.said))
        assert wallboard is not None
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as browser, browser.get(wallboard[1]) as page:
            assert (page.status, str(page.url)) == (200, f"{demo.base}/")

        seen: list[dict[str, Any]] = []
        async with aiohttp.ClientSession() as http:
            async for event in durable_events(http, demo.base, conference_id, key=demo.key):
                seen.append(event)
                finals = sum(1 for e in seen if e["type"] == "utterance.final")
                if finals == 3 and event["type"] == "utterance.final":
                    states = [room["state"] for room in await conferences(demo)]
                    assert states in (["live"] * 2, ["live"] * 3)
                resumed = [n for n, e in enumerate(seen) if e["type"] == "fork.resumed"]
                if resumed and any(e["type"] == "utterance.final" for e in seen[resumed[0] :]):
                    break
            rooms = {room["room"].rpartition("-")[0]: room["id"] for room in await conferences(demo)}
            assert {"corner-dental", "harbor-bikes", "lake-hotel"} <= set(rooms)
            async for event in durable_events(http, demo.base, rooms["lake-hotel"], key=demo.key):
                if event["type"] == "participant.updated" and event["data"]["hold"]:
                    break
            else:
                pytest.fail("nobody was on hold")
        [gap] = [e["data"] for e in seen if e["type"] == "transcript.gap"]
        assert 1_000 < gap["to_ms"] - gap["from_ms"] < 20_000
        assert "Harbor" in next(e for e in seen if e["type"] == "utterance.final")["data"]["text"]
    with pytest.raises(ProcessLookupError):
        os.kill(service, 0)


async def conferences(demo: Demo) -> list[dict[str, Any]]:
    """All of them, as the list page knows them."""
    found: list[dict[str, Any]] = (await get(f"{demo.base}/v1/conferences", key=demo.key))["data"]
    return found
