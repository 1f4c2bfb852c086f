"""Twilio's own client, under limits, and with its failures translated.

Facts of twilio 9.13 that shape this file: its async client must be built inside the running loop, it ignores its
timeout argument (so every call is bounded here), its own retries repeat creates (so they stay off), and it imports most
of itself at the first request, for some tenths of a second.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp
import twilio.rest.api.v2010  # noqa: F401 - what the first request would import
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from sidecar.adapters.twilio_http import API_HOST, PacedHttpClient, TooBusy
from sidecar.domain.errors import TelephonyFailed

if TYPE_CHECKING:
    from sidecar.adapters.twilio import TwilioAccount

CALL_TIMEOUT_S = 10.0
# Of what Twilio says to an error; it is shown to people.
REASON_CHARS = 200
# twilio.com/docs/api/errors: the resource is gone; the call is not in progress.
GONE = {20404, 21220}


class TwilioClient:
    """To be built inside the running loop."""

    def __init__(self, account: TwilioAccount) -> None:
        http = PacedHttpClient(account.api_base_url or API_HOST)
        self._client = Client(account.key, account.secret, account.account_sid, http_client=http)

    async def ask(self, question: Callable[[Any], Awaitable[Any]], subject: str) -> Any:
        """One REST call. ``question``: makes it of Twilio's ``Client``. ``subject``: the id that it is about.

        Raises TelephonyFailed.
        """
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                return await question(self._client)
        except TooBusy as error:
            raise TelephonyFailed(
                f"Twilio takes no request about {subject} for {error.retry_after_s:.0f} s: status {error.status}.",
                reason=f"Twilio is busy, status {error.status}",
                refused=error.status == HTTPStatus.TOO_MANY_REQUESTS,
                retry_after_s=error.retry_after_s,
            ) from error
        except TwilioException as error:
            status, code, said = _answer_of(error)
            raise TelephonyFailed(
                f"Twilio refused a request about {subject}: error {code}.",
                gone=code in GONE,
                provider_code=code,
                reason=f"Twilio error {code}: {said}" if said else f"Twilio error {code}",
                refused=status is not None and status < HTTPStatus.INTERNAL_SERVER_ERROR,
                next_step=f"See twilio.com/docs/api/errors/{code}.",
            ) from error
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise TelephonyFailed(
                f"Twilio did not answer a request about {subject}: {type(error).__name__}.",
                reason="Twilio did not answer",
                next_step="Check the network and TWILIO_API_BASE_URL.",
            ) from error

    async def close(self) -> None:
        """Close its connections."""
        await self._client.http_client.close()


def _answer_of(error: TwilioException) -> tuple[int | None, int | None, str]:
    """Status, Twilio's number and its words. Where a list fails, they are in the response that was no page."""
    if isinstance(error, TwilioRestException):
        return int(error.status), int(error.code), str(error.msg).partition(": ")[2][:REASON_CHARS]
    try:
        response = error.args[1]
        body = json.loads(response.text)
        return int(response.status_code), int(body["code"]), str(body["message"])[:REASON_CHARS]
    except (IndexError, AttributeError, KeyError, TypeError, ValueError):
        return None, None, ""
