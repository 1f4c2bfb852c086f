"""What ``sidecar doctor`` sees when it comes in by the public address, as Twilio does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp
from yarl import URL

from sidecar.config import Settings
from sidecar.domain.checkup import Check, Result
from sidecar.wire.forwarded import is_loopback
from sidecar.wire.twilio_signature import HEADER, sign

GROUP = "public address"
ANSWER_TIMEOUT_S = 10.0
MEDIA_PATH = "/twilio/media"
EVENTS_PATH = "/twilio/stream-events"
# Harmless there: it is logged and nothing else.
EVENT = {"StreamEvent": "doctor", "CallSid": "CA" + "0" * 32, "StreamSid": "", "StreamName": "doctor"}
FORGED = {HEADER: "Zm9yZ2VkIGJ5IHNpZGVjYXIgZG9jdG9y"}
SAME_ADDRESS = (
    "SIDECAR_PUBLIC_URL must be the address as Twilio calls it (scheme, host, path prefix), and the proxy must pass "
    "path and query unchanged; the service must have the same TWILIO_AUTH_TOKEN as this command."
)


async def checks(settings: Settings, http: aiohttp.ClientSession) -> list[Check]:
    """Address, service behind it, WebSocket, signatures."""
    found = [_address(settings)]
    reachable = await _reachable(settings, http)
    found.append(reachable)
    if reachable.result is Result.FAIL:
        names = ("WebSocket", "signatures")
        return [*found, *(_check(name, Result.SKIPPED, "nothing answers there") for name in names)]
    if not settings.twilio_tokens:
        names = ("WebSocket", "signatures")
        return [*found, *(_check(name, Result.SKIPPED, "nothing can be signed without auth token") for name in names)]
    return [*found, await _websocket(settings, http), await _signatures(settings, http)]


def own_address(settings: Settings) -> str:
    """Where the service listens, as seen from this machine."""
    return settings.model_copy(update={"public_url": ""}).base_url


async def instance(http: aiohttp.ClientSession, base: str) -> str | None:
    """Which process answers at ``/healthz`` here; None when nothing does."""
    try:
        async with (
            asyncio.timeout(ANSWER_TIMEOUT_S),
            http.get(base + "/healthz", ssl=False, allow_redirects=False) as answer,
        ):
            return str((await answer.json())["instance"]) if answer.status == 200 else None
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError):
        return None


def _address(settings: Settings) -> Check:
    url = URL(settings.base_url)
    if url.scheme == "https":
        return _check("address", Result.OK, settings.base_url)
    if is_loopback(url.host or "") and is_loopback(URL(settings.twilio_api_base_url).host or ""):
        return _check("address", Result.OK, f"{settings.base_url}; Twilio is an emulator on this machine")
    cure = "Put a proxy or tunnel with TLS in front (docs/deploy.md), and set SIDECAR_PUBLIC_URL to its address."
    return _check("address", Result.FAIL, f"{settings.base_url} is no https, and Twilio streams by wss only", cure)


async def _reachable(settings: Settings, http: aiohttp.ClientSession) -> Check:
    here, base = await instance(http, own_address(settings)), settings.base_url
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S), http.get(base + "/healthz", allow_redirects=False) as answer:
            status, body = answer.status, await answer.text()
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return _check("service", Result.FAIL, *_why_not(error, settings, runs_here=here is not None))
    if status != 200:
        cure = "Redirects and pages of a proxy do not help Twilio: let it pass requests on to the service."
        return _check("service", Result.FAIL, f"/healthz answered with status {status}", cure)
    if here is None:
        return _check("service", Result.OK, "answers (on another machine: nothing listens here)")
    if here not in body:
        cure = "Two services run, or the proxy leads elsewhere. With several nodes this is as it should be."
        return _check("service", Result.WARN, "answers, but it is not the one on this machine", cure)
    return _check("service", Result.OK, "answers, and is the one on this machine")


def _why_not(error: Exception, settings: Settings, *, runs_here: bool) -> tuple[str, str]:
    """What was seen, and the cure."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cure = f"The proxy must send a valid certificate with its whole chain; try: curl -v {settings.base_url}"
        return f"the certificate is not good: {error.certificate_error}", cure
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name is not known", "Check the spelling, or set its DNS record."
    detail = f"nothing answers: {type(error).__name__}"
    if runs_here:
        return detail, "It runs on this machine; look at the proxy, the tunnel and the firewall."
    return detail, f"Start it: sidecar serve (nothing answers at {own_address(settings)} either)"


async def _websocket(settings: Settings, http: aiohttp.ClientSession) -> Check:
    """A forged upgrade must fail, a signed one must come through; nothing is said on it."""
    name, url = "WebSocket", "ws" + settings.base_url.removeprefix("http") + MEDIA_PATH
    forged = await _upgrade(http, url, FORGED)
    signed = await _upgrade(http, url, {HEADER: sign(settings.twilio_tokens[0], url)})
    if (forged, signed) == (403, 101):
        return _check(name, Result.OK, "upgrades pass, forged ones are refused")
    if forged == 101:
        cure = "What listens there is not this service, or a very old one: look at the proxy."
        return _check(name, Result.FAIL, "a forged upgrade was accepted", cure)
    if signed == 403:
        return _check(name, Result.FAIL, "a signed upgrade was refused", SAME_ADDRESS)
    if signed == 503:
        cure = "Wait, or raise SIDECAR_MAX_FORKS: the service stops or transcribes as many as it may."
        return _check(name, Result.WARN, "the service has no room just now", cure)
    cure = "Let the proxy pass WebSockets on (HTTP/1.1, Upgrade and Connection): docs/deploy.md"
    return _check(name, Result.FAIL, f"an upgrade got status {signed or 'none'} in place of 101", cure)


async def _upgrade(http: aiohttp.ClientSession, url: str, headers: Mapping[str, str]) -> int:
    """101 or the status that came instead; 0 for none."""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S), http.ws_connect(url, headers=headers):
            return 101
    except aiohttp.WSServerHandshakeError as error:
        return error.status
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return 0


async def _signatures(settings: Settings, http: aiohttp.ClientSession) -> Check:
    name, url = "signatures", settings.base_url + EVENTS_PATH
    forged = await _post(http, url, FORGED)
    # A token that waits for its turn in a rotation signs too; all must be taken.
    signed = [await _post(http, url, {HEADER: sign(token, url, EVENT.items())}) for token in settings.twilio_tokens]
    if forged == 403 and set(signed) == {204}:
        return _check(name, Result.OK, "signed requests are answered, forged ones refused")
    if forged != 403:
        cure = "What listens there is not this service: look at the proxy."
        return _check(name, Result.FAIL, f"a forged request got status {forged or 'none'} in place of 403", cure)
    return _check(name, Result.FAIL, f"signed requests got status {', '.join(map(str, signed))}", SAME_ADDRESS)


async def _post(http: aiohttp.ClientSession, url: str, headers: Mapping[str, str]) -> int:
    try:
        async with (
            asyncio.timeout(ANSWER_TIMEOUT_S),
            http.post(url, data=EVENT, headers=headers, allow_redirects=False) as answer,
        ):
            return answer.status
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return 0


def _check(name: str, result: Result, detail: str, cure: str = "") -> Check:
    return Check(group=GROUP, name=name, result=result, detail=detail, cure=cure)
