"""Twilio's conference callbacks, passed on to the customer's own URL and signed again for it.

A conference has one status callback, that of its first participant (twilio.com/docs/voice/twiml/conference). Who points
it at us and had another use for it goes on getting it from here, signed with the account's token over the new URL.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import Counter
from collections.abc import Mapping

import aiohttp
import msgspec
import structlog
from aiohttp import hdrs
from yarl import URL

from sidecar.wire.twilio_signature import HEADER, sign

log = structlog.get_logger()

# Callbacks about one conference stay in order in one lane; a receiver that is slow for one holds up its lane only.
LANES = 8
# In each lane. Beyond it the newest is dropped: what it says is in the provider's own list too, memory is not.
MAX_WAITING = 250
ATTEMPT_TIMEOUT_S = 5.0
# Waits before the second and the third try; Twilio itself tries twice (twilio.com/docs/usage/webhooks).
RETRY_WAITS_S = (1.0, 4.0)
IDEMPOTENCY_HEADER = "I-Twilio-Idempotency-Token"


class _Waiting(msgspec.Struct, frozen=True):
    about: str
    form: Mapping[str, str]
    idempotency_token: str


class HttpEventForwarder:
    """Fulfils ports.event_forwarder.EventForwarder. ``token``: the account's auth token, which signs."""

    def __init__(self, url: str, *, token: str) -> None:
        self._url, self._token = url, token
        self._lanes: list[asyncio.Queue[_Waiting]] = [asyncio.Queue(MAX_WAITING) for _ in range(LANES)]
        self.outcomes: Counter[str] = Counter()

    def forward(self, form: Mapping[str, str], *, about: str, idempotency_token: str) -> None:
        """Put it into its lane; full: drop and count it."""
        try:
            self._lanes[zlib.crc32(about.encode()) % LANES].put_nowait(_Waiting(about, form, idempotency_token))
        except asyncio.QueueFull:
            self._lose(about, "dropped", "queue_full")

    async def run(self) -> None:
        """A task per lane."""
        timeout = aiohttp.ClientTimeout(total=ATTEMPT_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as http, asyncio.TaskGroup() as tasks:
            for number, lane in enumerate(self._lanes):
                tasks.create_task(self._deliver(http, lane), name=f"event-forwarder:{number}")

    async def flush(self, timeout_s: float) -> None:
        """All lanes at once, within one limit."""
        try:
            async with asyncio.timeout(timeout_s):
                for lane in self._lanes:
                    await lane.join()
        except TimeoutError:
            for lane in self._lanes:
                while not lane.empty():
                    self._lose(lane.get_nowait().about, "dropped", "service_stopping")
                    lane.task_done()

    async def _deliver(self, http: aiohttp.ClientSession, lane: asyncio.Queue[_Waiting]) -> None:
        while True:
            waiting = await lane.get()
            try:
                for wait_s in (*RETRY_WAITS_S, None):
                    problem, again = await self._try(http, waiting)
                    if not problem:
                        self.outcomes["delivered"] += 1
                        break
                    if wait_s is None or not again:
                        self._lose(waiting.about, "failed", problem)
                        break
                    await asyncio.sleep(wait_s)
            except asyncio.CancelledError:
                self._lose(waiting.about, "dropped", "service_stopping")
                raise
            finally:
                lane.task_done()

    async def _try(self, http: aiohttp.ClientSession, waiting: _Waiting) -> tuple[str, bool]:
        """What went wrong, "" for nothing, and whether another try may help."""
        headers = {HEADER: sign(self._token, self._url, waiting.form.items())}
        if waiting.idempotency_token:
            headers[IDEMPOTENCY_HEADER] = waiting.idempotency_token
        try:
            async with http.request(
                hdrs.METH_POST,
                URL(self._url, encoded=True),  # byte for byte what was signed
                data=waiting.form,
                headers=headers,
                allow_redirects=False,  # another URL has another signature
            ) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return type(error).__name__, True
        return ("", False) if status < 300 else (f"status_{status}", status == 429 or status >= 500)

    def _lose(self, about: str, outcome: str, reason: str) -> None:
        self.outcomes[outcome] += 1
        log.warning("callback_not_forwarded", conference_sid=about, outcome=outcome, reason=reason)
