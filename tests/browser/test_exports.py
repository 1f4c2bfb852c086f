"""Export on the conference page: what is downloaded, by mouse, by keyboard and without a script."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from playwright.sync_api import Page, expect

from sidecar.domain.exports import FORMATS
from tests.browser.call import Call
from tests.browser.conftest import NewPage

NAMES = [name.upper() for name in FORMATS]
WIDTHS = (1280, 360, 320)
# What is wider than its place. Inline elements have no width of their own (0).
CUT_OFF = """menu => [...menu.querySelectorAll("*")]
  .filter(e => e.clientWidth && e.scrollWidth > e.clientWidth).map(e => e.textContent)"""


def a_call(call: Call) -> None:
    """Two people, two lines; it goes on."""
    maya = call.join("Maya", "agent")
    call.begin()
    customer = call.join("Customer", "customer")
    call.say(maya, "Good morning.")
    call.say(customer, "=1+1 <b>bold</b>")


def download(page: Page, link: str, *, within: str = "#export") -> tuple[str, str]:
    """Choose a format; the file's name and text."""
    with page.expect_download() as waiting:
        page.locator(within).get_by_role("link", name=link).click()
    name = waiting.value.suggested_filename
    return name, Path(waiting.value.path()).read_bytes().decode()


def test_a_live_call_is_downloaded_in_every_format_and_marked_as_partial(page: Page, call: Call) -> None:
    a_call(call)
    page.goto(call.url)
    menu, button = page.locator("#export .menu"), page.locator("#export summary")
    files = {}
    for name in NAMES:
        button.click()
        expect(menu).to_be_visible()
        expect(page.locator("#export-note")).to_contain_text("marked as partial")
        files[name] = download(page, name)
        expect(menu).to_be_hidden()
    assert all(file.endswith(f"-partial.{name.lower()}") for name, (file, _) in files.items())
    texts = {name: text for name, (_, text) in files.items()}
    assert texts["TXT"].startswith("Partial transcript")
    assert "<v Customer>=1+1 &lt;b&gt;bold&lt;/b&gt;" in texts["VTT"]
    assert "Customer: =1+1 <b>bold</b>" in texts["SRT"]
    assert json.loads(texts["JSON"])["partial"] is True
    assert [row["text"] for row in csv.DictReader(io.StringIO(texts["CSV"], newline=""))] == [
        "Good morning.", "'=1+1 <b>bold</b>",
    ]  # fmt: skip


def test_an_ended_call_offers_the_files_in_its_summary_and_marks_nothing(page: Page, call: Call) -> None:
    a_call(call)
    page.goto(call.url)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    expect(page.locator("#summary")).to_be_hidden()
    call.end()
    links = page.locator("#summary").get_by_role("link")
    expect(links).to_have_text(NAMES)
    expect(page.locator("#summary")).to_contain_text("Duration3 s")
    name, text = download(page, "TXT", within="#summary")
    assert "partial" not in name
    assert text.splitlines() == ["00:00:00  Maya      Good morning.", "00:00:01  Customer  =1+1 <b>bold</b>"]
    page.locator("#export summary").click()
    expect(page.locator("#export .menu")).to_be_visible()
    expect(page.locator("#export-note")).to_be_hidden()


def test_the_menu_works_by_keyboard_and_esc_gives_the_focus_back(page: Page, call: Call) -> None:
    a_call(call)
    page.goto(call.url)
    page.locator("#copy-link").focus()
    page.keyboard.press("Tab")
    button, menu = page.locator("#export summary"), page.locator("#export .menu")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(menu).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(menu.get_by_role("link", name="VTT")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(button).to_be_focused()
    button.press("Enter")
    page.keyboard.press("Tab")
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    assert waiting.value.suggested_filename.endswith(".txt")


def test_without_a_script_the_links_are_there_all_the_same(new_page: NewPage, call: Call) -> None:
    a_call(call)
    page = new_page(java_script_enabled=False)
    page.goto(call.url)
    page.locator("#export summary").click()
    assert download(page, "VTT")[1].startswith("WEBVTT Partial transcript")


def test_the_menu_is_a_named_list_of_links_that_a_click_elsewhere_closes(page: Page, call: Call) -> None:
    a_call(call)
    page.goto(call.url)
    page.locator("#export summary").click()
    items = page.get_by_role("list", name="Export as").get_by_role("listitem")
    expect(items).to_have_count(len(NAMES))
    assert [text.split()[0] for text in items.all_inner_texts()] == NAMES
    assert page.locator("#export summary").aria_snapshot().strip().endswith("Export")
    page.locator("#heading").click()
    expect(page.locator("#export .menu")).to_be_hidden()


def test_it_fits_every_width_and_a_finger(new_page: NewPage, call: Call) -> None:
    """Its colours are axe's business (test_accessibility)."""
    a_call(call)
    page = new_page(height=740)
    page.goto(call.url)
    page.locator("#export summary").click()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 740})
        assert page.locator("#export .menu").evaluate(CUT_OFF) == [], width
    call.end()
    expect(page.locator("#summary")).to_be_visible()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 740})
        box = page.locator("#export .menu").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert page.evaluate("document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth") == 0
        for link in page.locator("#export a, #summary a").all():
            target = link.bounding_box()
            assert target is not None
            assert min(target["width"], target["height"]) >= 24, width
