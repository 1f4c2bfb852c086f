"""The settings' pages about who may come in, as an admin uses them: by keyboard, on a narrow screen."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.axe import grave
from tests.browser.call import ServiceProcess
from tests.browser.conftest import NewPage

PAGES = ("account", "keys", "users")


def press(page: Page, target: Locator) -> None:
    """By keyboard alone: Tab to it, then Enter."""
    for _ in range(80):
        if target.evaluate("target => target === document.activeElement"):
            page.keyboard.press("Enter")
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{target} is not reached by Tab")


def link_for(service: ServiceProcess, name: str) -> str:
    """A fresh link for a new admin."""
    return f"{service.url}/login?token={service.post('/test/links', {'name': name, 'role': 'admin'})['token']}"


def test_an_admin_makes_a_key_adds_a_user_and_sets_a_password(new_page: NewPage, own_service: ServiceProcess) -> None:
    page = new_page(signed_in=False, width=320, java_script_enabled=True, may_fail=True)
    page.goto(link_for(own_service, "Nora"))
    page.get_by_role("button", name="Sign in").click()
    page.goto(f"{own_service.url}/settings/keys")
    page.get_by_label("Name").fill("<b>crm</b>")
    press(page, page.get_by_role("button", name="Make key"))
    expect(page.locator(".copy-line code")).to_have_text(re.compile(r"^sck_[0-9a-f]{48}$"))
    expect(page.get_by_role("status").first).to_contain_text("<b>crm</b> can get in")
    assert grave(page) == []
    page.goto(f"{own_service.url}/settings/keys")
    expect(page.locator(".copy-line")).to_have_count(0)
    press(page, page.get_by_role("button", name="Revoke <b>crm</b>"))
    expect(page.get_by_role("row", name=re.compile("crm.*Revoked"))).to_be_visible()

    page.goto(f"{own_service.url}/settings/users")
    page.get_by_label("Name").fill("Ben")
    page.get_by_label("Role", exact=True).select_option("viewer")
    press(page, page.get_by_role("button", name="Add and make a link"))
    expect(page.locator(".copy-line code")).to_have_text(re.compile(r"/login\?token="))
    assert grave(page) == []
    page.get_by_label("Name").fill("Ben")
    press(page, page.get_by_role("button", name="Add and make a link"))
    expect(page.get_by_role("alert")).to_contain_text("There is a user Ben already")

    page.goto(f"{own_service.url}/settings/account")
    page.get_by_label("New password").fill("correct horse battery")
    page.get_by_label("Again").fill("correct horse battery")
    press(page, page.get_by_role("button", name="Set password"))
    expect(page.get_by_role("status").first).to_contain_text("The password is set")
    assert grave(page) == []
    page.context.clear_cookies()
    page.goto(f"{own_service.url}/settings/users")
    page.get_by_label("Name").fill("Nora")
    page.get_by_label("Password").fill("correct horse battery")
    assert grave(page) == []
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Users", level=1)).to_be_visible()

    for name in PAGES:
        page.goto(f"{own_service.url}/settings/{name}")
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(overflow) <= 0, name
        expect(page.locator("[aria-current=page]")).to_have_count(1)
