"""The wallboard: calls come and go by themselves, and nothing moves under the reader."""

from __future__ import annotations

import re
from typing import Literal

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.call import Call, ServiceProcess, Speaker
from tests.browser.conftest import NewPage

ROWS = "#calls > tr"
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


class Board:
    """A service of the test's own, with calls that can be named."""

    def __init__(self, service: ServiceProcess) -> None:
        self.service = service

    def call(self, room: str, age_ms: int = 60_000, *, live: bool = True) -> tuple[Call, Speaker]:
        """A call with Maya (agent) in it; the older it is, the higher is its row."""
        call = Call(self.service, room=f"{room}", age_ms=age_ms)
        maya = call.join("Maya")
        if live:
            call.begin()
        call.now_ms = age_ms
        return call, maya


@pytest.fixture
def board(own_service: ServiceProcess) -> Board:
    return Board(own_service)


def opened(new_page: NewPage, board: Board, **options: object) -> Page:
    page = new_page(**options)
    page.goto(board.service.url)
    expect(page.locator("#connection")).to_have_text("Live")
    return page


def row(page: Page, room: str) -> Locator:
    return page.locator(ROWS).filter(has=page.locator(f'[data-slot="room"]:text-is("{room}")'))


def order(page: Page) -> list[str]:
    return page.locator(f'{ROWS} [data-slot="room"]').all_text_contents()


def test_an_empty_board_offers_the_webhook_address_and_fills_by_itself(board: Board, new_page: NewPage) -> None:
    page = opened(new_page, board, permissions=["clipboard-read", "clipboard-write"])
    expect(page.locator("#empty")).to_contain_text("sidecar demo")
    page.get_by_role("button", name="Copy").first.click()
    expect(page.locator("#toast")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == f"{board.service.url}/twilio/voice"
    board.call("Harbor Bikes")
    found = row(page, "Harbor Bikes")
    expect(found).to_contain_text("Live")
    expect(found).to_contain_text("Maya")
    expect(found.locator(".time")).to_contain_text("01:0")
    expect(page.locator("#empty")).to_be_hidden()
    expect(page).to_have_title("(1) Sidecar")
    found.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Maya")


def test_a_row_follows_its_call(board: Board, new_page: NewPage) -> None:
    call, maya = board.call("support", live=False)
    page = opened(new_page, board)
    found = row(page, "support")
    expect(found.locator(".pill")).to_have_text("Waiting")
    tom = call.join("Tom", "customer")
    call.begin()
    expect(found.locator(".pill")).to_have_text("Live")
    call.partial(tom, "I would like", id_="utt_1")
    expect(found.locator(".line[data-partial][data-role=customer] .said")).to_have_text("I would like")
    call.say(tom, "I would like to go.", id="utt_1", lasts_ms=2000)
    expect(found.locator(".line:not([data-partial]) .said")).to_have_text("I would like to go.")
    expect(found.locator(".talk-bar")).to_have_attribute("aria-label", "Maya 0 %, Tom 100 %")
    call.stand(tom, hold=True)
    expect(found.locator(".pill")).to_have_text("On hold")
    expect(page.locator("#counts")).to_have_text("1 on hold")
    expect(found.locator(".who", has_text="Tom").locator("[data-sign=hold]")).to_be_visible()
    call.stand(tom)
    expect(found.locator(".pill")).to_have_text("Live")
    call.tell("fork.interrupted", fork=maya.fork, participant=maya.participant, reason="lost", at_ms=call.now_ms)
    expect(found.locator(".who[data-trouble]")).to_contain_text("Maya")
    call.gap(maya, 61_000, 65_000, "stream_lost")
    expect(found.locator(".gaps")).to_have_text("1 · 4 s")
    before = found.locator(".time").text_content()
    expect(found.locator(".time")).not_to_have_text(before or "")


def test_a_call_with_an_assistant_is_marked_for_as_long_as_it_is_there(board: Board, new_page: NewPage) -> None:
    """By a shape and in words; drawn by the server as by the script, and without trouble for want of a stream."""
    call, _ = board.call("support")
    page = opened(new_page, board)
    mark = row(page, "support").locator(".assistant-mark")
    expect(mark).to_be_hidden()
    helper = call.invite()
    helper.join()
    expect(mark).to_be_visible()
    expect(mark).to_have_text(", with an assistant")
    expect(mark).to_have_attribute("title", "An assistant is on the call")
    expect(row(page, "support").locator(".who[data-trouble]")).to_have_count(0)
    page.reload()
    expect(mark).to_be_visible()
    call.tell("participant.left", participant=helper.participant, reason="removed", at_ms=call.now_ms)
    helper.tell("left", reason="dismissed", by="Maya", at_ms=call.now_ms)
    expect(mark).to_be_hidden()


def test_the_first_paint_and_the_live_row_say_the_same(board: Board, new_page: NewPage) -> None:
    call, maya = board.call("support", age_ms=200_000)
    call.now_ms = 1000
    tom = call.join("Tom", "customer")
    call.say(maya, "Hello, how can I help you today?", lasts_ms=5000)
    call.say(tom, "I would like to move my booking.", lasts_ms=9000, start_ms=4000)
    call.gap(tom, 13_000, 15_500, "stream_lost")
    for n in range(3):
        call.join(f"Guest {n}", "other")
    call.tell("participant.left", participant=maya.participant, reason="hung up", at_ms=16_000)
    call.stand(tom, hold=True, muted=True)
    board.call("alone", age_ms=100_000, live=False)
    still, live = new_page(java_script_enabled=False), opened(new_page, board)
    expect(live.locator(ROWS)).to_have_count(2)
    live.wait_for_timeout(700)
    still.goto(board.service.url)
    expect(still.locator(ROWS)).to_have_count(2)

    def markup(page: Page) -> str:
        html = page.locator("#calls").inner_html()
        html = re.sub(r">[\d:]+</td>|\d+ s</td>|\d+ min[^<]*</td>", "></td>", html)  # what ticks
        return re.sub(r"\s+(?=<)|(?<=>)\s+", "", html)

    assert markup(live).replace(' data-new=""', "") == markup(still)


def test_rows_come_highlighted_at_the_foot_linger_when_ended_and_leave_to_the_list_below(
    board: Board, new_page: NewPage
) -> None:
    board.call("first", age_ms=300_000)
    page = opened(new_page, board)
    expect(page.locator(f"{ROWS}[data-new]")).to_have_count(0)
    second, _ = board.call("second")
    expect(row(page, "second")).to_have_attribute("data-new", "")
    expect(page.locator(f"{ROWS}[data-new]")).to_have_count(0)  # and the highlight goes
    assert order(page) == ["first", "second"]
    second.now_ms = second.age_ms - 26_000  # 26 s ago: it lingers for some seconds more
    second.end()
    expect(row(page, "second")).to_contain_text("Ended")
    expect(row(page, "second").get_by_text("View transcript")).to_be_visible()
    expect(row(page, "second")).to_have_count(0)
    below = page.locator("#ended-calls tr", has_text="second")
    expect(below).to_contain_text("Maya")
    assert order(page) == ["first"]
    below.click()
    expect(page).to_have_url(second.url)


def test_nothing_moves_while_the_pointer_is_over_the_table(board: Board, new_page: NewPage) -> None:
    first, _ = board.call("first", age_ms=300_000)
    board.call("second", age_ms=200_000)
    page = opened(new_page, board)
    row(page, "second").hover()
    at = row(page, "second").bounding_box()
    first.now_ms = first.age_ms - 29_000
    first.end()
    board.call("third")
    expect(row(page, "third")).to_be_visible()  # at the foot there is room for it
    page.wait_for_timeout(2500)
    assert order(page) == ["first", "second", "third"]
    assert row(page, "second").bounding_box() == at
    page.mouse.move(5, 5)
    expect(row(page, "first")).to_have_count(0)
    assert order(page) == ["second", "third"]


def letters(page: Page, on: bool) -> None:
    page.get_by_role("button", name="View").click()
    page.get_by_label("Single-key shortcuts").set_checked(on)
    page.keyboard.press("Escape")
    page.mouse.move(5, 5)  # no row moves under the pointer


def test_keys_choose_and_open_a_call_and_hold_the_rows_while_one_is_chosen(board: Board, new_page: NewPage) -> None:
    first, _ = board.call("first", age_ms=300_000)
    second, _ = board.call("second", age_ms=200_000)
    board.call("third", age_ms=100_000)
    page = opened(new_page, board)
    expect(page.locator(ROWS)).to_have_count(3)
    letters(page, False)
    page.keyboard.press("j")
    expect(page.locator(f"{ROWS} a:focus")).to_have_count(0)
    letters(page, True)
    for key in ("j", "ArrowDown", "j", "ArrowDown", "k"):
        page.keyboard.press(key)
    expect(row(page, "second").locator("a")).to_be_focused()
    first.now_ms = first.age_ms - 29_000
    first.end()
    page.wait_for_timeout(2500)
    assert order(page) == ["first", "second", "third"]
    page.keyboard.press("Escape")
    expect(row(page, "first")).to_have_count(0)
    page.keyboard.press("ArrowUp")
    expect(row(page, "third").locator("a")).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page).to_have_url(second.url)


def test_the_filter_shows_one_state_and_says_when_nobody_is_in_it(board: Board, new_page: NewPage) -> None:
    board.call("busy")
    quiet, _ = board.call("quiet", live=False)
    page = opened(new_page, board)
    expect(page.locator("#counts")).to_have_text("1 live · 1 waiting")
    page.get_by_label("Show").select_option("Waiting")
    expect(page.locator(ROWS)).to_have_count(1)
    assert order(page) == ["quiet"]
    page.mouse.move(5, 5)
    quiet.begin()
    expect(page.locator(ROWS)).to_have_count(0)
    expect(page.get_by_text("No call is in this state just now.")).to_be_visible()
    page.get_by_label("Show").select_option("All calls")
    expect(page.locator(ROWS)).to_have_count(2)


def test_a_board_whose_service_is_killed_goes_on_when_it_is_back(board: Board, new_page: NewPage) -> None:
    call, maya = board.call("support")
    page = new_page(may_fail=True)
    page.goto(board.service.url)
    expect(page.locator("#connection")).to_have_text("Live")
    expect(row(page, "support")).to_be_visible()
    board.service.kill()
    expect(page.locator("#connection")).to_contain_text("Reconnecting")
    expect(row(page, "support")).to_be_visible()
    board.service.start()
    call.say(maya, "Said while the page was away.")
    expect(page.locator("#connection")).to_have_text("Live", timeout=30_000)
    expect(row(page, "support")).to_contain_text("Said while the page was away.")


def test_what_is_said_and_named_on_a_call_is_shown_as_text(board: Board, new_page: NewPage) -> None:
    hostile = '<img src=x onerror="alert(1)">'
    page = opened(new_page, board)
    call = Call(board.service, room=hostile)
    who = call.join(hostile)
    call.begin()
    call.say(who, hostile)
    expect(page.locator(f"{ROWS} .said")).to_have_text(hostile)
    assert page.locator("#calls img").count() == 0


def test_long_names_fit_every_width_in_both_themes(board: Board, new_page: NewPage) -> None:
    call = Call(board.service, room="A very long room name that nobody can read to its end on a small telephone")
    who = call.join("Maximiliana Oberstleutnant von Habsburg-Lothringen")
    call.join("Bartholomäus Freiherr von und zu Unteroberndorf", "customer")
    call.begin()
    call.say(who, "And a line that is as long as lines are when somebody has a lot to say. " * 3)
    page = opened(new_page, board, height=640)
    expect(page.locator(f"{ROWS} .said")).to_be_visible()
    for width in (1280, 360, 320):
        page.set_viewport_size({"width": width, "height": 640})
        assert page.evaluate("document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth") == 0
        box = page.locator(ROWS).bounding_box()
        assert box
        assert box["height"] == 40 if width > 719 else 56 <= box["height"] <= 72
    lightness = []
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        lightness.append(float(re.findall(r"[\d.]+", ground)[0]))
    assert lightness[0] > 0.5 > lightness[1]


def test_many_live_rows_take_changes_in_place(board: Board, new_page: NewPage) -> None:
    """Each change reaches its own row, wherever that is, and no row comes, goes or changes its place."""
    calls = [board.call(f"room {n:03}", age_ms=600_000 - n * 1000) for n in range(30)]
    page = opened(new_page, board)
    expect(page.locator(ROWS)).to_have_count(30)
    before = page.locator(ROWS).evaluate_all("rows => rows.map((row) => row.id)")
    for n in range(30):
        call, maya = calls[(n * 7) % 30]
        call.partial(maya, f"This is change number {n} of the test", id_=f"utt_smooth_{n}")
    for n in (0, 15, 29):
        row = page.locator(ROWS).nth((n * 7) % 30)
        expect(row).to_contain_text(f"This is change number {n} of the test")
    assert page.locator(ROWS).evaluate_all("rows => rows.map((row) => row.id)") == before
