"""/docs in a browser: to be read at any width and in both themes, without being signed in."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.call import ServiceProcess
from tests.browser.conftest import NewPage

GRAVE = {"serious", "critical"}


@pytest.mark.timeout(240)
def test_the_reference_is_readable_and_accessible(shared_service: ServiceProcess, new_page: NewPage) -> None:
    """The page is long and axe slow: all rules on all of it once; the other theme's colours on a group of it."""
    page = new_page(width=320, bypass_csp=True, reduced_motion="reduce", signed_in=False)
    page.goto(f"{shared_service.url}/docs#problem-not_found")
    expect(page.locator("#problem-not_found")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    axe, found = Axe(), []
    page.emulate_media(color_scheme="light")
    answers = [axe.run(page)]
    page.emulate_media(color_scheme="dark")
    answers.append(axe.run(page, context="#conferences", options={"runOnly": ["color-contrast"]}))
    for answer in answers:
        found += [
            (one["id"], one["nodes"][0]["html"]) for one in answer.response["violations"] if one["impact"] in GRAVE
        ]
    assert found == []


def test_a_line_is_copied_with_this_origin_and_the_policy_holds(
    shared_service: ServiceProcess, new_page: NewPage
) -> None:
    page = new_page(signed_in=False, permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{shared_service.url}/docs")
    page.get_by_role("button", name="Copy: Pause transcription").click()
    expect(page.locator("#toast")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert f"{shared_service.url}/v1/conferences/CF00000000000000000000000000000001/pause" in copied
