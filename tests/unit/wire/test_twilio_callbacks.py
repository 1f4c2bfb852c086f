"""Twilio's form posts become typed values; a wrong one names its field."""

from __future__ import annotations

import contextlib
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.conference.facts import NewsKind, Signs
from sidecar.wire.twilio_callbacks import (
    CallbackMalformed,
    conference_callback,
    news_of,
    stream_callback,
    voice_request,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "twilio"


def form(name: str) -> dict[str, str]:
    """A golden form body."""
    return dict(parse_qsl((GOLDEN / name).read_text().strip(), keep_blank_values=True))


@pytest.mark.parametrize("kind", ["conference-start", "conference-end", "participant-join", "participant-leave"])
def test_each_golden_conference_event_reads(kind: str) -> None:
    """Kind, ids, room and order are there; participants' events name their call."""
    given_form = form(f"conference/{kind}.form")
    event = conference_callback(given_form)
    assert event.kind == kind
    assert event.conference_sid == given_form["ConferenceSid"]
    assert event.room == given_form["FriendlyName"]
    assert event.sequence == int(given_form["SequenceNumber"])
    assert (event.call_sid is not None) == kind.startswith("participant")


def test_reasons_come_in_twilio_s_words() -> None:
    """Who left and why the conference ended."""
    assert conference_callback(form("conference/participant-leave.form")).reason
    assert conference_callback(form("conference/conference-end.form")).reason
    assert conference_callback(form("conference/participant-join.form")).reason == ""


@pytest.mark.parametrize("kind", ["stream-started", "stream-stopped", "stream-error"])
def test_each_golden_stream_event_reads(kind: str) -> None:
    """Stream events name call, stream and their name."""
    event = stream_callback(form(f"stream/{kind}.form"))
    assert event.kind == kind
    assert event.call_sid.startswith("CA")
    assert event.name


def test_the_golden_voice_request_reads() -> None:
    """The call and where it comes from."""
    given_form = form("voice/incoming.form")
    request = voice_request(given_form)
    assert (request.call_sid, request.address) == (given_form["CallSid"], given_form["From"])


@pytest.mark.parametrize("field", ["ConferenceSid", "FriendlyName", "SequenceNumber", "StatusCallbackEvent"])
@pytest.mark.parametrize("value", [None, "", "/etc/passwd\x00"])
def test_a_missing_or_strange_field_is_named(field: str, value: str | None) -> None:
    """The message names the field and never repeats its value."""
    broken = form("conference/participant-join.form")
    if value is None:
        del broken[field]
    else:
        broken[field] = value
    if field in ("FriendlyName", "StatusCallbackEvent") and value:
        assert conference_callback(broken)  # free text: whoever uses it decides
        return
    with pytest.raises(CallbackMalformed, match=field) as caught:
        conference_callback(broken)
    assert "passwd" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "news", "signs"),
    [
        ("conference-start", NewsKind.STARTED, Signs()),
        ("conference-end", NewsKind.ENDED, Signs()),
        ("participant-join", NewsKind.JOINED, Signs(muted=False, hold=False, coaching=True)),
        ("participant-leave", NewsKind.LEFT, Signs(muted=False, hold=False, coaching=True)),
        ("participant-mute", NewsKind.CHANGED, Signs(muted=True, hold=False, coaching=True)),
        ("participant-unmute", NewsKind.CHANGED, Signs(muted=False, hold=False, coaching=True)),
        ("participant-hold", NewsKind.CHANGED, Signs(muted=False, hold=True, coaching=True)),
        ("participant-unhold", NewsKind.CHANGED, Signs(muted=False, hold=False, coaching=True)),
        ("participant-modify", NewsKind.CHANGED, Signs(muted=False, hold=False, coaching=True)),
        ("participant-speech-start", None, Signs()),
        ("participant-speech-stop", None, Signs()),
        ("announcement-end", None, Signs()),
        ("announcement-fail", None, Signs()),
        ("a-kind-of-next-year", None, Signs()),
    ],
)
def test_each_kind_of_event_tells_what_there_is_to_know(kind: str, news: NewsKind | None, signs: Signs) -> None:
    """An event's own name is the surest word of what it is named after; the other signs are as the fields say."""
    of_participant = {"CallSid": "CA" + "1" * 32, "Muted": "false", "Hold": "False", "Coaching": "true"}
    given_form = {
        "StatusCallbackEvent": kind, "ConferenceSid": "CF" + "2" * 32, "FriendlyName": "garage", "SequenceNumber": "7",
        "ReasonParticipantLeft": "participant_hung_up",
    } | (of_participant if kind.startswith("participant") else {})  # fmt: skip
    told = news_of(conference_callback(given_form))
    assert (told and told.kind) == news
    if told is None:
        return
    call_sid = given_form.get("CallSid")
    assert (told.provider_seq, told.call_sid, told.signs) == (7, call_sid, signs)
    assert told.reason == "participant_hung_up"


def test_signs_that_twilio_does_not_tell_are_not_guessed() -> None:
    """And an event of a participant without its call tells nothing."""
    given_form = form("conference/participant-join.form") | {"Muted": "maybe", "Hold": ""}
    del given_form["Coaching"]
    assert conference_callback(given_form).signs == Signs()
    del given_form["CallSid"]
    assert news_of(conference_callback(given_form)) is None


fields = st.sampled_from(["CallSid", "From", "ConferenceSid", "FriendlyName", "SequenceNumber", "StreamEvent"])


@given(st.dictionaries(fields, st.text(max_size=40)))
def test_any_form_ends_in_a_value_or_a_typed_error(any_form: dict[str, str]) -> None:
    """Never a stray exception."""
    for parse in (voice_request, conference_callback, stream_callback):
        with contextlib.suppress(CallbackMalformed):
            parse(any_form)
