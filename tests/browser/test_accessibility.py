"""Every page in its states under axe: no violation that is serious or critical.

One service and one page for all of them, each state by itself. The other theme changes colours and nothing else, so
there only those are looked at, where something stands that no other state has; /styleguide has every component.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import grave
from tests.browser.call import Call, ServiceProcess, Speaker
from tests.browser.conftest import NewPage
from tests.browser.service import ADMIN
from tests.browser.settings_story import Settings, set_up


@dataclass
class Busy:
    """A service with a call that has everything a transcript can hold, one that is over, and settings in use."""

    call: Call
    maya: Speaker
    over: Call
    settings: Settings


@pytest.fixture(scope="module")
def busy(lasting_service: ServiceProcess) -> Busy:
    call, over = Call(lasting_service), Call(lasting_service)
    maya, customer = call.join("Maya"), call.join("Customer", "customer")
    call.expect("Lee", "supervisor")
    call.begin()
    call.tell_all([call.final((maya, customer)[n % 2], f"Line {n} about a bike, [card number].") for n in range(30)])
    call.gap(customer, call.now_ms, call.now_ms + 4_000, "stream_reconnected")
    alone = over.join("Maya")
    over.begin()
    over.say(alone, "Goodbye.")
    over.end()
    found = call.say(customer, "I want to cancel.")
    call.tell(
        "alert.raised", alert="alr_1", rule="rul_gone", name="Cancel", severity="critical", kind="phrase",
        at_ms=call.now_ms, utterance=found, quote="cancel", participant=customer.participant,
    )  # fmt: skip
    return Busy(call, maya, over, set_up(lasting_service))


@pytest.fixture(scope="module")
def page(lasting_page: NewPage, busy: Busy) -> Page:
    """An admin's. Without motion no colour is caught half way."""
    return lasting_page(session=ADMIN, may_fail=True, reduced_motion="reduce")


def live(page: Page, busy: Busy) -> None:
    page.goto(busy.call.url)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    busy.call.partial(busy.maya, "So I would", id_="utt_partial")
    expect(page.locator("#u-utt_partial")).to_be_visible()
    expect(page.locator("#alert-list .alert")).to_have_count(1)


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
    expect(page.locator(".alert-mark").first).to_be_visible()
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


def at(path: str) -> Callable[[Page, Busy], None]:
    """The page of that address."""

    def reach(page: Page, busy: Busy) -> None:
        page.goto(busy.call.service.url + path.format_map(vars(busy.settings)))
        expect(page.locator("main")).to_be_visible()

    return reach


def opened(path: str) -> Callable[[Page, Busy], None]:
    """The same with everything open that can be."""

    def reach(page: Page, busy: Busy) -> None:
        at(path)(page, busy)
        for fold in page.locator("main details").all():
            fold.evaluate("fold => { fold.open = true; }")

    return reach


def secret(page: Page, busy: Busy) -> None:
    at("{endpoint}")(page, busy)
    page.get_by_role("button", name="Rotate").click()
    expect(page.locator(".copy-line")).to_be_visible()


# Name, width, how to get there, and whether the other theme is looked at too.
STATES: tuple[tuple[str, int, Callable[[Page, Busy], None], bool], ...] = (
    ("live", 1280, live, True), ("live", 320, live, False), ("menus", 1280, menus, True),
    ("dialog", 1280, dialog, False), ("away", 1280, away, True), ("ended", 1280, ended, False),
    ("board", 1280, board, True), ("board", 320, board, False), ("helped", 1280, helped, True),
    ("noted", 1280, noted, False), ("noted", 320, noted, False), ("panel", 320, panel, False),
    ("unknown", 1280, unknown, False), ("styleguide", 1280, at("/styleguide"), True),
    ("search", 1280, at("/history?q=bike"), True),
    ("webhooks", 1280, opened("/settings/webhooks"), False), ("webhooks", 320, at("/settings/webhooks"), False),
    ("endpoint", 1280, opened("{endpoint}"), True), ("endpoint", 320, at("{endpoint}"), False),
    ("delivery", 1280, opened("{delivery}"), False), ("delivery", 320, at("{delivery}"), False),
    ("secret", 320, secret, False), ("alert rules", 1280, at("/settings/alerts"), False),
    ("alert rules", 320, at("/settings/alerts"), False), ("alert rule", 1280, opened("{rule}"), False),
    ("redaction", 320, at("/settings/redaction"), False), ("account", 1280, at("/settings/account"), False),
    ("keys", 1280, at("/settings/keys"), False), ("users", 1280, at("/settings/users"), False),
    ("audit", 320, at("/settings/audit"), False),
)  # fmt: skip


@pytest.mark.parametrize(
    ("width", "reach", "both"), [state[1:] for state in STATES], ids=[f"{state[0]}-{state[1]}" for state in STATES]
)
def test_nothing_keeps_people_out(
    page: Page, busy: Busy, width: int, reach: Callable[[Page, Busy], None], both: bool
) -> None:
    """Nor is anything wider than the screen."""
    page.context.set_offline(False)
    page.set_viewport_size({"width": width, "height": 720})
    page.emulate_media(color_scheme="light")
    reach(page, busy)
    assert page.evaluate("document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth") <= 0
    assert grave(page) == []
    if both:
        page.emulate_media(color_scheme="dark")
        assert grave(page, colours_only=True) == []
