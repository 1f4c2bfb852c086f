"""Listen and the softphone, in a browser whose microphone plays a recording: heard, measured, and read on the page."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Frame, Page, expect, sync_playwright

from sidecar.cli.children import free_ports
from sidecar.speech import g711
from tests.browser.axe import grave
from tests.browser.conftest import ARGUMENTS, BROWSERS
from tests.e2e.demo import recording

READY_TIMEOUT_S = 90.0
SOUND_TIMEOUT_MS = 30_000
WORDS_TIMEOUT_MS = 60_000
pytestmark = pytest.mark.timeout(240)


@dataclass
class Demo:
    """A running ``sidecar demo``. ``call``: the address that opens its call; ``phone``: the emulator's."""

    port: int
    said: list[str] = field(default_factory=list)
    call: str = ""
    told: threading.Event = field(default_factory=threading.Event)

    @property
    def phone(self) -> str:
        return f"http://127.0.0.1:{self.port + 1}"

    def read(self, process: subprocess.Popen[str]) -> None:
        """Its output, to the end."""
        assert process.stdout is not None
        for line in process.stdout:
            self.said.append(line.rstrip())
            if found := re.search(r"this call +(\S+)", line):
                self.call = self.call or found[1]
            if "next: " in line:
                self.told.set()

    @property
    def pages(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str, body: Any = None) -> Any:
        """The emulator: a GET, or with a body a POST."""
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(self.phone + path, data=data), timeout=10) as answer:  # noqa: S310 - a loopback address
            return json.load(answer) if answer.status != 204 else None

    def conference(self, room: str, *, people: int) -> str:
        """The id of the conference in that room, as soon as so many are in it."""
        for _ in range(200):
            for one in self.ask("/phone/conferences")["conferences"]:
                if one["room"] == room and len(one["people"]) == people:
                    return str(one["sid"])
            time.sleep(0.1)
        raise AssertionError(f"nobody came to {room}")


def long_call() -> str:
    """Two who say a sentence in turn for a quarter of an hour: longer than any test waits."""
    wav = json.dumps(str(recording("clone-test.wav")))
    people = [
        f'[[participants]]\nlabel = "{label}"\nsays = [{", ".join(f"{{at = {at}, wav = {wav}}}" for at in times)}]\n'
        for label, times in (("agent", range(0, 900, 10)), ("customer", range(5, 900, 10)))
    ]
    return "\n".join(people)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo whose call does not end."""
    running = Demo(free_ports(2))
    scenario = tmp_path_factory.mktemp("call") / "call.toml"
    scenario.write_text(long_call())
    process = subprocess.Popen(
        [sys.executable, "-m", "sidecar", "demo", "--port", str(running.port), "--scenario", scenario],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    reader = threading.Thread(target=running.read, args=(process,), name="demo-output")
    reader.start()
    try:
        assert running.told.wait(READY_TIMEOUT_S), "\n".join(running.said)
        yield running
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        reader.join()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium with a microphone that speaks a recording over and over, and a name for this machine that is no
    localhost."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"THE PHONES ARE NOT TESTED: none of {', '.join(BROWSERS)} is on PATH. Install chromium.")
    microphone = (
        "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={recording('beckett.wav')}",
        "--host-resolver-rules=MAP plain.test 127.0.0.1",
    )  # fmt: skip
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=[*ARGUMENTS, *microphone])
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser of one user; fails the test when a page of it logs an error."""
    wrongs: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    context.on("console", lambda message: wrongs.append(message.text) if message.type == "error" else None)
    context.on("weberror", lambda error: wrongs.append(str(error.error)))
    yield context
    context.close()
    assert not wrongs


def wait_for_sound(place: Page | Frame, meter: str = "#others") -> None:
    """Until the meter, which the sound that is really played moves, has shown speech."""
    louder = f"() => Number(document.querySelector('{meter}').getAttribute('aria-valuenow')) > 20"
    place.wait_for_function(louder, timeout=SOUND_TIMEOUT_MS)


def test_listen_plays_on_one_click_and_is_gone_on_the_next(demo: Demo, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(demo.call)
    expect(page.locator("iframe")).to_have_count(0)
    page.get_by_role("button", name="Listen").click()
    expect(page.get_by_role("button", name="Listen", pressed=True)).to_be_visible()
    frame = page.frame_locator("iframe")
    expect(frame.locator("#state")).to_have_text("Listening")
    expect(frame.locator("#play")).to_be_hidden()
    wait_for_sound(page.frames[1])
    page.get_by_role("button", name="Listen").click()
    expect(page.locator("iframe")).to_have_count(0)
    assert all("softphone" not in one["people"] for one in demo.ask("/phone/conferences")["conferences"])


def test_listening_ends_with_the_conference(demo: Demo, context: BrowserContext) -> None:
    """Panel and buttons go; nothing is left to hear or to join."""
    order = {"voice_url": f"{demo.pages}/twilio/voice?room=short"}
    calls = [demo.ask("/control/calls", order)["call_sid"] for _ in range(2)]
    page = context.new_page()
    page.goto(demo.call)  # signs in
    page.goto(f"{demo.pages}/conferences/{demo.conference('short', people=2)}")
    page.get_by_role("button", name="Listen").click()
    expect(page.frame_locator("iframe").locator("#state")).to_have_text("Listening")
    for call in calls:
        demo.ask(f"/control/calls/{call}/hangup", {})
    expect(page.locator("iframe")).to_have_count(0)
    expect(page.get_by_role("button", name="Listen")).to_have_count(0)
    expect(page.get_by_role("link", name="Join")).to_have_count(0)


def test_who_joins_by_microphone_hears_is_heard_and_reads_the_own_words(demo: Demo, context: BrowserContext) -> None:
    """From the fake microphone through a worklet, a socket, a fork and the recogniser to the page."""
    page = context.new_page()
    page.goto(demo.call)
    with context.expect_page() as opened:
        page.get_by_role("link", name="Join").click()
    phone = opened.value
    assert grave(phone) == []
    phone.get_by_label("Your name on the call").fill("Dana")
    phone.get_by_role("button", name="Join").click()
    expect(phone.locator("#state")).to_have_text("You are being heard")
    wait_for_sound(phone, "#you")
    wait_for_sound(phone, "#others")
    expect(phone.locator("#people")).to_have_text(re.compile("^With (agent, customer|customer, agent)$"))
    assert grave(phone) == []
    with context.expect_page() as opened:
        phone.get_by_role("link", name="See your words").click()
    words = opened.value
    dana = words.locator(".utterance:not([data-partial])", has=words.locator(".name", has_text="Dana"))
    spoken = dana.locator(".text", has_text=re.compile("tried|failed|better", re.IGNORECASE))
    expect(spoken.first).to_be_visible(timeout=WORDS_TIMEOUT_MS)

    phone.get_by_role("button", name="Mute").click()
    expect(phone.locator("#state")).to_have_text("Muted: nobody hears you")
    phone.get_by_role("button", name="Hang up").click()
    expect(phone.get_by_role("button", name="Join")).to_be_visible()
    expect(words.locator("#people")).to_contain_text("left")


def test_a_page_that_is_not_secure_says_why_and_what_to_do(demo: Demo, context: BrowserContext) -> None:
    """By a name that is not localhost, over plain http: no microphone and no sound."""
    page = context.new_page()
    page.goto(f"http://plain.test:{demo.port + 1}/softphone")
    trouble = page.get_by_role("alert")
    expect(trouble).to_contain_text("on secure pages only")
    expect(trouble).to_contain_text(f"http://localhost:{demo.port + 1}/softphone")
    ports = f"-L {demo.port}:127.0.0.1:{demo.port} -L {demo.port + 1}:127.0.0.1:{demo.port + 1}"
    expect(trouble).to_contain_text(f"ssh {ports} plain.test")
    expect(trouble).to_contain_text("sidecar demo --tls")
    expect(page.get_by_role("button", name="Join")).to_have_count(0)
    page.goto(f"http://plain.test:{demo.port + 1}/listen")
    expect(page.locator("#state")).to_contain_text("on secure pages only")


def test_the_browser_s_mu_law_is_that_of_the_service(demo: Demo, context: BrowserContext) -> None:
    """All codes, and samples over the whole range."""
    page = context.new_page()
    page.goto(f"{demo.phone}/softphone")
    samples = np.arange(-32768, 32768, 7, dtype=np.int16)
    decoded, encoded = page.evaluate(
        """async (samples) => {
          const { decode, encode } = await import("/phone/g711.js");
          const codes = Uint8Array.from({ length: 256 }, (_, code) => code);
          return [Array.from(decode(codes)), Array.from(encode(samples.map((one) => one / 32768)))];
        }""",
        samples.tolist(),
    )
    assert (np.round(np.array(decoded) * 32768) == g711.decode(bytes(range(256)))).all()
    ours = g711.decode(g711.encode(samples)).astype(np.int32)
    theirs = g711.decode(bytes(encoded)).astype(np.int32)
    # A sample on the border of two steps may go to either: rounding differs by half a unit of 14 bits.
    assert (np.abs(theirs - samples) <= np.abs(ours - samples) + 4).all()
