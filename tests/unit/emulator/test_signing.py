"""Signatures, judged by twilio's own validator and its published example."""

from __future__ import annotations

from twilio.request_validator import RequestValidator

from sidecar.emulator.faults.pending import Faults
from sidecar.emulator.signing import SIGNATURE_HEADER, Signer


def test_the_signature_is_the_one_of_twilios_documentation() -> None:
    """The worked example of https://www.twilio.com/docs/usage/security."""
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    headers = Signer("12345", Faults()).headers("https://mycompany.com/myapp.php?foo=1&bar=2", form)
    assert headers == {SIGNATURE_HEADER: "RSOYDt4T1cUTdK1PDd93/VVr8B8="}


def test_an_upgrade_is_signed_over_its_url_alone() -> None:
    """No form belongs to it."""
    url = "wss://host.example/twilio/media"
    signature = Signer("secret", Faults()).headers(url)[SIGNATURE_HEADER]
    assert RequestValidator("secret").validate(url, {}, signature)
    assert not RequestValidator("other").validate(url, {}, signature)
