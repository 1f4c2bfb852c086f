"""Notes on the page of a call: written by keyboard, seen by everybody who reads, never more than text."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from playwright.sync_api import Page, expect

from tests.browser.call import Call, ServiceProcess
from tests.browser.conftest import NewPage
from tests.hostile import XSS

HOSTILE = '<img src=x onerror=alert(1)>"><script>alert(2)</script>'


def write(page: Page, text: str) -> None:
    page.keyboard.press("n")
    expect(page.locator("#note-text")).to_be_focused()
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(page.locator("#note-form")).to_be_hidden()


def notes(page: Page) -> list[str]:
    return page.locator("#rows .note .note-text").all_text_contents()


def test_notes_stand_at_their_moment_for_everybody_and_stay_text(
    new_page: NewPage, shared_service: ServiceProcess, call: Call
) -> None:
    maya, customer = call.join("Maya"), call.join("Customer", "customer")
    call.begin()
    first = call.say(maya, "How can I help?")
    call.say(customer, "I want a refund.")
    call.say_many(maya, [f"Line {n}." for n in range(8)])
    page, other = new_page(), new_page(width=320)
    for each in (page, other):
        each.goto(call.url)
        expect(each.locator("#connection")).to_have_attribute("data-state", "live")
    expect(page.locator("#notes")).to_be_hidden()

    # To the chosen utterance, while the live text goes on.
    page.locator(f"#u-{first} .at").click()
    page.keyboard.press("n")
    expect(page.locator("#note-at")).to_have_text("00:00")
    page.keyboard.type("no letter is a shortcut: jkfy?/")
    call.say(customer, "Still there?")
    expect(page.get_by_text("Still there?")).to_be_visible()
    expect(page.locator("#note-text")).to_have_value("no letter is a shortcut: jkfy?/")
    page.keyboard.press("Enter")
    for each in (page, other):
        expect(each.locator(f"#u-{first} + .note .note-text")).to_have_text("no letter is a shortcut: jkfy?/")
        expect(each.locator(f"#u-{first} + .note bdi")).to_have_text("Ana")
        expect(each.locator("#notes")).to_contain_text("1 note")

    # To this moment; what is typed is text on every page, also in a first paint.
    page.keyboard.press("Escape")
    write(page, HOSTILE)
    expect(other.locator("#notes")).to_contain_text("2 notes")
    assert notes(other)[-1] == HOSTILE
    late = new_page(java_script_enabled=False)
    late.goto(call.url)
    assert notes(late) == ["no letter is a shortcut: jkfy?/", HOSTILE]
    expect(late.locator("#notes")).to_contain_text("2 notes")
    for each in (page, other, late):
        assert each.locator(".note img, .note script").count() == 0
    assert other.evaluate("document.documentElement.scrollWidth <= innerWidth")

    # From one to the next, and round.
    page.locator("#notes").click()
    expect(page.locator("#rows .note").first).to_have_attribute("data-selected", "")
    page.locator("#notes").click()
    expect(page.locator("#rows .note").last).to_have_attribute("data-selected", "")

    # A form that is left keeps its words; letters can be switched off.
    page.keyboard.press("n")
    page.keyboard.type("half")
    page.keyboard.press("Escape")
    expect(page.locator("#note-form")).to_be_hidden()
    page.locator("#letters").evaluate("box => { box.checked = false; }")
    page.locator("#log").focus()
    page.keyboard.press("n")
    expect(page.locator("#note-form")).to_be_hidden()
    page.locator("#add-note").click()
    expect(page.locator("#note-text")).to_have_value("half")

    # When the call is over its stream is, too: the page shows its own note all the same.
    call.end()
    expect(page.locator("#summary")).to_be_visible()
    page.locator("#note-text").fill("afterwards")
    page.keyboard.press("Enter")
    expect(page.locator("#notes")).to_contain_text("3 notes")
    expect(page.locator("#toast")).to_have_text(re.compile("Noted to"))


def test_nothing_that_is_said_noted_or_named_runs_on_any_page(
    new_page: NewPage, shared_service: ServiceProcess, call: Call
) -> None:
    """The pages' own guard fails this test for each dialog, uncaught error and breach of the content policy."""
    call.room = f"room {XSS[7]}"
    speakers = [call.join(payload, "customer") for payload in XSS[:6]]
    call.begin()
    finals = [call.final(speakers[n % 6], f"hostile {payload}") for n, payload in enumerate(XSS)]
    call.tell_all(finals)
    for n, payload in enumerate(XSS):
        call.tell("note.added", note=f"not_{n}", at_ms=n, text=payload, by=payload)
    page = new_page()
    for url in (call.url, call.panel_url):
        page.goto(url)
        expect(page.locator("#connection")).to_have_attribute("data-state", "live")
        call.tell("note.added", note="not_live", at_ms=call.now_ms, text=XSS[0], by=XSS[1])
        expect(page.locator("#rows .note-text").last).to_have_text(XSS[0])
        shown = set(page.locator("#rows .note-text").all_text_contents())
        assert shown == set(XSS) if url == call.url else shown <= set(XSS)  # the panel has the last lines only
        assert harmless(page, "#rows")
    seen: set[str] = set()
    page.goto(f"{shared_service.url}/history?q=hostile")
    while True:
        seen |= set(page.locator(".found .text").all_text_contents())
        assert harmless(page, "main")
        older = page.get_by_role("link", name="Older")
        if not older.count():
            break
        older.click()
    assert seen == {f"hostile {payload}" for payload in XSS}
    for payload in (one for one in XSS if one[0] in "\"'"):
        page.goto(f"{shared_service.url}/history?{urlencode({'room': payload, 'agent': payload})}")
        expect(page.get_by_label("Room")).to_have_value(payload)


def harmless(page: Page, inside: str) -> bool:
    """No element that only a payload would bring is there."""
    elements = "script, img, iframe, object, embed, video, audio, math, marquee, base, meta, style, [onload], [onerror]"
    return page.locator(inside).locator(elements).count() == 0
