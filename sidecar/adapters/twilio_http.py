"""How requests reach Twilio's REST API: where it is, with which key, and at a pace that it takes."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

import aiohttp
from twilio.base.exceptions import TwilioException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response

API_HOST = "https://api.twilio.com"
# Twilio gives no figure for how many; what it does not like it answers with 429 (twilio.com/docs/api/errors/20429).
REQUESTS_AT_ONCE = 10
# When it does not say for how long, and the longest that we believe.
RETRY_AFTER_S, LONGEST_RETRY_AFTER_S = 1.0, 60.0


class TooBusy(TwilioException):  # type: ignore[misc] # the package has no types
    """Twilio takes no requests for so long. ``status``: 429, or 503."""

    def __init__(self, status: int, retry_after_s: float) -> None:
        super().__init__(f"status {status}, again in {retry_after_s:.1f} s")
        self.status = status
        self.retry_after_s = retry_after_s


class PacedHttpClient(AsyncTwilioHttpClient):  # type: ignore[misc] # the package has no types
    """Twilio's client, able to talk to another base URL, and with the way of authenticating that aiohttp keeps.

    There is one per account. At most so many requests are under way at once; while Twilio asked to be left alone, none
    is sent: it fails at once with TooBusy, so that nobody's time limit runs out in a queue.
    """

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self._base_url = base_url
        self._room = asyncio.Semaphore(REQUESTS_AT_ONCE)
        self._busy: TooBusy | None = None
        self._busy_until = 0.0

    async def request(  # noqa: PLR0917 - the base class has them in this order
        self,
        method: str,
        url: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        **kwargs: Any,
    ) -> Response:
        """As the original, with the host replaced and the key as a header. TooBusy for 429, and for 503 with a time."""
        now = asyncio.get_running_loop().time
        if self._busy is not None and now() < self._busy_until:
            raise TooBusy(self._busy.status, self._busy_until - now())
        if auth is not None:
            headers = {**(headers or {}), "Authorization": aiohttp.encode_basic_auth(*auth)}
        url = url.replace(API_HOST, self._base_url, 1)
        async with self._room:
            response = await super().request(method, url, params=params, data=data, headers=headers, **kwargs)
        busy = _busy(response)
        if busy is not None:
            self._busy, self._busy_until = busy, now() + busy.retry_after_s
            raise busy
        return response


def _busy(response: Response) -> TooBusy | None:
    said = (response.headers or {}).get("Retry-After", "")
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS or (
        response.status_code == HTTPStatus.SERVICE_UNAVAILABLE and said
    ):
        after = float(said) if said.isdecimal() else RETRY_AFTER_S
        return TooBusy(response.status_code, min(after, LONGEST_RETRY_AFTER_S))
    return None
