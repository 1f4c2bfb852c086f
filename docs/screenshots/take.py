"""Takes the pictures of every state of the pages: light and dark, 1280 and 360 px wide (``make screenshots``).

The pages, the event stream and the store are the real ones (``tests/browser/service.py``); only time stands still, in
the service and in the browser, so that two runs give the same pictures. All go to ``build/screenshots``, those of
``KEPT`` to this folder too. With names, only these states: ``python -m docs.screenshots.take live gap``.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from docs.screenshots import calls
from sidecar.cli.children import free_ports
from tests.browser.call import Call, Helper, ServiceProcess, Speaker
from tests.browser.conftest import ARGUMENTS, BROWSERS
from tests.browser.service import ADMIN, SESSION, STANDING_STILL
from tests.browser.settings_story import set_up

HERE = Path(__file__).parent
ALL = HERE.parents[1] / "build" / "screenshots"
SIZES = {1280: (1280, 720), 360: (360, 740)}
THEMES = ("light", "dark")
# What the README shows.
KEPT = {"board-light-1280", "board-dark-1280"}
PATIENCE = 100
STREAM = "**/v1/stream?*"
# Every retry waits for exactly its countdown, and by the page's clock: a worker has a clock of its own.
NO_CHANCE = "Math.random = () => 0.5; delete globalThis.SharedWorker"


@dataclass(frozen=True)
class State:
    """A state to photograph. ``reach`` brings a fresh page there; ``zoom``: at 200 %. ``panel``: 320 px wide,
    whatever the width of the others. ``whole``: all of a page that is longer than the screen. ``session``: whose."""

    name: str
    reach: Callable[[Page], None]
    zoom: bool = False
    panel: bool = False
    whole: bool = False
    session: str = SESSION


def settle(page: Page, ms: int = 400) -> None:
    """Let the page's own time pass: timers fire and what is queued is painted."""
    page.wait_for_timeout(150)
    page.clock.run_for(ms)


def until(page: Page, selector: str) -> None:
    """Let as little of the page's time pass as it takes."""
    for _ in range(PATIENCE):
        if page.locator(selector).count():
            return
        settle(page, 10)
    raise SystemExit(f"{page.url} has no {selector} after {PATIENCE} looks")


def follow(page: Page, url: str) -> None:
    """Open a page and wait for its stream."""
    page.goto(url)
    until(page, "#connection[data-state=live]")
    settle(page)


def still(page: Page, url: str) -> None:
    """A page that asks for no stream."""
    page.goto(url)
    settle(page)


def speaking(page: Page, call: Call, who: Speaker, lag_ms: int = 600) -> None:
    """Somebody speaks just now."""
    follow(page, call.url)
    call.partial(who, calls.PARTIAL, id_="utt_now", lag_ms=lag_ms)
    settle(page, 1_000)  # the pill is told each second
    page.wait_for_selector("#u-utt_now")


def away(page: Page, url: str, *, rounds: int) -> None:
    """The event stream is refused for so many seconds."""
    page.route(STREAM, lambda route: route.abort())
    page.goto(url)
    until(page, "#connection[data-state=warn]")
    for _ in range(rounds):
        settle(page, 1_000)


def loading(page: Page, call: Call) -> None:
    """Older lines are being fetched."""

    # A request that is under way for ever: this page's fetch never returns.
    page.add_init_script("window.fetch = () => new Promise(() => {})")
    follow(page, call.url)
    page.evaluate("document.getElementById('log').scrollTop = 0")
    until(page, "#older[aria-busy]")
    settle(page)


def board(page: Page, url: str) -> None:
    """The wallboard."""
    follow(page, url)
    settle(page, 1_000)


def assistant(page: Page, url: str, helper: Helper, state: str = "speaking", **more: object) -> None:
    """A page with an assistant that does this."""
    follow(page, url)
    helper.does(state, **more)
    page.wait_for_selector("#assistant[data-stage=joined]", state="attached")
    settle(page)


def opened(page: Page, url: str, helper: Helper) -> None:
    """The same with the folds beside the transcript open."""
    assistant(page, url, helper)
    for fold in ("#assistant-more", "#assistant-turns"):
        page.locator(fold).evaluate("fold => { fold.open = true; }")
    if page.locator("#side-handle").is_visible():
        page.locator("#side-handle").click()
    page.locator("#assistant").scroll_into_view_if_needed()
    settle(page)


def troubled(page: Page, url: str, helper: Helper) -> None:
    """Its answer failed; now it thinks over the next one."""
    assistant(page, url, helper, "listening", note="failed", detail="chat_timeout")
    helper.does("thinking")
    until(page, "#assistant-problem:not([hidden])")
    settle(page)


def redacting(page: Page, url: str) -> None:
    """Words of a line are about to be taken out."""
    still(page, url)
    page.locator(".utterance").nth(2).locator(".at").click()
    page.keyboard.press("x")
    page.locator("#redact-text").evaluate("text => text.setSelectionRange(0, text.value.length - 8)")
    settle(page, 3_000)  # the word that a link was copied is gone


def rotated(page: Page, url: str) -> None:
    """The new secret of an endpoint."""
    still(page, url)
    page.get_by_role("button", name="Rotate").click()
    page.wait_for_selector(".copy-line")


def states(empty: ServiceProcess, full: ServiceProcess, story: ServiceProcess) -> Iterator[State]:
    """All states, in the order of the brief for them."""
    live, _, customer = calls.bikes(story, "harbor-bikes")
    slow, _, slow_customer = calls.bikes(story, "harbor-bikes-slow", lag_ms=2_400)
    gap, ended, names = calls.lost_audio(story), calls.over(story), calls.long_names(story)
    rtl, long_call = calls.right_to_left(story), calls.long_call(story)
    calls.forty(full)
    yield State("empty", lambda page: board(page, empty.url))
    yield State("loading", lambda page: loading(page, long_call))
    yield State("live", lambda page: speaking(page, live, customer))
    yield State("behind", lambda page: speaking(page, slow, slow_customer, lag_ms=2_400))
    yield State("reconnecting", lambda page: away(page, live.url, rounds=1))
    yield State("gone", lambda page: away(page, live.url, rounds=12))
    yield State("gap", lambda page: follow(page, gap.url))
    yield State("ended", lambda page: still(page, ended.url))
    yield State("board", lambda page: board(page, full.url))
    yield State("names", lambda page: follow(page, names.url))
    yield State("rtl", lambda page: follow(page, rtl.url))
    yield State("zoom", lambda page: speaking(page, live, customer), zoom=True)
    helped, _, _, helper = calls.assisted(story, "harbor-bikes-assisted")
    failed, _, _ = calls.bikes(story, "harbor-bikes-refused")
    refused = failed.invite()
    refused.tell(
        "failed", reason="invitation_refused", at_ms=failed.now_ms,
        detail="Twilio error 21216: Account not allowed to call +49 30 1234567",
    )  # fmt: skip
    yield State("assistant", lambda page: assistant(page, helped.url, helper))
    yield State("assistant-open", lambda page: opened(page, helped.url, helper))
    yield State("panel", lambda page: assistant(page, helped.panel_url, helper), panel=True)
    yield State(
        "panel-muted",
        lambda page: assistant(page, helped.panel_url, helper, "listening", muted=True, note="muted"),
        panel=True,
    )
    yield State("panel-problem", lambda page: troubled(page, helped.panel_url, helper), panel=True)
    yield State("panel-invite", lambda page: follow(page, live.panel_url), panel=True)
    yield State("panel-failed", lambda page: follow(page, failed.panel_url), panel=True)
    calls.noted(ended)
    yield State("notes", lambda page: still(page, ended.url))
    yield State("history", lambda page: still(page, f"{full.url}/history"))
    yield State("search", lambda page: still(page, f"{story.url}/history?q=bike"))
    alarmed = calls.alarmed(story)
    yield State("alerts", lambda page: follow(page, alarmed.url))
    yield State("redact", lambda page: redacting(page, ended.url))
    yield from settings_states(story)
    yield State("docs", lambda page: still(page, f"{story.url}/docs"))
    yield State("styleguide", lambda page: still(page, f"{story.url}/styleguide"), whole=True)


def settings_states(story: ServiceProcess) -> Iterator[State]:
    """An administrator's pages, from top to bottom."""
    settings = set_up(story)
    places = {
        "webhooks": "/settings/webhooks", "webhook": settings.endpoint, "webhook-delivery": settings.delivery,
        "alert-rules": "/settings/alerts", "alert-rule": settings.rule, "redaction": "/settings/redaction",
        "keys": "/settings/keys", "users": "/settings/users", "audit": "/settings/audit",
    }  # fmt: skip
    for name, place in places.items():
        reach = partial(still, url=story.url + place)
        yield State(f"settings-{name}", reach, whole=True, session=ADMIN)
    yield State("settings-webhook-secret", partial(rotated, url=story.url + settings.endpoint), session=ADMIN)


def photograph(browser: Browser, state: State, theme: str, width: int) -> bytes:
    """One picture, as PNG."""
    view, scale = SIZES.get(width, (320, 720)), 1.0
    if state.zoom:  # 200 % of 1280 px; on a telephone the narrowest screen that the pages are made for
        view, scale = ((640, 360), 2.0) if width == 1280 else ((320, 658), 1.125)
    context = browser.new_context(
        viewport={"width": view[0], "height": view[1]}, device_scale_factor=scale, timezone_id="Europe/Berlin",
        color_scheme="light" if theme == "light" else "dark", reduced_motion="reduce", locale="en-GB",
    )  # fmt: skip
    context.add_cookies([{"name": one.cookie, "value": state.session, "url": one.url} for one in ServiceProcess.all])
    page = context.new_page()
    page.add_init_script(NO_CHANCE)
    page.clock.install(time=STANDING_STILL - timedelta(minutes=1))
    page.clock.pause_at(STANDING_STILL)
    state.reach(page)
    picture = page.screenshot(full_page=state.whole)
    context.close()
    return picture


@contextmanager
def service(folder: str) -> Iterator[ServiceProcess]:
    """A service with a store of its own whose clock stands still."""
    process = ServiceProcess(free_ports(1), f"sqlite:///{folder}/{free_ports(1)}.db")
    process.start(still=True)
    try:
        yield process
    finally:
        process.kill()


def main(wanted: set[str]) -> None:
    """Photograph all states, or those that are named."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        raise SystemExit("No Chromium on PATH. Cure on Debian: apt-get install chromium")
    ALL.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        service(folder) as empty,
        service(folder) as full,
        service(folder) as story,
        sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        for state in states(empty, full, story):
            if wanted and state.name not in wanted:
                continue
            for theme in THEMES:
                for width in [320] if state.panel else SIZES:
                    name = f"{state.name}-{theme}-{width}"
                    save(name, photograph(browser, state, theme, width))
            print(state.name, flush=True)
        browser.close()


def save(name: str, png: bytes) -> None:
    """As WebP without loss: a third of a PNG."""
    for folder in [ALL, *([HERE] if name in KEPT else [])]:
        Image.open(io.BytesIO(png)).convert("RGB").save(folder / f"{name}.webp", lossless=True, quality=100, method=6)


if __name__ == "__main__":
    main(set(sys.argv[1:]))
