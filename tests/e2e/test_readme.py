"""The README's way to a Twilio account, line by line as a new user goes it, with the small Twilio for Twilio."""

from __future__ import annotations

import asyncio
import re
import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from sidecar.cli.children import free_ports

ROOT = Path(__file__).parents[2]
SECTION = "## Use it with your Twilio account"
REAL_ADDRESS = "sidecar.example.com"  # in the block that is for a real account
LINE_LIMIT_S = 60
DONE = "__done__"


def lines_to_type(ports: dict[str, str]) -> list[str]:
    """The section's commands in order, the real account's aside, on ports that are free here."""
    section = (ROOT / "README.md").read_text().split(SECTION)[1].split("\n## ")[0]
    blocks = [block for block in re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL) if REAL_ADDRESS not in block]
    text = "\n".join(blocks)
    for written, free in ports.items():
        assert written in text
        text = text.replace(written, free)
    return [line.strip() for line in text.splitlines() if line.strip()]


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
    command = folder / ".venv" / "bin" / "sidecar"
    command.parent.mkdir(parents=True)
    python = f"PYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)}"
    command.write_text(f'#!/bin/sh\n{python} -m sidecar "$@"\n')
    command.chmod(0o755)
    (folder / "Makefile").write_text("setup:\n")
    process = await asyncio.create_subprocess_exec(
        "bash", "--norc", "-s", cwd=folder,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield Terminal(process)
    finally:
        await process.communicate(b"kill $(jobs -p); wait\n")


async def test_the_readme_s_way_to_a_twilio_account_ends_with_a_green_doctor_and_a_call(tmp_path: Path) -> None:
    """Word by word; the call is in the room that was set up."""
    first = free_ports(2)
    outputs: dict[str, str] = {}
    async with terminal(tmp_path) as shell:
        for line in lines_to_type({"8080": str(first), "8089": str(first + 1)}):
            status, outputs[line] = await shell.type(line)
            assert status == 0, f"{line}\n{outputs[line]}"
        assert "Nothing was changed" in outputs["sidecar twilio setup --room support-1 --dry-run"]
        doctor = outputs["sidecar doctor"]
        assert doctor.count("[ OK ]") >= 12
        assert not {"[WARN]", "[FAIL]"} & set(re.findall(r"\[\w+\]", doctor)), doctor
        key = re.search(r"sck_\w+", outputs["sidecar keys create crm"])
        assert key
        base = f"http://127.0.0.1:{first}"
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key[0]}"}) as http:
            async with http.get(base + "/v1/conferences?room=support-1") as answer:
                assert len((await answer.json())["data"]) == 1
            link = re.search(r"http\S+", outputs["sidecar users link Ana"])
            assert link
            async with http.get(link[0]) as page:
                assert (page.status, "Sign in as Ana" in await page.text()) == (200, True)
