"""Cursors: what was given out is read back, everything else is a problem."""

from __future__ import annotations

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from sidecar.server.api.paging import cursor, limit_of, page, place_after
from sidecar.server.problems import RequestRefused


class Place(msgspec.Struct, array_like=True, frozen=True):
    at: int
    id: str


@given(st.integers(0, 2**53), st.text(max_size=50))
def test_a_cursor_leads_back_to_its_place(at: int, id_: str) -> None:
    request = make_mocked_request("GET", str(URL("/v1/things").with_query(after=cursor(Place(at, id_)))))
    assert place_after(request, Place) == Place(at, id_)


@given(st.text(min_size=1, max_size=8))
def test_any_other_text_is_no_cursor(text: str) -> None:
    request = make_mocked_request("GET", str(URL("/v1/things").with_query(after=text)))
    with pytest.raises(RequestRefused) as refused:
        place_after(request, Place)
    assert (refused.value.status, refused.value.code) == (400, "cursor_invalid")


@pytest.mark.parametrize("text", ["0", "501", "-1", "x", "", "1.5", "٣", "99999"])
def test_a_limit_is_a_number_in_its_range(text: str) -> None:
    with pytest.raises(RequestRefused, match="limit is not a number from 1 to 500"):
        limit_of(make_mocked_request("GET", str(URL("/v1/things").with_query(limit=text))))


def test_a_page_says_where_the_next_one_begins_and_keeps_what_was_asked_for() -> None:
    request = make_mocked_request("GET", "/v1/things?limit=1&order=desc")
    answer = page(request, [1], next_place=Place(7, "a"))
    told = msgspec.json.decode(answer.text or "")
    assert (told["data"], told["has_more"]) == ([1], True)
    assert answer.headers["Link"] == f'</v1/things?limit=1&order=desc&after={told["next_cursor"]}>; rel="next"'
    assert msgspec.json.decode(page(request, [1], next_place=None).text or "") == {
        "data": [1],
        "has_more": False,
        "next_cursor": None,
    }
