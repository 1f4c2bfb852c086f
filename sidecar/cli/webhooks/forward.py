"""Sends events to an address near the integrator as the service would: signed, one by one, and says what came of it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass

import aiohttp
import msgspec

from sidecar.adapters.webhook_http import failure_in_words
from sidecar.cli.feed import Envelope
from sidecar.ports.clock import Clock
from sidecar.server.webhook_request import USER_AGENT
from sidecar.wire.standard_webhooks import SECRET_PREFIX, headers

# As the service waits for a receiver.
ANSWER_TIMEOUT_S = 15.0
_PURPOSE = b"sidecar webhooks listen"


def secret_of(key: str) -> str:
    """The secret by which a key's own messages are signed: the same each time, and it does not tell the key."""
    made = hmac.new(key.encode(), _PURPOSE, hashlib.sha256).digest()
    return SECRET_PREFIX + base64.b64encode(made).decode()


@dataclass(frozen=True)
class Forwarder:
    """``as_json``: a line for machines instead of two for people."""

    http: aiohttp.ClientSession
    to: str
    secret: str
    clock: Clock
    as_json: bool

    async def forward(self, event: Envelope) -> bool:
        """One attempt, nothing is tried again; whether it was taken (2xx)."""
        body = msgspec.json.encode(event)
        now = self.clock.now()
        if not self.as_json:
            print(f"{now:%H:%M:%S}  --> {event['type']:<24} {event['id']}  {event['conference']}  {event['seq']}")
        sent = headers(event["id"], int(now.timestamp()), body, [self.secret])
        began = self.clock.monotonic()
        status, said = await self._post(body, sent)
        took_ms = round((self.clock.monotonic() - began) * 1000)
        if self.as_json:
            print(json.dumps({"event": event, "status": status, "error": said, "took_ms": took_ms}), flush=True)
        else:
            answer = str(status) if status is not None else said
            print(f"{now:%H:%M:%S}  <-- {answer:<24} {event['id']}  {took_ms} ms", flush=True)
        return status is not None and status // 100 == 2

    async def _post(self, body: bytes, sent: dict[str, str]) -> tuple[int | None, str]:
        timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S)
        carried = sent | {"Content-Type": "application/json", "User-Agent": USER_AGENT}
        try:
            async with self.http.post(
                self.to, data=body, headers=carried, timeout=timeout, allow_redirects=False
            ) as answer:
                return answer.status, ""
        except TimeoutError:
            return None, f"no answer in {ANSWER_TIMEOUT_S:.0f} s"
        except (aiohttp.ClientError, ValueError) as error:
            return None, failure_in_words(error)
