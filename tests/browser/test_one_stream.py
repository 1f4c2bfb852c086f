"""One event stream for all tabs of a browser, counted where it arrives; and what becomes of it when things change."""

from __future__ import annotations

import threading

import pytest
from playwright.sync_api import Page, expect

from tests.browser.call import Call, ServiceProcess
from tests.browser.conftest import NewPage

TEXTS = "#rows > .utterance .text"
NO_WORKER = "delete window.SharedWorker"
VANISH = """(persisted) => dispatchEvent(new PageTransitionEvent("pagehide", { persisted }))"""
RETURN = """() => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }))"""
HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture
def board(own_service: ServiceProcess) -> str:
    """The wallboard's address."""
    return own_service.url + "/"


@pytest.fixture
def call(own_service: ServiceProcess) -> Call:
    return Call(own_service)


def open_streams(service: ServiceProcess, wanted: int) -> None:
    """Wait until the service has so many event streams."""
    service.waits_until("/test/streams", lambda answer: answer["open"] == wanted)


def tab(first: Page, url: str) -> Page:
    """One more tab of the same browser, live."""
    page = first.context.new_page()
    page.goto(url)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    return page


def test_nine_tabs_have_one_stream_and_each_gets_its_own_call(
    new_page: NewPage, own_service: ServiceProcess, board: str
) -> None:
    calls = [Call(own_service, room=f"Room {name}") for name in "ABC"]
    mayas = [call.join("Maya") for call in calls]
    for call in calls:
        call.begin()
    first = new_page()
    boards = [tab(first, board) for _ in range(3)]
    tabs = [(call, tab(first, call.url)) for call in calls for _ in range(2)]
    open_streams(own_service, 1)
    for call, maya in zip(calls, mayas, strict=True):
        call.say(maya, f"Said in {call.room}.")
        call.partial(maya, f"And more in {call.room}", id_=f"utt_{call.id}")
        # What waits for the store in one call is no other call's business.
        call.tell("ping", time="2026-03-01T12:00:00Z", unsaved=0 if call is calls[0] else 7)
    for call, page in tabs:
        expect(page.locator(TEXTS)).to_have_text([f"Said in {call.room}.", f"And more in {call.room}"])
        expect(page.locator("#connection")).to_contain_text("Live" if call is calls[0] else "7 lines waiting")
    for page in boards:
        for call in calls:
            expect(page.locator("#calls")).to_contain_text(f"And more in {call.room}")
    assert own_service.get("/test/streams")["open"] == 1

    # Kept in memory and brought back, as the Back button does: what was said meanwhile is there.
    call, page = tabs[0]
    page.evaluate(VANISH, True)
    call.say_many(mayas[0], ["While it was away.", "Twice."])
    expect(tabs[1][1].locator(TEXTS)).to_have_count(4)
    expect(page.locator(TEXTS)).to_have_count(2)
    page.evaluate(RETURN)
    expect(page.locator(TEXTS)).to_have_text([f"Said in {call.room}.", "While it was away.", "Twice."])
    for _, page in tabs:
        page.close()
    open_streams(own_service, 1)
    for page in boards:
        page.close()
    open_streams(own_service, 0)


def test_tabs_that_join_while_people_speak_have_neither_hole_nor_double(new_page: NewPage, call: Call) -> None:
    maya = call.join("Maya")
    call.begin()
    first = new_page()
    lines = [f"Line {n}." for n in range(120)]

    def speak() -> None:
        for line in lines:
            call.say(maya, line, lasts_ms=100)

    pages = [tab(first, call.url)]
    speaking = threading.Thread(target=speak)
    speaking.start()
    pages += [tab(first, call.url) for _ in range(4)]
    speaking.join()
    for page in pages:
        expect(page.locator(TEXTS)).to_have_text(lines)
    open_streams(call.service, 1)


def test_signed_out_is_said_in_every_tab_and_signing_in_again_in_one_brings_all_back(
    new_page: NewPage, call: Call, board: str
) -> None:
    maya = call.join("Maya")
    call.begin()
    call.say(maya, "One.")
    page = new_page(may_fail=True)
    boards = tab(page, board)
    page.goto(call.url)
    expect(page.locator(TEXTS)).to_have_count(1)
    call.service.kill()
    call.service.start(away_with=401)
    for each in (page, boards):
        expect(each.locator("#connection")).to_have_text("Signed out", timeout=30_000)
        expect(each.locator("#banner")).to_contain_text("You are signed out.")
        expect(each.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.locator(TEXTS).all_text_contents() == ["One."]
    call.service.kill()
    call.service.start()
    call.say(maya, "Two.")
    boards.get_by_role("button", name="Sign in").click()
    expect(boards.locator("#connection")).to_have_text("Live")
    expect(page.locator(TEXTS)).to_have_text(["One.", "Two."])
    expect(page.locator("#banner")).to_be_hidden()


def test_a_call_that_is_gone_does_not_keep_the_other_tabs_from_being_live(
    new_page: NewPage, call: Call, board: str, own_service: ServiceProcess
) -> None:
    call.join("Maya")
    call.begin()
    page = new_page(may_fail=True)
    boards = tab(page, board)
    page.goto(call.url)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    own_service.kill()
    own_service.database_url += ".anew"
    own_service.start()
    expect(page.get_by_role("heading", name="This is not here")).to_be_visible(timeout=30_000)
    expect(boards.locator("#connection")).to_have_text("Live", timeout=30_000)


@pytest.mark.parametrize(
    "hindrance",
    [NO_WORKER, "window.SharedWorker = class { constructor() { throw new Error('not here') } }"],
    ids=["absent", "refused"],
)
def test_without_a_shared_worker_each_tab_has_a_stream_that_rests_while_the_tab_is_hidden(
    call: Call, new_page: NewPage, hindrance: str
) -> None:
    maya = call.join("Maya")
    call.begin()
    page = new_page()
    page.context.add_init_script(hindrance)
    page.clock.install()
    page.goto(call.url)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    open_streams(call.service, 1)
    page.evaluate(HIDE, True)
    page.clock.run_for(61_000)
    open_streams(call.service, 0)
    call.say(maya, "Nobody looked.")
    page.evaluate(HIDE, False)
    page.clock.run_for(1_000)
    expect(page.locator(TEXTS)).to_have_text(["Nobody looked."])
    open_streams(call.service, 1)
