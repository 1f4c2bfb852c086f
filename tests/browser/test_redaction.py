"""Redaction by hand on the page of a call: words or a whole utterance, by keyboard and by mouse, seen by everybody."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.axe import grave
from tests.browser.call import Call
from tests.browser.conftest import NewPage
from tests.browser.service import ADMIN

SELECT_WORDS = """([id, from, to]) => {
  const text = document.querySelector(`#u-${id} [data-slot=text]`).lastChild;
  getSelection().setBaseAndExtent(text, text.data.indexOf(from), text, text.data.indexOf(to) + to.length);
}"""


def line(page: Page, utterance: str) -> str:
    return page.locator(f"#u-{utterance} [data-slot=text]").text_content() or ""


def live(page: Page, call: Call) -> Page:
    page.goto(call.url)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    return page


def test_a_supervisor_takes_words_out_and_everybody_sees_what_is_left(new_page: NewPage, call: Call) -> None:
    maya, customer = call.join("Maya"), call.join("Customer", "customer")
    call.begin()
    said = call.say(customer, "My name 😀 is Rosebud, and my door code is green elephant.")
    other = call.say(maya, "Thank you.")
    page, reader = live(new_page(), call), live(new_page(width=320), call)
    dialog, goes = page.locator("#redact-dialog"), page.locator("#redact-goes")

    # Nothing is chosen: the page says what to do, and nothing happens.
    page.keyboard.press("x")
    expect(page.locator("#toast")).to_contain_text("Choose an utterance first")
    expect(dialog).to_be_hidden()

    # By keyboard alone: choose, select in the field, confirm.
    page.keyboard.press("k")
    page.keyboard.press("k")
    page.keyboard.press("x")
    expect(dialog).to_be_visible()
    expect(page.locator("#redact-line")).to_contain_text("Customer, 00:00")
    expect(goes).to_have_text("the whole utterance")
    assert grave(page) == []
    page.keyboard.press("Control+End")
    page.keyboard.type("no letter gets in")
    for _ in "green elephant.":
        page.keyboard.press("Shift+ArrowLeft")
    expect(goes).to_have_text("“green elephant.”")
    page.keyboard.press("Escape")
    assert "elephant" in line(page, said), "Esc redacts nothing"
    page.keyboard.press("x")
    page.keyboard.press("Control+Home")
    for _ in range(len("My name X is ")):
        page.keyboard.press("ArrowRight")
    for _ in "Rosebud":
        page.keyboard.press("Shift+ArrowRight")
    expect(goes).to_have_text("“Rosebud”")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    for each in (page, reader):
        expect(each.locator(f"#u-{said} .chip")).to_have_text("[redacted]")
        assert line(each, said) == "My name 😀 is [redacted], and my door code is green elephant."

    # By mouse: what is selected on the page is selected in the field.
    page.evaluate(SELECT_WORDS, [said, "green", "elephant"])
    page.get_by_role("button", name="Redact", exact=True).click()
    expect(goes).to_have_text("“green elephant”")
    dialog.get_by_role("button", name="Redact", exact=True).click()
    expect(reader.locator(f"#u-{said} .chip")).to_have_count(2)
    assert line(page, said) == "My name 😀 is [redacted], and my door code is [redacted]."
    expect(dialog).to_be_hidden()  # the event may be here before the answer is
    page.locator("#find").fill("redacted], and")
    expect(page.locator("#find-count")).to_have_text("1 of 1")
    assert page.evaluate("[...CSS.highlights.get('find-current')].map(String)") == ["redacted], and"]
    page.keyboard.press("Escape")

    # Somebody else was faster: what is shown is what is there now, and nothing else goes.
    page.locator(f"#u-{other} .at").click()
    page.keyboard.press("x")
    call.service.post(f"/v1/conferences/{call.id}/utterances/{other}/redact", {"start": 0, "end": 5})
    expect(page.locator("#redact-text")).to_have_value("[redacted] you.")
    page.keyboard.press("Escape")

    # Afterwards there is no stream any more, and the page shows it all the same.
    call.end()
    expect(page.locator("#summary")).to_be_visible()
    page.keyboard.press("x")
    dialog.get_by_role("button", name="Redact", exact=True).click()
    expect(page.locator(f"#u-{other} .text")).to_have_text("[redacted]")
    late = new_page(java_script_enabled=False)
    late.goto(call.url)
    assert line(late, other) == "[redacted]"
    expect(late.locator(f"#u-{said} .chip")).to_have_count(2)

    # An administrator reads who did it; who may not do it has no button.
    admin = new_page(session=ADMIN)
    admin.goto(f"{call.service.url}/settings/audit")
    expect(
        admin.get_by_role("row").filter(has_text=f"redacted an utterance {said}").filter(has_text="Ana")
    ).to_have_count(2)
    viewer = new_page(signed_in=False, may_fail=True)
    token = call.service.post("/test/links", {"name": f"Vera {call.id}", "role": "viewer"})["token"]
    viewer.goto(f"{call.service.url}/login?token={token}&next=/conferences/{call.id}")
    viewer.get_by_role("button", name="Sign in").click()
    expect(viewer.locator(f"#u-{said}")).to_be_visible()
    expect(viewer.locator("#redact")).to_be_hidden()
    viewer.locator(f"#u-{said} .at").click()
    viewer.keyboard.press("x")
    expect(viewer.locator("#redact-dialog")).to_be_hidden()
