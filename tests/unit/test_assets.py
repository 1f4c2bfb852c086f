"""Where the files lie that are not code."""

from __future__ import annotations

from sidecar.assets import assets_root


def test_in_a_checkout_the_root_holds_pages_and_twiml() -> None:
    assert (assets_root() / "web" / "templates" / "base.html").is_file()
    assert (assets_root() / "web" / "static" / "js" / "conference.js").is_file()
    assert (assets_root() / "twiml").is_dir()
