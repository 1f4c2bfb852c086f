"""Every page in its states, light and dark, under axe: no violation that is serious or critical."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.call import Call, ServiceProcess, Speaker
from tests.browser.conftest import NewPage

GRAVE = {"serious", "critical"}
EVERY_RULE: dict[str, Any] = {}
# The other theme changes nothing else.
COLOURS: dict[str, Any] = {"runOnly": ["color-contrast"]}


@dataclass
class Busy:
    """A service with a call that has everything a transcript can hold, and one that is over."""

    call: Call
    maya: Speaker
    over: Call


@pytest.fixture
def busy(own_service: ServiceProcess) -> Busy:
    call, over = Call(own_service), Call(own_service)
    maya, customer = call.join("Maya"), call.join("Customer", "customer")
    call.expect("Lee", "supervisor")
    call.begin()
    for n in range(30):
        call.say((maya, customer)[n % 2], f"Line {n} about a bike.")
    call.gap(customer, call.now_ms, call.now_ms + 4_000, "stream_reconnected")
    alone = over.join("Maya")
    over.begin()
    over.say(alone, "Goodbye.")
    over.end()
    return Busy(call, maya, over)


def live(page: Page, busy: Busy) -> None:
    page.goto(busy.call.url)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    busy.call.partial(busy.maya, "So I would", id_="utt_partial")
    expect(page.locator("#u-utt_partial")).to_be_visible()


def menus(page: Page, busy: Busy) -> None:
    live(page, busy)
    page.locator("#find").fill("bike")
    page.locator("#export summary").click()
    page.locator("#user-menu").evaluate("menu => menu.showPopover()")


def dialog(page: Page, busy: Busy) -> None:
    live(page, busy)
    page.locator("#keys").evaluate("dialog => dialog.showModal()")


def away(page: Page, busy: Busy) -> None:
    live(page, busy)
    page.context.set_offline(True)
    expect(page.locator("#banner")).to_be_visible()
    page.locator("#log").evaluate("log => { log.scrollTop = 0; }")
    expect(page.locator("#jump")).to_be_visible()


def ended(page: Page, busy: Busy) -> None:
    page.goto(busy.over.url)
    expect(page.locator("#summary")).to_be_visible()


def board(page: Page, busy: Busy) -> None:
    page.goto(busy.call.service.url)
    expect(page.locator("#calls > tr").first).to_be_visible()
    page.locator("#view-menu").evaluate("menu => menu.showPopover()")


def helped(page: Page, busy: Busy) -> None:
    helper = busy.call.invite()
    helper.join()
    helper.answers("Refunds take", " five working days", tools=[{"name": "leave", "outcome": "refused"}])
    live(page, busy)
    helper.does("listening", muted=True, note="muted")
    expect(page.locator("#assistant-note")).to_be_visible()
    for fold in ("#assistant-more", "#assistant-turns", "#assistant-manners"):
        page.locator(fold).evaluate("fold => { fold.open = true; }")
    busy.call.tell("assistant.left", assistant=helper.id, participant=helper.participant, reason="dismissed", at_ms=1)


def panel(page: Page, busy: Busy) -> None:
    helper = busy.call.invite()
    helper.tell("left", reason="dismissed", by="Maya", at_ms=busy.call.now_ms)
    page.goto(busy.call.panel_url)
    expect(page.locator("#assistant-state")).to_have_text("Left")


def noted(page: Page, busy: Busy) -> None:
    busy.call.tell("note.added", note="not_1", at_ms=busy.call.now_ms, text="Ask for the number.", by="Ana")
    live(page, busy)
    page.keyboard.press("n")
    expect(page.locator("#note-text")).to_be_focused()


def unknown(page: Page, busy: Busy) -> None:
    page.goto(busy.call.service.url + "/conferences/cnf_none")


def login(page: Page, busy: Busy) -> None:
    page.context.clear_cookies()
    page.goto(busy.call.service.url + "/login")


def styleguide(page: Page, busy: Busy) -> None:
    page.goto(busy.call.service.url + "/styleguide")


STATES = (
    (live, 1280), (live, 360), (menus, 1280), (dialog, 1280), (away, 1280), (ended, 1280), (board, 1280), (board, 360),
    (helped, 1280), (noted, 1280), (noted, 320), (panel, 320), (unknown, 1280), (login, 1280), (styleguide, 1280),
)  # fmt: skip


@pytest.mark.timeout(240)
@pytest.mark.parametrize("half", [0, 1])
def test_no_page_has_a_grave_violation_in_any_theme(busy: Busy, new_page: NewPage, half: int) -> None:
    axe, found = Axe(), []
    themes: list[tuple[Literal["light", "dark"], dict[str, Any]]] = [("light", EVERY_RULE), ("dark", COLOURS)]
    for reach, width in STATES[:8] if half == 0 else STATES[8:]:
        # The policy would keep axe out. Without motion no colour is caught half way.
        page = new_page(width=width, may_fail=True, bypass_csp=True, reduced_motion="reduce")
        reach(page, busy)
        for scheme, rules in themes:
            page.emulate_media(color_scheme=scheme)
            for violation in axe.run(page, options=rules).response["violations"]:
                if violation["impact"] in GRAVE:
                    nodes = [node["html"][:120] for node in violation["nodes"]]
                    found.append((reach.__name__, width, scheme, violation["id"], nodes))
        page.close()
    assert found == []
