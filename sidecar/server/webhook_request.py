"""A delivery as an HTTP request for people to look at, and as lines for a shell that send it again by hand. Pure."""

from __future__ import annotations

import shlex
from datetime import datetime

from sidecar import __version__

USER_AGENT = f"conference-sidecar/{__version__}"
SIGNATURE_NOT_KEPT = "v1,… (made for each attempt, not kept)"
# Base64 to hexadecimal digits, which is how openssl takes a key that is no text.
_KEY = "$(printf '%s' \"${WEBHOOK_SECRET#whsec_}\" | base64 -d | od -An -v -tx1 | tr -d ' \\n')"


def request_headers(message_id: str, at: datetime | None) -> dict[str, str]:
    """What is sent beside the body. ``at``: when the last attempt was made; None: none was."""
    return {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "webhook-id": message_id,
        "webhook-timestamp": "" if at is None else str(int(at.timestamp())),
        "webhook-signature": SIGNATURE_NOT_KEPT,
    }


def as_curl(url: str, message_id: str, body: str) -> str:
    """Lines for a POSIX shell with openssl and curl, signed by the secret in ``WEBHOOK_SECRET`` when they are run."""
    return "\n".join(
        [
            f"body={shlex.quote(body)}",
            f"id={shlex.quote(message_id)} time=$(date +%s)",
            "signature=$(printf '%s' \"$id.$time.$body\" | openssl dgst -sha256 -mac HMAC -binary \\",
            f'  -macopt "hexkey:{_KEY}" | base64)',
            "printf '%s' \"$body\" | curl --include --data-binary @- --header 'content-type: application/json' \\",
            '  --header "webhook-id: $id" --header "webhook-timestamp: $time" \\',
            f'  --header "webhook-signature: v1,$signature" {shlex.quote(url)}',
        ]
    )
