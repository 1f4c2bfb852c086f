"""Text that only who brings a secret along can read again: AES-256-GCM, with a key that is made of the secret.

The secret is a caller's own, random and long, and the database knows its hash alone. So who reads the database, or a
backup of it, cannot open what is sealed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
# What is stored of a secret is its SHA-256, so the key must be something else.
_PURPOSE = b"sidecar sealed answer"


class NotOpened(ValueError):
    """Another secret, another place, or something that was never sealed."""


def seal(text: bytes, secret: str, *, place: str) -> str:
    """``place``: where it is kept; there alone it can be opened."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return base64.b64encode(nonce + _cipher(secret).encrypt(nonce, text, place.encode())).decode()


def unseal(sealed: str, secret: str, *, place: str) -> bytes:
    """Raises NotOpened."""
    try:
        data = base64.b64decode(sealed, validate=True)
        return _cipher(secret).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], place.encode())
    except (InvalidTag, binascii.Error, ValueError) as error:
        raise NotOpened from error


def _cipher(secret: str) -> AESGCM:
    return AESGCM(hmac.digest(secret.encode(), _PURPOSE, hashlib.sha256))
