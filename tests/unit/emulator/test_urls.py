"""URLs as Twilio treats them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.emulator.urls import absolute, absolute_stream, is_loopback, request_url


@pytest.mark.parametrize("text", ["https://h.example/a%2fb?x=%7e&y=a+b", "http://127.0.0.1:8080/voice?room=a%20b"])
def test_a_plain_url_keeps_its_bytes(text: str) -> None:
    """Escapes are not touched: the service signs what it sees."""
    assert str(request_url(text)) == text


def test_a_fragment_is_not_requested() -> None:
    """Twilio reads its connection settings from it (#rc=2) and does not send it."""
    assert str(request_url("https://h.example/voice?a=1#rc=2")) == "https://h.example/voice?a=1"


def test_other_characters_are_quoted() -> None:
    """A room named in another script makes a URL that can be sent."""
    assert str(request_url("https://h.example/voice?room=Büro 1")) == "https://h.example/voice?room=B%C3%BCro+1"


@pytest.mark.parametrize("text", ["", "/voice", "https://", "https://h.example:port/"])
def test_what_cannot_be_requested_is_a_value_error(text: str) -> None:
    """Before any request begins."""
    with pytest.raises(ValueError, match=r".+"):
        request_url(text)


@given(st.text())
def test_any_text_is_a_url_or_a_value_error(text: str) -> None:
    """Nothing else escapes."""
    try:
        url = request_url(text)
    except ValueError:
        return
    assert url.host


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost", True), ("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("10.0.0.1", False), (None, False)],
)
def test_loopback_hosts_are_known(host: str | None, expected: bool) -> None:
    """Only there may a stream go without TLS."""
    assert is_loopback(host) is expected


def test_relative_urls_are_seen_from_their_document() -> None:
    """A stream's takes the secure twin of the document's scheme."""
    base = "https://h.example/voice/first?a=1"
    assert absolute(base, "second") == "https://h.example/voice/second"
    assert absolute_stream(base, "/media") == "wss://h.example/media"
    assert absolute_stream("http://127.0.0.1:80/v", "/media") == "ws://127.0.0.1:80/media"
    assert absolute_stream(base, "http://other.example/m") == "http://other.example/m"


def test_nonsense_comes_back_as_it_is() -> None:
    """It fails when it is asked for, with a number of Twilio's."""
    assert absolute("https://h.example/", "http://[") == "http://["
