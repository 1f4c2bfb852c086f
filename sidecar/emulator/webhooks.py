"""Twilio's side of HTTP: signed form requests with its time limits, its one retry and its idempotency token.

Sources: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides (limits),
https://www.twilio.com/docs/usage/security (signature). Never follows redirects, never keeps cookies.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping

import aiohttp
import msgspec
from yarl import URL

from sidecar.domain.errors import SidecarError
from sidecar.emulator.debugger import ErrorNumber
from sidecar.emulator.faults.pending import Faults
from sidecar.emulator.signing import Signer
from sidecar.emulator.urls import request_url

CONNECT_TIMEOUT_S = 5.0
TOTAL_TIMEOUT_S = 15.0  # both tries together
MAX_ANSWER_BYTES = 64 * 1024  # Twilio's limit for a TwiML document

IDEMPOTENCY_HEADER = "I-Twilio-Idempotency-Token"


class WebhookFailed(SidecarError):
    """The service did not answer as it must; ``number`` is Twilio's error."""

    code = "webhook_failed"

    def __init__(self, number: ErrorNumber, message: str) -> None:
        super().__init__(message)
        self.number = number


class Answer(msgspec.Struct, frozen=True):
    """A 2xx answer. ``content_type`` is lower case, without parameters."""

    url: str
    content_type: str
    body: bytes


class Webhooks:
    """Asks the service, as Twilio would."""

    def __init__(self, http: aiohttp.ClientSession, signer: Signer, faults: Faults) -> None:
        self._http = http
        self._signer = signer
        self._faults = faults

    async def ask(self, url: str, form: Mapping[str, str], method: str = "POST", token: str = "") -> Answer:
        """One signed request, tried again once if no connection came about. Raises WebhookFailed.

        ``token``: the idempotency token of the request that this one repeats; "" for a new one.
        """
        try:
            target = request_url(url)
            if target.scheme not in {"http", "https"}:
                raise ValueError("the URL is not http or https")
            if method == "GET":
                target = target.extend_query(form)
        except ValueError as error:
            raise WebhookFailed(ErrorNumber.HTTP_RETRIEVAL_FAILURE, f"The URL cannot be requested: {error}.") from None
        if self._faults.for_request(target.path):
            raise WebhookFailed(ErrorNumber.HTTP_RETRIEVAL_FAILURE, f"{target.path} could not be reached: a fault.")
        body = None if method == "GET" else dict(form)
        headers = self._signer.headers(str(target), body)
        headers[IDEMPOTENCY_HEADER] = token or str(uuid.uuid4())
        try:
            async with asyncio.timeout(TOTAL_TIMEOUT_S):
                return await self._try(target, method, body, headers)
        except (aiohttp.ClientError, ValueError) as error:  # ValueError: a host name that no resolver takes
            text = f"{target.path} could not be reached: {type(error).__name__}."
        except TimeoutError:
            text = f"{target.path} gave no answer within {TOTAL_TIMEOUT_S:.0f} s."
        raise WebhookFailed(ErrorNumber.HTTP_RETRIEVAL_FAILURE, text)

    async def _try(self, target: URL, method: str, body: dict[str, str] | None, headers: dict[str, str]) -> Answer:
        for last in (False, True):  # the second only when the first found no connection
            try:
                async with self._http.request(
                    method, target, data=body, headers=headers, allow_redirects=False
                ) as response:
                    return await _read(response, target)
            except aiohttp.ClientConnectionError:
                if last:
                    raise
        raise AssertionError("the last try returns or raises")


async def _read(response: aiohttp.ClientResponse, target: URL) -> Answer:
    if not 200 <= response.status < 300:
        number = ErrorNumber.HTTP_BAD_STATUS if response.status >= 400 else ErrorNumber.HTTP_RETRIEVAL_FAILURE
        raise WebhookFailed(number, f"{target.path} answered with status {response.status}.")
    body = bytearray()
    async for piece in response.content.iter_chunked(16 * 1024):
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise WebhookFailed(
                ErrorNumber.TWIML_TOO_LARGE, f"{target.path} answered more than {MAX_ANSWER_BYTES // 1024} KiB."
            )
    return Answer(str(target), response.content_type.lower(), bytes(body))


def new_session() -> aiohttp.ClientSession:
    """A client session with Twilio's limits. Must be made inside the running loop, and closed."""
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
        connector=aiohttp.TCPConnector(limit=0),
        trace_configs=[_no_redirected_upgrades()],
        headers={"User-Agent": "ConferenceSidecarEmulator"},
    )


class UpgradeRedirected(aiohttp.ClientError):
    """A WebSocket upgrade was answered with a redirect; Twilio takes nothing but 101."""


def _no_redirected_upgrades() -> aiohttp.TraceConfig:
    """aiohttp's ws_connect follows redirects and has no switch for it; its trace hook can refuse them."""
    trace = aiohttp.TraceConfig()

    async def refuse(*_: object) -> None:
        raise UpgradeRedirected("the upgrade was answered with a redirect")

    trace.on_request_redirect.append(refuse)
    return trace
