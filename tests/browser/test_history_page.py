"""The history: searched from the wallboard, read by keyboard and without scripts, and never trusting what was said."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import grave
from tests.browser.call import Call, ServiceProcess
from tests.browser.conftest import NewPage

HOSTILE = 'I want a refund <img src=x onerror=alert(1)> "><script>alert(2)</script> <mark>'


@pytest.fixture(scope="module")
def said(shared_service: ServiceProcess) -> tuple[Call, str]:
    """A long call with a hostile line far above its end, and another call. The line's id."""
    call, other = Call(shared_service, room="Zürich history"), Call(shared_service, room="basel history")
    ana, customer = call.join("Ana Müller"), call.join("Customer", "customer")
    call.begin()
    hostile = call.say(customer, HOSTILE)
    call.say_many(ana, [f"Line {n}." for n in range(400)])
    call.end()
    ben = other.join("Ben")
    other.begin()
    other.say_many(ben, [f"A refund, number {n}." for n in range(30)])
    return call, hostile


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_a_search_leads_from_the_wallboard_to_the_moment_in_the_call(
    new_page: NewPage, shared_service: ServiceProcess, said: tuple[Call, str]
) -> None:
    call, hostile = said
    page = new_page(may_fail=True)  # a browser logs it when a search is refused
    page.goto(shared_service.url)
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("refund room:zurich")
    page.keyboard.press("Enter")
    page.wait_for_url("**/history?q=refund*")
    expect(page.locator(".found li")).to_have_count(1)
    expect(page.locator(".found .text")).to_have_text(HOSTILE)
    assert page.locator(".found mark").all_text_contents() == ["refund"]
    assert page.locator(".found img, .found script").count() == 0
    expect(page.locator(".found time")).not_to_contain_text("UTC")  # the reader's own time

    page.locator(".found a").click()
    page.wait_for_url(f"**/conferences/{call.id}#u-{hostile}")
    expect(page.locator(f"#u-{hostile}")).to_have_attribute("data-selected", "")
    expect(page.locator(f"#u-{hostile}")).to_be_in_viewport()

    page.go_back()
    page.keyboard.press("/")
    page.keyboard.type('"number 7"')
    page.keyboard.press("Enter")
    expect(page.locator(".found li")).to_have_count(1)
    page.keyboard.press("/")
    page.keyboard.type('"open')
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("A quotation mark is not closed")
    page.get_by_role("link", name="Clear").click()
    expect(page.get_by_role("link", name="Zürich history")).to_be_visible()
    page.get_by_role("button", name="View").click()
    page.locator("#letters").uncheck()
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("/")
    expect(page.locator("#search")).not_to_be_focused()


def test_without_scripts_on_a_small_dark_screen_the_form_filters_and_pages_follow(
    new_page: NewPage, shared_service: ServiceProcess, said: tuple[Call, str]
) -> None:
    page = new_page(width=320, java_script_enabled=False, color_scheme="dark")
    page.goto(shared_service.url + "/history")
    page.get_by_label("Agent").fill("muller")
    page.get_by_label("State").select_option("ended")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_label("Agent")).to_have_value("muller")
    expect(page.get_by_role("link", name="Zürich history").first).to_be_visible()
    expect(page.get_by_role("link", name="basel history")).to_have_count(0)

    page.goto(shared_service.url + "/history?room=basel+history")
    page.get_by_label("Search what was said").fill("refund num*")
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".found li")).to_have_count(25)
    page.get_by_role("link", name="Older").click()
    expect(page.locator(".found .text").last).to_have_text(re.compile("A refund, number 0"))
    page.get_by_role("link", name="Newest").click()
    expect(page.locator(".found .text").first).to_have_text(re.compile("A refund, number 29"))

    page.get_by_label("Search what was said").fill("nobody said this")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()

    narrow = new_page(width=320, may_fail=True, reduced_motion="reduce")
    for path in ("/history", "/history?q=refund", "/history?q=nobody", '/history?q="open', "/"):
        narrow.goto(shared_service.url + path)
        assert fits(narrow), path
        assert path == "/" or grave(narrow) == [], path
