"""/docs in a browser: to be read at any width and in both themes, without being signed in."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.axe import grave
from tests.browser.call import ServiceProcess
from tests.browser.conftest import NewPage

# The page is long, axe slow, and a group of routes made like every other one.
MORE_OF_THE_SAME = "#conferences ~ section:not(#webhook-messages)"


def test_the_reference_is_readable_and_accessible(shared_service: ServiceProcess, new_page: NewPage) -> None:
    page = new_page(width=320, bypass_csp=True, reduced_motion="reduce", signed_in=False)
    page.goto(f"{shared_service.url}/docs#problem-not_found")
    expect(page.locator("#problem-not_found")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert grave(page, leaving_out=MORE_OF_THE_SAME) == []
    page.emulate_media(color_scheme="dark")
    assert grave(page, leaving_out=MORE_OF_THE_SAME, colours_only=True) == []


def test_a_line_is_copied_with_this_origin_and_the_policy_holds(
    shared_service: ServiceProcess, new_page: NewPage
) -> None:
    page = new_page(signed_in=False, permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{shared_service.url}/docs")
    page.get_by_role("button", name="Copy: Pause transcription").click()
    expect(page.locator("#toast")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert f"{shared_service.url}/v1/conferences/CF00000000000000000000000000000001/pause" in copied
