"""Form fields and filters as typed values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from sidecar.emulator.rest.answers import RestError
from sidecar.emulator.rest.forms import Form, on_day
from sidecar.emulator.state import VoiceHook

READERS: list[Callable[[Form], object]] = [
    lambda form: form.required("x"),
    lambda form: form.flag("x"),
    lambda form: form.number("x", at_least=1, at_most=5),
    lambda form: form.method("x"),
    lambda form: form.url("x"),
    lambda form: form.callback("x"),
]


@given(st.text() | st.sampled_from(["true", "3", "GET", "http://h/", "http://[", "²"]), st.sampled_from(READERS))
def test_any_text_is_a_value_or_the_one_refusal(text: str, read: Callable[[Form], object]) -> None:
    """400, naming the field and never the value."""
    refusal = RestError(400, 20001, "x ")
    try:
        read(Form({"x": [text]}))
    except RestError as error:
        refusal = error
    assert (refusal.status, refusal.code, refusal.message[:2]) == (400, 20001, "x ")


def test_what_is_not_given_is_told_from_what_is_empty() -> None:
    """Empty is "nothing"; not given is "as before"."""
    before = VoiceHook(url="http://h/v", method="GET", status_callback="http://h/s")
    assert Form({}).hook(before) == before
    assert Form({"VoiceUrl": [""]}).hook(before) == VoiceHook(method="GET", status_callback="http://h/s")
    assert Form({}).flag("Muted") is None
    assert Form({}).callback("StatusCallback") is None


def test_the_events_of_a_callback_come_repeated_or_in_one() -> None:
    """Twilio's client repeats the field; TwiML and old code write words."""
    url = {"StatusCallback": ["http://h/"]}
    for given_events in (["start", "end"], ["start end"]):
        callback = Form(url | {"StatusCallbackEvent": given_events}).callback("StatusCallback")
        assert callback is not None
        assert callback.events == {"start", "end"}
    usual = Form(url).callback("StatusCallback", frozenset({"completed"}))
    assert usual is not None
    assert usual.events == {"completed"}


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("", True),
        ("DateCreated=2026-11-02", True),
        ("DateCreated=2026-11-01", False),
        ("DateCreated%3C=2026-11-02", True),
        ("DateCreated%3C=2026-11-01", False),
        ("DateCreated%3E=2026-11-02T00:00:00Z", True),
        ("DateCreated%3E=2026-11-03", False),
        ("DateCreated%3E=2026-11-01&DateCreated%3C=2026-11-03", True),
    ],
)
def test_a_day_is_a_filter_that_includes_it(query: str, fits: bool) -> None:
    """Then, then or before, then or after."""
    request = make_mocked_request("GET", f"/Conferences.json?{query}")
    assert on_day(request, "DateCreated")(datetime(2026, 11, 2, 9, 15, tzinfo=UTC)) is fits


def test_a_day_that_is_none_is_refused() -> None:
    """By the field's name."""
    with pytest.raises(RestError, match="DateCreated< must be a day"):
        on_day(make_mocked_request("GET", "/Conferences.json?DateCreated%3C=yesterday"), "DateCreated")
