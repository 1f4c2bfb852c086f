"""Takes the pictures of this folder: a demo whose service is killed once (.venv/bin/python docs/screenshots/take.py).

One call, four contexts at the same moment: light and dark, 1280x720 and 360x740.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sys
from pathlib import Path

from playwright.async_api import async_playwright

from sidecar.cli.children import free_ports

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
SIZES = {"1280": (1280, 720), "360": (360, 740)}
FOLDER = Path(__file__).parent


async def said(demo: asyncio.subprocess.Process, pattern: str) -> str:
    """The first group of the next printed line that matches."""
    if demo.stdout is None:
        raise SystemExit("the demo's output is not ours")
    while line := (await demo.stdout.readline()).decode():
        if found := re.search(pattern, line):
            return found[1]
    raise SystemExit("the demo ended")


async def main() -> None:
    """Play, kill, wait, photograph."""
    port = free_ports(2)
    demo = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sidecar", "demo", "--port", str(port), stdout=asyncio.subprocess.PIPE
    )
    pid = int(await said(demo, r"service +pid (\d+)"))
    address = await said(demo, r"(http\S+conferences/cnf_\w+)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        pages = {}
        for theme in ("light", "dark"):
            for name, (width, height) in SIZES.items():
                page = await browser.new_page(
                    viewport={"width": width, "height": height}, color_scheme="light" if theme == "light" else "dark"
                )
                await page.goto(address, wait_until="load")
                pages[f"{theme}-{name}"] = page
        await asyncio.sleep(11)
        os.kill(pid, signal.SIGKILL)
        await said(demo, r"service +pid (\d+)")
        await asyncio.sleep(13)
        await pages["light-1280"].wait_for_selector("[data-partial] >> text=/.{40}/", timeout=30_000)
        for name, page in pages.items():
            await page.screenshot(path=FOLDER / f"conference-{name}.png")
        await browser.close()
    demo.terminate()
    await demo.wait()


if __name__ == "__main__":
    asyncio.run(main())
