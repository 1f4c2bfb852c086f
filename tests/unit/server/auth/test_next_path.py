"""Where a sign-in may lead: to our own pages only, as a browser reads addresses."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from sidecar.server.auth.next_path import safe_next


@pytest.mark.parametrize("path", ["/", "/conferences/cnf_1", "/history?room=a%20b&x=//y", "/a//b", "/%2F%2Fevil"])
def test_pages_of_ours_are_kept(path: str) -> None:
    assert safe_next(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "", "conferences", "//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example",
        "/\t/evil.example", "/\n/evil.example", "\t//evil.example", " //evil.example", "javascript:alert(1)", "/é",
        "/login", "/login?token=x", "/logout", "/" + "a" * 2000,
    ],
)  # fmt: skip
def test_anything_else_leads_to_the_wallboard(path: str) -> None:
    assert safe_next(path) == "/"


def as_browsers_read(location: str) -> str:
    """The host that an address leads to from http://here, by the URL standard's special cases."""
    stripped = re.sub(r"[\t\n\r]", "", location.strip("".join(map(chr, range(33))))).replace("\\", "/")
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:", stripped):
        return stripped
    found = re.match(r"//+([^/?#]*)", stripped)
    return found[1] if found else "here"


@given(st.text() | st.text("/\\:.@?#%ae\t\n\r \0") | st.text(max_size=8).map(lambda text: "/" + text))
@example("/\t//x")
@example("//")
def test_no_text_leads_to_another_site(text: str) -> None:
    location = safe_next(text)
    assert as_browsers_read(location) == "here"
    assert URL("http://here/login").join(URL(location)).host == "here"
    assert location.isprintable()


@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_what_the_door_sends_along_comes_back(path: str) -> None:
    wanted = "/conferences/" + quote(path, safe="")
    assert safe_next(wanted) == wanted
