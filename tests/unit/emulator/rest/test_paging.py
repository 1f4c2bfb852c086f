"""Lists in pages."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from sidecar.emulator.rest.paging import paged

PATH = "/2010-04-01/Accounts/AC1/Conferences.json"
FOUND: list[dict[str, Any]] = [{"sid": f"CF{n}"} for n in range(5)]


def page(query: str) -> dict[str, Any]:
    return paged(make_mocked_request("GET", f"{PATH}?{query}"), "conferences", FOUND)


def test_the_middle_page_links_to_both_sides_and_keeps_the_filter() -> None:
    """As Twilio's clients follow it."""
    shown = page("FriendlyName=a+b&PageSize=2&Page=1")
    assert [one["sid"] for one in shown["conferences"]] == ["CF2", "CF3"]
    assert (shown["page"], shown["page_size"], shown["start"], shown["end"]) == (1, 2, 2, 3)
    assert shown["next_page_uri"] == f"{PATH}?FriendlyName=a+b&PageSize=2&Page=2"
    assert shown["previous_page_uri"] == f"{PATH}?FriendlyName=a+b&PageSize=2&Page=0"


def test_the_last_page_has_no_next() -> None:
    """A client stops there."""
    shown = page("PageSize=2&Page=2")
    assert [one["sid"] for one in shown["conferences"]] == ["CF4"]
    assert shown["next_page_uri"] is None


@pytest.mark.parametrize("query", ["", "PageSize=x&Page=-1", "PageSize=99999999999&Page=%D9%A1"])
def test_numbers_that_are_none_count_as_the_default(query: str) -> None:
    """The whole short list, on the first page."""
    shown = page(query)
    assert shown["page_size"] == 50
    assert shown["conferences"] == FOUND
    assert (shown["next_page_uri"], shown["previous_page_uri"]) == (None, None)
