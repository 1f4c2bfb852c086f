"""The README's way to a Twilio account and to webhooks, line by line as a new user goes it, with the small Twilio."""

from __future__ import annotations

import asyncio
import re
import shlex
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sidecar.cli.children import free_ports
from tests.receivers import kept

ROOT = Path(__file__).parents[2]
README = ("README.md", "## Use it with your Twilio account")
KEY = ("docs/webhooks.md", "## 1. A service, and a key")
ENDPOINT = ("docs/webhooks.md", "## 2. An endpoint, and a receiver")
CALL = ("docs/webhooks.md", "## 3. A call")
OTHER_WAYS = ("sidecar.example.com", "sck_…")  # in the blocks for a real account, and for the demo
SAMPLE = '"sample": "corner_dental"'
LINE_LIMIT_S = 60
pytestmark = pytest.mark.timeout(240)
DONE = "__done__"


def lines_to_type(page: str, section: str, instead: dict[str, str]) -> list[str]:
    """The section's commands in order, those of other ways aside; ``instead``: what is another word here."""
    text = (ROOT / page).read_text().split(section)[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    typed = "\n".join(block for block in blocks if not any(word in block for word in OTHER_WAYS))
    for written, here in instead.items():
        typed = typed.replace(written, here)
    return [line.strip() for line in typed.splitlines() if line.strip()]


class Terminal:
    """A shell into which lines are typed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def type(self, line: str) -> tuple[int, str]:
        """Exit status and output; of what runs on in the background, what it says until it is ready."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        end = "ready" if line.endswith("&") else DONE
        marker = "" if line.endswith("&") else f"; echo {DONE} $?"
        self._process.stdin.write(f"{line}{marker}\n".encode())
        said = ""
        async with asyncio.timeout(LINE_LIMIT_S):
            while end not in said:
                heard = (await self._process.stdout.readline()).decode()
                assert heard, f"the shell ended: {said}"
                said += heard
        before, _, status = said.partition(DONE)
        return int(status or 0), before


@asynccontextmanager
async def terminal(folder: Path) -> AsyncIterator[Terminal]:
    """In a folder that looks like a checkout after ``make setup``. Whatever was started there ends with it."""
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    python = f"PYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)}"
    for name, command in (("sidecar", f"{python} -m sidecar"), ("python3", python)):
        (programs / name).write_text(f'#!/bin/sh\n{command} "$@"\n')
        (programs / name).chmod(0o755)
    (folder / "Makefile").write_text("setup:\n")
    (folder / "docs").symlink_to(ROOT / "docs")
    process = await asyncio.create_subprocess_exec(
        "bash", "--norc", "-s", cwd=folder,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield Terminal(process)
    finally:
        await process.communicate(b"kill $(jobs -p); wait\n")


async def type_all(shell: Terminal, lines: list[str]) -> list[str]:
    """What each of them said."""
    outputs = []
    for line in lines:
        status, output = await shell.type(line)
        assert status == 0, f"{line}\n{output}"
        outputs.append(output)
    return outputs


async def test_the_readme_s_way_leads_to_a_green_doctor_a_call_and_each_event_in_a_receiver(tmp_path: Path) -> None:
    """Word by word. Somebody speaks on the call; the receiver is killed meanwhile, and has all of it in the end."""
    first = free_ports(3)
    here = {"8080": str(first), "8089": str(first + 1), "9000": str(first + 2)}
    async with terminal(tmp_path) as shell:
        # In the README's own call nobody speaks here: the one after it shows that words come.
        lines = lines_to_type(*README, here | {SAMPLE: SAMPLE + ', "seconds": 0'})
        outputs = dict(zip(lines, await type_all(shell, lines), strict=True))
        assert "Nothing was changed" in outputs["sidecar twilio setup --room support-1 --dry-run"]
        doctor = outputs["sidecar doctor"]
        assert doctor.count("[ OK ]") >= 12
        assert not {"[WARN]", "[FAIL]"} & set(re.findall(r"\[\w+\]", doctor)), doctor
        assert '"room":"support-1"' in outputs[lines[-1]]

        *_, shown = await type_all(shell, [*lines_to_type(*KEY, here), "echo $SIDECAR_API_KEY"])
        service = f"http://127.0.0.1:{first}"
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {shown.strip()}"}) as http:
            link = re.search(r"http\S+", outputs["sidecar users link Ana"])
            assert link
            async with http.get(link[0]) as page:
                assert (page.status, "Sign in as Ana" in await page.text()) == (200, True)
            await completed(http, service, "support-1")  # before there is an endpoint that would hear its end only

            [made] = await type_all(shell, lines_to_type(*ENDPOINT, here)[:1])
            for pattern, written in ((r"whe_\w+", "whe_…"), (r"whsec_[A-Za-z0-9+/=]{44}", "whsec_…")):
                here[written] = re.findall(pattern, made)[0]
            call, kill, receive_again, resend, verify = lines_to_type(*CALL, here | {SAMPLE: SAMPLE + ', "seconds": 1'})
            await type_all(shell, [*lines_to_type(*ENDPOINT, here)[1:], call])
            await until_kept(tmp_path, "conference.ended", "participant.joined")
            await type_all(shell, [kill])
            failed = f"{service}/v1/webhook_endpoints/{here['whe_…']}/deliveries?state=pending"
            await some(http, failed, lambda one: one["last_attempt"] is not None)
            await type_all(shell, [receive_again, resend])
            events = await completed(http, service, "crm-1")
        await until_kept(tmp_path, *(event["id"] for event in events))
        [verdict] = await type_all(shell, [verify])
        conference = events[0]["conference"]
        assert re.search(rf"^{conference} complete: [1-9]", verdict, flags=re.MULTILINE), verdict
        arrived = [event for event in kept(tmp_path) if event["conference"] == conference]
        assert sorted(arrived, key=lambda event: event["seq"]) == events
        said = " ".join(event["data"]["text"] for event in events if event["type"] == "utterance.final").lower()
        assert "dental" in said


async def get(http: aiohttp.ClientSession, url: str) -> Any:
    """JSON of an address."""
    async with http.get(url) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def some(
    http: aiohttp.ClientSession, url: str, wanted: Callable[[dict[str, Any]], bool] = bool
) -> list[dict[str, Any]]:
    """A list, as soon as there is something wanted in it."""
    async with asyncio.timeout(LINE_LIMIT_S):
        while True:
            data: list[dict[str, Any]] = (await get(http, url))["data"]
            if any(map(wanted, data)):
                return data
            await asyncio.sleep(0.1)


async def completed(http: aiohttp.ClientSession, service: str, room: str) -> list[dict[str, Any]]:
    """All events of the one call in that room, once its transcript is complete."""
    [conference] = await some(http, f"{service}/v1/conferences?room={room}")
    told = f"{service}/v1/conferences/{conference['id']}/events?limit=500"
    return await some(http, told, lambda one: one["type"] == "transcript.completed")


async def until_kept(folder: Path, *wanted: str) -> None:
    """Until the receiver has events of these ids or types."""
    async with asyncio.timeout(LINE_LIMIT_S):
        while missing := set(wanted) - {event[key] for event in kept(folder) for key in ("id", "type")}:
            assert missing
            await asyncio.sleep(0.05)
