"""The signature check agrees with Twilio's published examples and with twilio's own validator."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict
from twilio.request_validator import RequestValidator

from sidecar.wire.twilio_signature import is_signed, sign, url_variants

TOKEN = "12345"
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"


@pytest.mark.parametrize(
    ("caller", "signature"),
    [("+14158675309", "RSOYDt4T1cUTdK1PDd93/VVr8B8="), ("+12349013030", "0/KCTR6DLpKmkAf8muzZqo1nDgQ=")],
)
def test_published_examples_verify(caller: str, signature: str) -> None:
    """twilio.com/docs/usage/security and the vector of Twilio's helper libraries."""
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": caller,
        "Digits": "1234",
        "From": caller,
        "To": "+18005551212",
    }
    assert sign(TOKEN, URL, form.items()) == signature
    assert is_signed(signature, URL, form.items(), tokens=[TOKEN])


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
forms = st.lists(st.tuples(st.text("abcXYZ_9", min_size=1, max_size=8), texts), max_size=8)


@given(
    forms, st.sampled_from(["https://a.example/x?y=%20z", "http://a.example:8080/x", "wss://a.example/twilio/media"])
)
def test_any_form_is_signed_as_twilio_s_own_validator_signs_it(form: list[tuple[str, str]], url: str) -> None:
    """Repeated names, empty values and any text included."""
    expected = RequestValidator(TOKEN).compute_signature(url, MultiDict(form))
    assert sign(TOKEN, url, form) == expected


@given(forms, texts)
def test_a_changed_value_breaks_the_signature(form: list[tuple[str, str]], extra: str) -> None:
    """Any added parameter that the signature did not cover is noticed."""
    signature = sign(TOKEN, URL, form)
    assert not is_signed(signature, URL, [*form, ("Zusatz", extra + "!")], tokens=[TOKEN])


@pytest.mark.parametrize("signature", ["", "x", "RSOYDt4T1cUTdK1PDd93/VVr8B8", "ü" * 28])
def test_anything_else_is_refused(signature: str) -> None:
    """Missing, short and foreign signatures never raise and never pass."""
    assert not is_signed(signature, URL, [], tokens=[TOKEN])


def test_without_a_token_nothing_is_accepted() -> None:
    """A missing secret fails closed, even for a signature made with an empty key."""
    assert not is_signed(sign("", URL), URL, tokens=[])
    assert not is_signed(sign("", URL), URL, tokens=[""])


def test_the_old_token_is_accepted_while_it_is_listed() -> None:
    """Rotation: both tokens may sign."""
    assert is_signed(sign("old", URL), URL, tokens=["new", "old"])
    assert not is_signed(sign("old", URL), URL, tokens=["new"])


@pytest.mark.parametrize(
    "signed",
    [
        "wss://h.example/twilio/media",
        "wss://h.example:443/twilio/media",
        "wss://h.example/twilio/media/",
        "wss://h.example:443/twilio/media/",
    ],
)
def test_an_upgrade_verifies_with_and_without_port_and_slash(signed: str) -> None:
    """Which spelling Twilio signs for sockets is not documented; all name the same resource."""
    assert is_signed(sign(TOKEN, signed), "wss://h.example/twilio/media", tokens=[TOKEN])


def test_an_upgrade_signed_for_https_is_refused() -> None:
    """The signed string is the wss address."""
    assert not is_signed(sign(TOKEN, "https://h.example/twilio/media"), "wss://h.example/twilio/media", tokens=[TOKEN])


def test_a_port_of_its_own_is_part_of_the_address() -> None:
    """Only default ports come and go; IPv6 hosts and user info do not confuse this."""
    assert url_variants("https://h.example:8443/x") == ["https://h.example:8443/x"]
    assert url_variants("https://[::1]/x") == ["https://[::1]/x", "https://[::1]:443/x"]
    assert url_variants("https://u:p@h.example/x")[1] == "https://u:p@h.example:443/x"
    assert url_variants("ftp://h/x") == ["ftp://h/x"]
