"""The signature check agrees with Twilio's published examples and with twilio's own validator."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict
from twilio.request_validator import RequestValidator

from sidecar.wire.twilio_signature import Secrets, is_signed, sign, url_variants

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
    assert is_signed(signature, URL, form.items(), secrets=Secrets(tokens=[TOKEN]))


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
    assert not is_signed(signature, URL, [*form, ("Zusatz", extra + "!")], secrets=Secrets(tokens=[TOKEN]))


@pytest.mark.parametrize("signature", ["", "x", "RSOYDt4T1cUTdK1PDd93/VVr8B8", "ü" * 28])
def test_anything_else_is_refused(signature: str) -> None:
    """Missing, short and foreign signatures never raise and never pass."""
    assert not is_signed(signature, URL, [], secrets=Secrets(tokens=[TOKEN]))


def test_without_a_token_nothing_is_accepted() -> None:
    """A missing secret fails closed, even for a signature made with an empty key."""
    assert not is_signed(sign("", URL), URL, secrets=Secrets(tokens=[]))
    assert not is_signed(sign("", URL), URL, secrets=Secrets(tokens=[""]))


def test_the_old_token_is_accepted_while_it_is_listed() -> None:
    """Rotation: both tokens may sign."""
    assert is_signed(sign("old", URL), URL, secrets=Secrets(tokens=["new", "old"]))
    assert not is_signed(sign("old", URL), URL, secrets=Secrets(tokens=["new"]))


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
    assert is_signed(sign(TOKEN, signed), "wss://h.example/twilio/media", secrets=Secrets(tokens=[TOKEN]))


def test_an_upgrade_signed_for_https_is_refused() -> None:
    """The signed string is the wss address."""
    assert not is_signed(
        sign(TOKEN, "https://h.example/twilio/media"), "wss://h.example/twilio/media", secrets=Secrets(tokens=[TOKEN])
    )


def test_a_port_of_its_own_is_part_of_the_address() -> None:
    """Only default ports come and go; IPv6 hosts and user info do not confuse this."""
    assert url_variants("https://h.example:8443/x") == ["https://h.example:8443/x"]
    assert url_variants("https://[::1]/x") == ["https://[::1]/x", "https://[::1]:443/x"]
    assert set(url_variants("https://u:p@h.example/x")) == {
        f"https://{user}h.example{port}/x" for user in ("", "u:p@") for port in ("", ":443")
    }
    assert url_variants("ftp://h/x") == ["ftp://h/x"]


SHARED = Secrets(tokens=["token"], shared_keys={"wsk_1": "first", "wsk_2": "second"})
BY_SHARED_KEY = "key=wsk_2,algorithm=HMAC_SHA256"


@given(forms)
def test_a_shared_key_signs_with_sha_256_as_twilio_s_own_validator_says(form: list[tuple[str, str]]) -> None:
    """twilio.com/docs/usage/webhooks/webhook-shared-keys."""
    signature = RequestValidator("second").compute_signature(URL, MultiDict(form), algorithm="HMAC_SHA256")
    assert sign("second", URL, form, digest=hashlib.sha256) == signature
    assert is_signed(signature, URL, form, secrets=SHARED, settings=BY_SHARED_KEY)
    assert is_signed(signature, URL, form, secrets=SHARED, settings=" algorithm=hmac_sha256 , key=wsk_2")
    assert is_signed(signature, URL, form, secrets=SHARED, settings="key=wsk_2")
    assert not is_signed(signature, URL, form, secrets=SHARED)


@pytest.mark.parametrize(
    ("secret", "digest", "settings"),
    [
        ("first", hashlib.sha256, BY_SHARED_KEY),  # another key of ours
        ("token", hashlib.sha256, BY_SHARED_KEY),  # the auth token is no shared key
        ("second", hashlib.sha1, "key=wsk_2,algorithm=HMAC_SHA1"),  # a header must not weaken the algorithm
        ("second", hashlib.sha1, "key=wsk_2"),
        ("token", hashlib.sha256, "algorithm=HMAC_SHA256"),
        ("token", hashlib.sha1, "key=wsk_3,algorithm=HMAC_SHA1"),
        ("token", hashlib.sha1, "key=wsk_3"),  # a key that nobody configured is no way back to the token
        ("", hashlib.sha256, "key=wsk_3,algorithm=HMAC_SHA256"),
        ("second", hashlib.md5, "key=wsk_2,algorithm=HMAC_MD5"),
    ],
)
def test_a_header_chooses_among_the_configured_keys_and_nothing_else(
    secret: str, digest: object, settings: str
) -> None:
    """What a stranger writes into the header makes no signature valid."""
    signature = sign(secret, URL, digest=digest)  # type: ignore[arg-type] # hashlib's functions have types of their own
    assert not is_signed(signature, URL, secrets=SHARED, settings=settings)


def test_the_token_still_signs_beside_shared_keys() -> None:
    """Without the header, and with one that says so."""
    for settings in ("", "algorithm=HMAC_SHA1"):
        assert is_signed(sign("token", URL), URL, secrets=SHARED, settings=settings)


@given(st.text(max_size=60))
def test_any_header_is_read_without_an_error(settings: str) -> None:
    """And opens nothing."""
    assert not is_signed(sign("unknown", URL), URL, secrets=SHARED, settings=settings)
