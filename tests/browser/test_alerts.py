"""Alerts from the rule to the acknowledgement, as a supervisor meets them: settings, wallboard, page of the call."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.axe import grave
from tests.browser.call import Call, ServiceProcess
from tests.browser.conftest import NewPage

HOSTILE = "<img src=x onerror=alert(1)> cancel"


def raised(call: Call, alert: str, name: str, severity: str) -> None:
    """An alert by a rule that is not there any more."""
    call.tell(
        "alert.raised", alert=alert, rule="rul_gone", name=name, severity=severity, kind="silence", at_ms=call.now_ms,
        measured_ms=30_000,
    )  # fmt: skip


def test_a_rule_is_made_rings_on_page_and_wallboard_and_is_acknowledged_by_name(
    own_service: ServiceProcess, new_page: NewPage
) -> None:
    # Settings: from nothing to a rule, by a template, without a script being needed for it.
    settings = new_page(may_fail=True)
    settings.goto(f"{own_service.url}/settings/alerts")
    expect(settings.get_by_text("There are no rules yet")).to_be_visible()
    settings.get_by_role("link", name="Use Cancel or complaint").click()
    settings.get_by_label("Seconds until").fill("never")
    settings.evaluate("document.querySelector('form.card').noValidate = true")
    settings.get_by_role("button", name="Make the rule").click()
    expect(settings.get_by_role("alert")).to_have_text("cooldown_s is not a number.")
    settings.get_by_label("Seconds until").fill("0")
    settings.get_by_role("button", name="Make the rule").click()
    expect(settings.locator(".said")).to_contain_text("The rule is made")

    call = Call(own_service, room="Harbor Bikes")
    maya, customer = call.join("Maya"), call.join("Lee", "customer")
    call.begin()
    call.now_ms = call.age_ms + 5_000
    board, page = new_page(), new_page()
    board.goto(own_service.url)
    row = board.locator("#calls > tr").filter(has_text="Harbor Bikes")
    expect(row).to_be_visible()
    page.goto(call.url)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    expect(page.locator("#alerts")).to_be_hidden()

    call.say(maya, "How can I help? Do you want to cancel?")
    utterance = call.say(customer, f"\U0001f600 {HOSTILE} everything.")

    # The page: a mark at the words, the card, a line for who does not look there.
    flagged = page.locator(f"#u-{utterance}")
    expect(flagged.locator(".flags")).to_contain_text("Cancel or complaint")
    assert page.evaluate("[...CSS.highlights.get('alert')].map(String)") == ["cancel"]
    item = page.locator("#alert-list .alert")
    expect(item).to_have_count(1)
    expect(item).to_contain_text("Lee: \u201ccancel\u201d")
    expect(page.locator("#alerts-title")).to_have_text("Alerts, 1 open")
    expect(page.locator("#alert-status .alert-line")).to_contain_text("Cancel or complaint")
    expect(page.locator("#alert-critical")).to_be_empty()
    item.get_by_role("link").click()
    expect(flagged).to_have_attribute("data-selected", "")

    # The wallboard: sign, count, line, filter.
    expect(row.locator(".alert-mark")).to_contain_text("Cancel or complaint")
    expect(board.locator("#counts")).to_contain_text("1 alert")
    expect(board.locator("#alert-status .alert-line")).to_have_text("Cancel or complaint: Harbor Bikes")

    # Taken note of on the page, with a note; the wallboard hears of it.
    item.get_by_role("textbox", name="Note").fill("I call <b>back</b>")
    item.get_by_role("button", name="Acknowledge").click()
    expect(item).to_contain_text("Acknowledged by Ana: I call <b>back</b>")
    expect(page.locator("#alerts-title")).to_have_text("Alerts")
    expect(row.locator(".alert-mark")).to_be_hidden()
    assert page.evaluate("document.activeElement.id") == "alerts-title"
    assert grave(page) == []

    # Loaded anew, all of it is there; the trial says what it would have said.
    page.reload()
    expect(page.locator("#alert-list .alert")).to_contain_text("Acknowledged by Ana")
    expect(flagged.locator(".flags")).to_have_count(1)
    settings.get_by_role("link", name="Cancel or complaint", exact=True).click()
    settings.get_by_role("button", name="Try").click()
    expect(settings.get_by_text("It would have rung 1 time:")).to_be_visible()
    expect(settings.locator(".findings")).to_contain_text("Lee: \u201ccancel\u201d")
    assert grave(settings) == []
    settings.get_by_role("button", name="Switch off").click()
    expect(settings.get_by_role("button", name="Switch on Cancel or complaint")).to_be_visible()
    expect(settings.locator("table")).to_contain_text("1 alert, 1 acknowledged")


def test_the_loudest_comes_first_critical_ones_interrupt_and_a_takes_note(
    own_service: ServiceProcess, new_page: NewPage
) -> None:
    first, second = Call(own_service, room="First", age_ms=90_000), Call(own_service, room="Second", age_ms=60_000)
    for call in (first, second):
        call.join("Maya")
        call.begin()
    board, page = new_page(), new_page()
    board.goto(own_service.url)
    expect(board.locator("#calls > tr")).to_have_count(2)
    page.goto(second.url)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    raised(second, "alr_1", "Long silence", "notice")
    raised(second, "alr_2", "Lawyer", "critical")
    expect(board.locator("#alert-critical .alert-line")).to_have_text("Lawyer: Second")
    expect(board.locator("#alert-status .alert-line")).to_have_text("Long silence: Second")
    rooms = board.locator("#calls .room")
    expect(rooms).to_have_text(["First", "Second"])
    board.locator("#order").select_option("alerts")
    expect(rooms).to_have_text(["Second", "First"])
    board.locator("#filter").select_option("alerts")
    expect(rooms).to_have_text(["Second"])
    expect(board.locator(".alert-mark")).to_have_text(re.compile(r"Lawyer\s*\+1"))
    assert grave(board) == []

    # Silence is a row of its own on the page, for it was nobody's words.
    expect(page.locator(".row.system").filter(has_text="Alert: Long silence")).to_have_count(1)
    page.keyboard.press("a")
    expect(page.locator("#alerts-title")).to_have_text("Alerts, 1 open")
    expect(page.locator("#alert-list .alert[data-open]")).to_contain_text("Nobody spoke for 30 s")
    expect(board.locator(".alert-mark")).to_have_text(re.compile(r"Long silence\s*$"))
    board.keyboard.press("j")
    board.keyboard.press("a")
    expect(board.locator("#toast")).to_have_text("Acknowledged: Long silence")
    expect(rooms).to_have_count(1)  # it has the focus: nothing moves under the reader
    board.keyboard.press("Escape")
    expect(rooms).to_have_count(0)
    expect(page.locator("#alerts-title")).to_have_text("Alerts")


@pytest.mark.parametrize("width", [320])
def test_at_320_pixels_nothing_is_cut_off(own_service: ServiceProcess, new_page: NewPage, width: int) -> None:
    call = Call(own_service, room="Narrow")
    call.join("Maya")
    call.begin()
    raised(call, "alr_1", "A rule with a name as long as a name may be, to see what becomes of it", "critical")
    page = new_page(width=width, height=700)
    places = {"": "#calls .alert-mark", f"/conferences/{call.id}": "#side-handle", "/settings/alerts": ".starts li",
              "/settings/alerts/new?kind=overtalk": "#window_s"}  # fmt: skip
    for place, landmark in places.items():
        page.goto(own_service.url + place)
        expect(page.locator(landmark).first).to_be_visible()
        wide = page.evaluate("document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth")
        assert (place, wide) == (place, 0)
        if place.startswith("/conferences"):
            page.locator("#side-handle").click()
            expect(page.locator("#alert-list")).to_be_visible()
            assert grave(page) == []
