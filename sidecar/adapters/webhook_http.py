"""Webhooks over HTTP: one attempt, signed, to an address that is checked at the moment of connecting.

The guard stands where sockets are made, so it sees every address: whatever a name resolves to at that very moment, and
addresses that stand in the URL, for which aiohttp asks no resolver. Nothing is followed, decompressed or remembered.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from contextvars import ContextVar
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from aiohttp import hdrs
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from sidecar.adapters.name_lookups import LookUp, NameLookups
from sidecar.domain.errors import SidecarError
from sidecar.domain.webhooks.addresses import AddressPolicy, checked_url, refusal
from sidecar.domain.webhooks.endpoints import Outcome
from sidecar.ports.webhook_sender import Answer, Message
from sidecar.wire import standard_webhooks

# From the look-up of the name to the end of the answer's headers.
ATTEMPT_TIMEOUT_S = 15.0
# The answer's body interests nobody but the log; a receiver that drips it is not waited for longer.
BODY_TIMEOUT_S = 2.0
BODY_BYTES_MOST = 64 * 1024
RESPONSE_KEPT_BYTES = 1024

_THROTTLED = (429, 502, 504)

# Why the attempt of this task was stopped by the guard. A list, for connections are made in tasks of their own.
_blocked: ContextVar[list[str]] = ContextVar("blocked")


class AddressBlocked(SidecarError):
    """A webhook's URL leads to an address to which nothing is sent."""

    code = "webhook_address_blocked"


class HttpWebhookSender:
    """Fulfils ``ports.webhook_sender.WebhookSender``. Make it inside of the running event loop.

    ``version``: of the service, for the User-Agent. ``look_up``: instead of the system's, as (host, port, family).
    """

    def __init__(self, policy: AddressPolicy, *, version: str, look_up: LookUp | None = None) -> None:
        self._policy = policy
        self._resolver = _GuardedResolver(policy, look_up or _system_look_up)
        connector = aiohttp.TCPConnector(
            resolver=self._resolver,
            socket_factory=self._guarded_socket,
            use_dns_cache=False,  # what was checked is what is connected to, now
            limit=0,  # whoever sends has a limit for each endpoint
        )
        self._http = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # a small answer may unpack to a very large one
            trust_env=False,
            headers={
                hdrs.USER_AGENT: f"conference-sidecar/{version}",
                hdrs.CONTENT_TYPE: "application/json",
                hdrs.ACCEPT_ENCODING: "identity",
            },
        )

    async def send(self, message: Message, *, at: datetime) -> Answer:
        """Try once."""
        why: list[str] = []
        _blocked.set(why)
        try:
            url = checked_url(message.url, self._policy)
            signed = standard_webhooks.headers(message.id, int(at.timestamp()), message.body, message.secrets)
        except SidecarError as error:
            return Answer(outcome=Outcome.BLOCKED, error=error.message)
        try:
            async with asyncio.timeout(ATTEMPT_TIMEOUT_S):
                response = await self._http.post(
                    URL(url, encoded=True),
                    data=message.body,
                    headers=signed,
                    allow_redirects=False,  # nobody has checked where to
                    timeout=aiohttp.ClientTimeout(total=None),
                )
        except TimeoutError:
            failed = Answer(outcome=Outcome.TIMED_OUT, error=f"no answer within {ATTEMPT_TIMEOUT_S:.0f} s")
        except (aiohttp.ClientError, AddressBlocked, OSError, ValueError) as failure:
            failed = Answer(outcome=Outcome.UNREACHABLE, error=failure_in_words(failure))
        else:
            async with response:
                return await _answer(response)
        return Answer(outcome=Outcome.BLOCKED, error=why[0]) if why else failed

    async def close(self) -> None:
        """Connections that wait to be used again."""
        await self._http.close()

    def _guarded_socket(self, address_info: Any) -> socket.socket:
        family, kind, protocol, _, address = address_info
        check_address(address[0], self._policy)
        return socket.socket(family=family, type=kind, proto=protocol)


def check_address(address: str, policy: AddressPolicy) -> None:
    """Raises AddressBlocked, and notes why for the attempt that is under way."""
    if why_not := refusal(address, policy.networks):
        _blocked.get().append(f"nothing is sent there: {why_not}")
        raise AddressBlocked(f"Nothing is sent there: {why_not}.")


class _GuardedResolver(AbstractResolver):
    """All answers for a name must be fit to be connected to, or none is used."""

    def __init__(self, policy: AddressPolicy, look_up: LookUp) -> None:
        self._policy = policy
        self._names = NameLookups(look_up)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Every address of the name; AddressBlocked for one among them that is not public."""
        found = await self._names.find(host, port, family)
        results = [
            ResolveResult(
                hostname=host, host=address[0], port=port, family=family_, proto=protocol, flags=socket.AI_NUMERICHOST
            )
            for family_, _, protocol, _, address in found
        ]
        for result in results:
            check_address(result["host"], self._policy)
        return results

    async def close(self) -> None:
        """Does not wait for look-ups under way."""


def _system_look_up(host: str, port: int, family: int) -> list[Any]:
    return socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)


async def _answer(response: aiohttp.ClientResponse) -> Answer:
    status = response.status
    if 200 <= status < 300:
        outcome = Outcome.DELIVERED
    elif status == 410:
        outcome = Outcome.GONE
    else:
        outcome = Outcome.THROTTLED if status in _THROTTLED else Outcome.REFUSED
    return Answer(
        outcome=outcome,
        status=status,
        error="" if outcome is Outcome.DELIVERED else f"answered {status}",
        response=await _beginning(response),
        retry_after=_retry_after(response.headers),
    )


async def _beginning(response: aiohttp.ClientResponse) -> str:
    """What the log keeps. The rest is read up to a limit, so that the connection can be used again, or dropped."""
    kept, read = b"", 0
    with suppress(aiohttp.ClientError, TimeoutError, OSError):
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while read < BODY_BYTES_MOST and (piece := await response.content.read(BODY_BYTES_MOST - read)):
                read += len(piece)
                kept += piece[: RESPONSE_KEPT_BYTES - len(kept)]
    if not response.content.at_eof():
        response.close()
    return kept.decode("utf-8", "replace")


def _retry_after(headers: Any) -> timedelta | None:
    """In seconds or as a date (RFC 9110, 10.2.3), which the Date header may be compared with; None for neither."""
    wish = headers.get(hdrs.RETRY_AFTER, "").strip()
    if wish.isascii() and wish.isdigit():
        return timedelta(seconds=int(wish[:9]))
    try:
        until, now = parsedate_to_datetime(wish), parsedate_to_datetime(headers.get(hdrs.DATE, ""))
        return max(until - now, timedelta(0))
    except (TypeError, ValueError, OverflowError):
        return None


def failure_in_words(failure: Exception) -> str:
    """Why there was no answer, for people."""
    if isinstance(failure, aiohttp.ClientConnectorCertificateError):
        return "its TLS certificate is not trusted"
    if isinstance(failure, aiohttp.ClientConnectorDNSError):
        return "its name has no address"
    if isinstance(failure, aiohttp.ClientSSLError):
        return "TLS failed"
    if isinstance(failure, aiohttp.ClientConnectorError):
        number = failure.os_error.errno
        return f"no connection: {os.strerror(number) if number else type(failure.os_error).__name__}"
    if isinstance(failure, aiohttp.InvalidURL):
        return "its URL cannot be used"
    return f"no answer: {type(failure).__name__}"
