"""The conference page when its service goes away: it comes back by itself, without hole or double."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.call import Call, ServiceProcess, Speaker
from tests.browser.conftest import NewPage

ROW = "#rows > .utterance"


def turn_the_clock(page: Page) -> None:
    """The stream's code runs in the page, where a test can turn the clock, and not in the worker."""
    page.add_init_script("delete window.SharedWorker")
    page.clock.install()


@pytest.fixture
def call(own_service: ServiceProcess) -> Call:
    """A call on a service that may be killed."""
    return Call(own_service)


def open_with_history(new_page: NewPage, call: Call, *, turned_clock: bool = False) -> tuple[Page, Speaker]:
    """A live page with three lines; its clock may be one that the test turns."""
    maya = call.join("Maya")
    call.begin()
    call.say_many(maya, ["One.", "Two."])
    page = new_page(may_fail=True)
    if turned_clock:
        turn_the_clock(page)
    page.goto(call.url)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    call.say(maya, "Three.")
    expect(page.locator(ROW)).to_have_count(3)
    return page, maya


def test_killed_and_started_again_it_goes_on_without_hole_or_double(new_page: NewPage, call: Call) -> None:
    page, maya = open_with_history(new_page, call)
    call.partial(maya, "I was just about to", id_="utt_lost")
    expect(page.locator("#u-utt_lost")).to_be_visible()
    for n in range(2):
        call.service.kill()
        expect(page.locator("#connection")).to_contain_text("Reconnecting")
        # What was said stays readable.
        expect(page.locator(f"{ROW} .text").first).to_have_text("One.")
        call.service.start()
        call.say_many(maya, [f"After {n}.{m}." for m in range(5)])
        expect(page.locator("#connection")).to_have_attribute("data-state", "live", timeout=30_000)
        call.say(maya, f"Live again {n}.")
        expect(page.get_by_text(f"Live again {n}.")).to_be_visible()
    wanted = ["One.", "Two.", "Three."]
    for n in range(2):
        wanted += [*(f"After {n}.{m}." for m in range(5)), f"Live again {n}."]
    assert page.locator(f"{ROW} .text").all_text_contents() == wanted


def test_it_recovers_from_an_answer_for_which_browsers_give_up(new_page: NewPage, call: Call) -> None:
    page, maya = open_with_history(new_page, call)
    call.service.kill()
    call.service.start(away_with=502)
    call.service.waits_until("/test/refused", lambda answer: answer["refused"] > 0)
    expect(page.locator("#connection")).to_contain_text("Reconnecting in")
    call.service.kill()
    call.service.start()
    call.say(maya, "Four.")
    expect(page.get_by_text("Four.")).to_be_visible(timeout=30_000)
    assert page.locator(f"{ROW} .text").all_text_contents() == ["One.", "Two.", "Three.", "Four."]


def test_a_long_absence_is_told_in_a_banner_and_trying_now_ends_it(new_page: NewPage, call: Call) -> None:
    page, maya = open_with_history(new_page, call, turned_clock=True)
    # From here on no countdown ends by itself.
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 1)
    call.service.kill()
    expect(page.locator("#connection")).to_contain_text("Reconnecting")
    page.clock.run_for(10_000)
    banner = page.locator("#banner")
    expect(banner).to_contain_text("The service does not answer. The text stays here")
    expect(banner).to_contain_text("next try in")
    call.service.start()
    call.say(maya, "Four.")
    banner.get_by_role("button", name="Try now").click()
    page.clock.resume()
    expect(page.get_by_text("Four.")).to_be_visible()
    expect(banner).to_be_hidden()


def test_a_device_without_network_says_so_and_recovers(new_page: NewPage, call: Call) -> None:
    page, maya = open_with_history(new_page, call)
    page.context.set_offline(True)
    expect(page.locator("#connection")).to_have_text("Offline")
    expect(page.locator("#banner")).to_contain_text("This device is offline")
    call.say(maya, "Four.")
    page.context.set_offline(False)
    expect(page.get_by_text("Four.")).to_be_visible(timeout=30_000)
    expect(page.locator("#banner")).to_be_hidden()


def test_a_stream_that_says_nothing_for_40_seconds_is_opened_anew(new_page: NewPage, call: Call) -> None:
    maya = call.join("Maya")
    call.begin()
    page = new_page(may_fail=True)
    turn_the_clock(page)
    # A half-open socket: the browser waits for bytes that never come.
    page.route("**/v1/stream?**", lambda _route: None, times=1)
    page.goto(call.url)
    expect(page.locator("#connection")).to_have_text("Connecting")
    page.clock.run_for(50_000)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    call.say(maya, "One.")
    page.clock.run_for(1_000)
    expect(page.get_by_text("One.")).to_be_visible()


def test_a_store_that_was_lost_is_loaded_anew(new_page: NewPage, call: Call, own_service: ServiceProcess) -> None:
    page, maya = open_with_history(new_page, call)
    with page.expect_event("load", timeout=30_000):
        own_service.kill()
        own_service.start()
        # Another life of the store: the epoch in the page's position is void.
        own_service.post("/test/epoch", {})
        call.say(maya, "Four.")
    expect(page.locator(ROW)).to_have_count(4)
