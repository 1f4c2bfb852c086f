"""Signs requests with twilio's own code (https://www.twilio.com/docs/usage/security). Never verifies."""

from __future__ import annotations

from collections.abc import Mapping

from twilio.request_validator import RequestValidator

from sidecar.emulator.faults.pending import Faults

SIGNATURE_HEADER = "X-Twilio-Signature"
_SOMEBODY_ELSES_TOKEN = "0" * 32


class Signer:
    """Signatures under one account's auth token; under another's when a fault says so."""

    def __init__(self, auth_token: str, faults: Faults) -> None:
        self._right = RequestValidator(auth_token)
        self._wrong = RequestValidator(_SOMEBODY_ELSES_TOKEN)
        self._faults = faults

    def headers(self, url: str, form: Mapping[str, str] | None = None) -> dict[str, str]:
        """The signature header of a request: the URL exactly as it goes out, and the form if it is a POST."""
        wrong = self._faults.for_signature(socket=url.startswith(("ws:", "wss:")))
        validator = self._wrong if wrong else self._right
        signature: str = validator.compute_signature(url, dict(form or {}))
        return {SIGNATURE_HEADER: signature}
