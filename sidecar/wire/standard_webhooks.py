"""Standard Webhooks 1.0: the headers by which a receiver knows that a message is ours, whole and fresh.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: HMAC-SHA256 over
``<webhook-id>.<webhook-timestamp>.<body>``, as ``v1,<base64>``; one signature per valid secret, separated by a space.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable

from sidecar.domain.errors import SidecarError

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"

SECRET_PREFIX = "whsec_"  # noqa: S105 - how all of them begin
SECRET_BYTES = 32
# What the standard allows.
SECRET_BYTES_LEAST, SECRET_BYTES_MOST = 24, 64


class SecretInvalid(SidecarError):
    """A text that is no secret for signing. The message does not repeat it."""

    code = "webhook_secret_invalid"


def new_secret() -> str:
    """``whsec_`` and base64 of fresh random bytes."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers(message_id: str, timestamp: int, body: bytes, signers: Iterable[str]) -> dict[str, str]:
    """The headers of one attempt. ``timestamp``: of the attempt, Unix seconds. ``signers``: every secret that is valid.

    Send exactly these bytes. Raises SecretInvalid.
    """
    if "." in message_id:
        raise ValueError(f"a webhook-id has no dots, and {message_id} has")
    signed = f"{message_id}.{timestamp}.".encode() + body
    return {
        ID_HEADER: message_id,
        TIMESTAMP_HEADER: str(timestamp),
        SIGNATURE_HEADER: " ".join(_signature(secret, signed) for secret in signers),
    }


def key_of(secret: str) -> bytes:
    """The bytes behind a secret. Raises SecretInvalid."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(SECRET_PREFIX) or not SECRET_BYTES_LEAST <= len(key) <= SECRET_BYTES_MOST:
        raise SecretInvalid(
            f"A webhook secret is {SECRET_PREFIX} and base64 of {SECRET_BYTES_LEAST} to {SECRET_BYTES_MOST} bytes.",
            next_step="Rotate the secret of the endpoint.",
        )
    return key


def _signature(secret: str, signed: bytes) -> str:
    return "v1," + base64.b64encode(hmac.digest(key_of(secret), signed, hashlib.sha256)).decode()
