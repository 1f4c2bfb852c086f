"""The list of calls: calls come and go by themselves."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.call import Call, ServiceProcess
from tests.browser.conftest import NewPage


def test_an_empty_list_offers_the_webhook_address_and_fills_by_itself(
    own_service: ServiceProcess, new_page: NewPage
) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto(own_service.url)
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#toast")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == f"{own_service.url}/twilio/voice"
    call = Call(own_service, room="Harbor Bikes")
    call.join("Maya")
    call.begin()
    row = page.get_by_role("row", name="Harbor Bikes")
    expect(row).to_contain_text("Live")
    expect(row).to_contain_text("Maya")
    expect(row.locator(".running")).to_contain_text("01:0")
    row.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Maya")


def test_the_list_fits_a_telephone(new_page: NewPage, call: Call) -> None:
    call.room = "A very long room name that nobody can read to its end on a small telephone"
    call.join("Maximiliana Oberstleutnant von Habsburg-Lothringen")
    page: Page = new_page(width=320, height=640)
    page.goto(call.service.url)
    expect(page.locator("table")).to_be_visible()
    assert page.evaluate("document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth") == 0
