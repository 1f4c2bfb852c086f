"""A call of many lines: the page begins with the newest, keeps few rows, and fetches older ones when wanted."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.call import Call, ServiceProcess, Speaker
from tests.browser.conftest import NewPage

ROWS = "#rows > li"
UTTERANCES = "**/v1/conferences/*/utterances?*"
LINES = 1_300
# A line in the middle of the view, and where it is.
SCROLL_AND_POINT = """() => {
  const log = document.getElementById("log");
  log.scrollTop = 300;
  const { left, top } = log.getBoundingClientRect();
  const row = document.elementFromPoint(left + 300, top + 200).closest("li");
  return [row.id, row.getBoundingClientRect().top];
}"""


@dataclass
class LongCall:
    """Ben says one thing at the beginning, and two seconds of him are lost; then Maya talks on and on."""

    call: Call
    maya: Speaker
    needle: str


@pytest.fixture(scope="module")
def long_call(shared_service: ServiceProcess) -> LongCall:
    call = Call(shared_service)
    maya, ben = call.join("Maya", "agent"), call.join("Ben", "customer")
    call.begin()
    needle = call.say(ben, "The needle.")
    call.gap(ben, call.now_ms, call.now_ms + 2_000, "stream_reconnected")
    call.say_many(maya, [f"Line {n}." for n in range(LINES)])
    return LongCall(call, maya, needle)


def open_live(page: Page, call: Call, fragment: str = "") -> None:
    page.goto(call.url + fragment)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")


def scroll_to_the_beginning(page: Page) -> None:
    """Scroll up again and again, as a reader does; never are there more than 500 rows."""
    for _ in range(200):
        page.evaluate("document.getElementById('log').scrollTop = 0")
        assert page.locator(ROWS).count() <= 500
        if page.locator(ROWS).first.get_attribute("class") == "row system":
            return
        page.wait_for_timeout(30)
    raise AssertionError("the beginning was never reached")


def test_older_lines_come_on_scrolling_up_while_new_ones_arrive_and_few_rows_stay(
    page: Page, long_call: LongCall
) -> None:
    open_live(page, long_call.call)
    assert page.locator(ROWS).count() == 300
    expect(page.locator("#people .meta").first).to_have_text("agent · 100 %")
    long_call.call.say_many(long_call.maya, [f"Later {n}." for n in range(300)])
    expect(page.get_by_text("Later 299.")).to_be_in_viewport()
    scroll_to_the_beginning(page)
    expect(page.locator("#older")).to_be_hidden()
    kinds = page.locator(ROWS).evaluate_all("rows => rows.slice(0, 6).map(row => row.classList[1])")
    assert kinds == ["system", "system", "system", "utterance", "gap", "utterance"]
    texts = page.locator(f"{ROWS}.utterance .text").all_text_contents()
    assert texts[:3] == ["The needle.", "Line 0.", "Line 1."]
    page.keyboard.press("End")
    expect(page.get_by_text("Later 299.")).to_be_in_viewport()
    assert page.locator(ROWS).count() <= 500


def test_the_line_in_view_stays_where_it_is_when_older_ones_come(page: Page, long_call: LongCall) -> None:
    open_live(page, long_call.call)
    line, at = page.evaluate(SCROLL_AND_POINT)
    expect(page.locator(ROWS)).not_to_have_count(300)
    assert abs(page.locator(f"#{line}").evaluate("row => row.getBoundingClientRect().top") - at) < 1


def test_finding_a_link_and_a_speaker_reach_through_the_whole_call(page: Page, long_call: LongCall) -> None:
    open_live(page, long_call.call, f"#u-{long_call.needle}")
    expect(page.get_by_text("The needle.")).to_be_in_viewport()
    page.goto("about:blank")
    open_live(page, long_call.call)
    page.locator("#find").fill("needle")
    expect(page.locator("#find-count")).to_have_text("1 of 1")
    expect(page.get_by_text("The needle.")).to_be_in_viewport()
    page.reload()
    page.get_by_label("Speaker").select_option("Ben")
    expect(page.locator(ROWS)).to_have_count(2)


def test_older_lines_that_cannot_be_had_are_a_note_with_a_button(new_page: NewPage, long_call: LongCall) -> None:
    page = new_page(may_fail=True)

    def refuse(route: Route) -> None:
        route.fulfill(status=503)

    page.route(UTTERANCES, refuse)
    open_live(page, long_call.call)
    page.evaluate("document.getElementById('log').scrollTop = 0")
    note = page.get_by_text("Older lines could not be loaded.")
    expect(note).to_be_visible()
    page.unroute(UTTERANCES, refuse)
    page.get_by_role("button", name="Try again").click()
    expect(note).to_be_hidden()
    scroll_to_the_beginning(page)
