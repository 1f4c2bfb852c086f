"""Takes the short loop of lines as they arrive: a real demo, in the browser's own screencast (``make screenshots``)."""

from __future__ import annotations

import base64
import io
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.sync_api import CDPSession, Page, ViewportSize, sync_playwright

from sidecar.cli.children import free_ports
from tests.browser.conftest import ARGUMENTS, BROWSERS

HERE = Path(__file__).parent
SIZE: ViewportSize = {"width": 960, "height": 480}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
# The conversation has begun by then.
BEGIN_AFTER_MS = 14_000
LASTS_MS = 12_000
# Frames closer together than this are one.
FRAME_MS = 120
QUALITY = 60

Frame = tuple[float, bytes]


def said(lines: Iterable[str], pattern: str) -> str:
    """The next address that the demo prints and that looks like this."""
    return next(filter(None, (re.search(pattern, line) for line in lines)))[0]


def watch(page: Page, frames: list[Frame]) -> CDPSession:
    """Gather what the browser paints: when, and the PNG."""
    session = page.context.new_cdp_session(page)

    def take(frame: dict[str, Any]) -> None:
        frames.append((frame["metadata"]["timestamp"], base64.b64decode(frame["data"])))
        session.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})

    session.on("Page.screencastFrame", take)
    session.send("Page.startScreencast", {"format": "png", "everyNthFrame": 1})
    return session


def save(frames: list[Frame], path: Path) -> None:
    """An animated WebP that loops for ever; a frame stays until the next one was painted."""
    kept: list[Frame] = []
    for at, png in frames:
        if not kept or (at - kept[-1][0]) * 1000 >= FRAME_MS:
            kept.append((at, png))
    images = [Image.open(io.BytesIO(png)).convert("RGB") for _, png in kept]
    times = [at for at, _ in kept]
    lengths = [max(FRAME_MS, round((b - a) * 1000)) for a, b in pairwise(times)] + [2_000]
    images[0].save(
        path, save_all=True, append_images=images[1:], duration=lengths, loop=0, quality=QUALITY, method=6,
        minimize_size=True,
    )  # fmt: skip
    print(f"{path.name}: {len(images)} frames, {path.stat().st_size // 1000} kB", flush=True)


def main() -> None:
    """One call, two pages at the same moment: light and dark."""
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None:
        raise SystemExit("No Chromium on PATH. Cure on Debian: apt-get install chromium")
    command = [sys.executable, "-m", "sidecar", "demo", "--port", str(free_ports(2))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo, sync_playwright() as driver:  # noqa: S603
        browser = driver.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
        try:
            lines = demo.stdout or ()
            address = said(lines, r"http\S+conferences/cnf_\w+")
            sign_in = said(lines, r"http\S+/login\?token=\S+")
            pages: dict[str, Page] = {}
            frames: dict[str, list[Frame]] = {}
            for theme in THEMES:
                page = browser.new_page(viewport=SIZE, color_scheme=theme)
                page.goto(sign_in)
                page.goto(address)
                pages[theme], frames[theme] = page, []
            pages["light"].wait_for_timeout(BEGIN_AFTER_MS)
            sessions = [watch(pages[theme], frames[theme]) for theme in pages]
            pages["light"].wait_for_timeout(LASTS_MS)
            for session in sessions:
                session.send("Page.stopScreencast")
            for name, painted in frames.items():
                save(painted, HERE / f"lines-{name}.webp")
        finally:
            browser.close()
            demo.terminate()


if __name__ == "__main__":
    main()
