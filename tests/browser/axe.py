"""What axe finds serious or worse on a page; it is loaded into a document once."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

GRAVE = {"serious", "critical"}
# Details of what is well are not wanted, nor are style sheets to be fetched again for a rule about turned telephones.
_EVERYTHING: dict[str, Any] = {"resultTypes": ["violations"], "preload": False}
_COLOURS = _EVERYTHING | {"runOnly": ["color-contrast"]}


def grave(page: Page, *, colours_only: bool = False, leaving_out: str = "") -> list[str]:
    """The rules that are broken, each with the first elements that break it.

    ``colours_only``: all that another theme changes. ``leaving_out``: a selector of what is more of the same.
    """
    if page.evaluate("!('axe' in window)"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate(
        "([context, options]) => axe.run(context ?? document, options).then((it) => it.violations)",
        [{"exclude": [[leaving_out]]} if leaving_out else None, _COLOURS if colours_only else _EVERYTHING],
    )
    return [
        f"{one['id']}: {[node['html'][:120] for node in one['nodes'][:5]]}" for one in found if one["impact"] in GRAVE
    ]
