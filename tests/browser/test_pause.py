"""A card number is coming: transcription is paused from the page, by keyboard, and everybody who looks sees it."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.call import Call
from tests.browser.conftest import NewPage


def open_live(page: Page, call: Call) -> None:
    page.goto(call.url)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")


def test_pausing_shows_on_the_page_in_the_transcript_and_on_the_wallboard(
    page: Page, call: Call, new_page: NewPage
) -> None:
    maya = call.join("Maya")
    call.begin()
    call.say(maya, "Your card number, please.")
    board = new_page()
    board.goto(call.service.url)
    row = board.locator("#calls tr", has_text=call.room)
    open_live(page, call)
    button, note = page.get_by_role("button", name="Pause transcription"), page.locator("#paused")
    expect(note).to_be_hidden()
    expect(button).to_have_attribute("title", re.compile("The call itself goes on"))
    button.focus()
    page.keyboard.press("Enter")
    expect(note).to_contain_text("nothing they say is written down, stored or shown to anybody")
    expect(page.locator("#coverage")).to_have_text("Transcription paused")
    expect(page.locator("#coverage")).to_have_attribute("data-state", "warn")
    expect(page.locator("#rows .system").last).to_have_text("Transcription paused by Ana")
    expect(row.locator(".pill")).to_have_text("Paused")
    expect(board.locator("#counts")).to_contain_text("1 paused")
    painted = page.locator("#rows").inner_text()
    page.reload()
    assert page.locator("#rows").inner_text() == painted, "the server paints what the script had drawn"
    expect(page.locator("#paused")).to_be_visible()
    resume = page.get_by_role("button", name="Resume transcription")
    resume.focus()
    page.keyboard.press("Space")
    expect(page.locator("#paused")).to_be_hidden()
    expect(page.locator("#rows .system").last).to_have_text("Transcription resumed by Ana")
    expect(page.locator("#coverage")).to_have_text("1 of 1 person being transcribed")
    expect(row.locator(".pill")).to_have_text("Live")
    call.tell("transcript.paused", by="<b>crm</b>", reason="card <i>number</i>", at_ms=600_000)
    expect(page.locator("#rows .system").last).to_have_text("Transcription paused by <b>crm</b>: card <i>number</i>")
    expect(page.locator("#paused")).to_contain_text("by <b>crm</b>: card <i>number</i>.")


def test_a_pause_that_fails_says_that_all_is_still_written_down(new_page: NewPage, call: Call) -> None:
    call.join("Maya")
    call.begin()
    page = new_page(may_fail=True)
    open_live(page, call)
    page.route("**/pause", lambda route: route.fulfill(status=503, json={"detail": "The store does not answer."}))
    page.get_by_role("button", name="Pause transcription").click()
    words = "Not paused, everything is still written down. The store does not answer."
    expect(page.locator("#toast")).to_have_text(words)
    expect(page.locator("#paused")).to_be_hidden()
