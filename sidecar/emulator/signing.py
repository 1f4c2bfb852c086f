"""Signs requests with twilio's own code (https://www.twilio.com/docs/usage/security). Never verifies."""

from __future__ import annotations

from collections.abc import Mapping

from twilio.request_validator import RequestValidator

SIGNATURE_HEADER = "X-Twilio-Signature"


class Signer:
    """Signatures under one account's auth token."""

    def __init__(self, auth_token: str) -> None:
        self._validator = RequestValidator(auth_token)

    def headers(self, url: str, form: Mapping[str, str] | None = None) -> dict[str, str]:
        """The signature header of a request: the URL exactly as it goes out, and the form if it is a POST."""
        signature: str = self._validator.compute_signature(url, dict(form or {}))
        return {SIGNATURE_HEADER: signature}
