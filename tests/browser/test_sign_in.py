"""Signing in by the button of a link and out by the menu, as somebody does who never saw the service before."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.axe import grave
from tests.browser.call import Call
from tests.browser.conftest import NewPage


@pytest.fixture
def call(call: Call) -> Call:
    """A call that goes on."""
    call.join("Maya")
    call.begin()
    return call


def link(call: Call, name: str, then: str = "/") -> str:
    """A fresh link for a new user."""
    token = call.service.post("/test/links", {"name": name})["token"]
    return f"{call.service.url}/login?token={token}&next={then}"


def test_from_a_link_to_the_call_and_out_again(new_page: NewPage, call: Call) -> None:
    page = new_page(signed_in=False, may_fail=True)
    page.goto(call.url)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert grave(page) == []
    page.goto(link(call, "Nora Quill", f"/conferences/{call.id}"))
    expect(page.get_by_role("heading", name="Sign in as Nora Quill")).to_be_visible()
    assert grave(page) == []
    page.keyboard.press("Tab")
    while not page.get_by_role("button", name="Sign in").evaluate("button => button === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    assert page.url == call.url

    board = page.context.new_page()
    board.goto(call.service.url)
    expect(board.locator("#connection")).to_have_attribute("data-state", "live")
    board.get_by_role("button", name="Nora Quill").click()
    expect(board.get_by_text("Signed in as Nora Quill")).to_be_visible()
    board.get_by_role("button", name="Sign out").click()
    expect(board.get_by_role("heading", name="You are signed out")).to_be_visible()
    # The other tab was told by the service, and keeps what it has.
    expect(page.locator("#connection")).to_have_text("Signed out", timeout=30_000)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.url.endswith(f"/login?next=%2Fconferences%2F{call.id}")


@pytest.mark.parametrize("width", [1280, 320])
def test_the_way_in_and_out_fits_without_a_script(new_page: NewPage, call: Call, width: int) -> None:
    name = f"Somebody With A Remarkably Long Name {width}"
    page = new_page(width=width, signed_in=False, java_script_enabled=False)
    page.goto(link(call, name))
    page.get_by_role("button", name="Sign in").click()
    page.goto(call.url)
    page.get_by_role("button", name=name).click()
    out = page.get_by_role("button", name="Sign out")
    expect(out).to_be_in_viewport(ratio=1)
    bar = page.locator(".top-bar").evaluate("bar => bar.scrollWidth - bar.clientWidth")
    assert bar == 0
    out.click()
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
