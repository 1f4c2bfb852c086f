"""Strangers at the service, over real sockets: slow, many, replaying and lying ones; and calls that go on meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
import resource
import struct
import sys
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from sidecar.server import connections, strangers
from sidecar.server.strangers import STRANGERS
from sidecar.server.twilio import media_socket
from sidecar.wire.twilio_signature import HEADER, SETTINGS_HEADER, sign
from tests.fakes import ScriptedRecogniser
from tests.service import LINGER_S, TOKEN, Service, media_frame, running_service, start_frame

pytestmark = pytest.mark.traced(False)  # its parts are shown one by one elsewhere

AGENT, CUSTOMER = "CA" + "a" * 32, "CA" + "c" * 32
IDLE_SOCKETS = 500
MIB = 1 << 20
LONG_SLOW_BODY = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": "100"}
# What the operating system counts in: kilobytes, bytes on macOS.
RSS_UNIT = 1 if sys.platform == "darwin" else 1024


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """The service behind a trusted proxy on this machine: what the tests say in X-Forwarded-For counts."""
    async with running_service(tmp_path, ScriptedRecogniser(), trusted_proxies="127.0.0.0/8", max_forks=4) as running:
        yield running


@pytest.fixture
async def open_service(tmp_path: Path) -> AsyncIterator[Service]:
    """The service without any proxy."""
    async with running_service(tmp_path, ScriptedRecogniser()) as running:
        yield running


@asynccontextmanager
async def connection(service: Service, said: bytes = b"") -> AsyncIterator[Ends]:
    """A bare TCP connection that has said so much."""
    host, _, port = service.base.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(said)
        yield reader, writer
    finally:
        writer.close()
        await asyncio.sleep(2 * LINGER_S)


def head(line: str, **headers: str) -> bytes:
    """The head of a request."""
    lines = [f"{line} HTTP/1.1", "Host: h", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


async def status_of(reader: asyncio.StreamReader) -> int:
    """The status of the answer that comes; 0 when the connection is closed without one."""
    async with asyncio.timeout(10):
        try:
            line = await reader.readline()
        except ConnectionError:
            return 0
    return int(line.split()[1]) if line else 0


async def live_fork(service: Service, call_sid: str = AGENT) -> aiohttp.ClientWebSocketResponse:
    """A media stream that has started and is heard."""
    ws = await service.socket()
    await ws.send_str(start_frame(call_sid, await service.call(call_sid)))
    await ws.send_str(media_frame(0))
    await service.until("fork.started")
    return ws


async def stop(service: Service, ws: aiohttp.ClientWebSocketResponse, frames: int) -> None:
    """More frames, all of which arrive, and the end."""
    for n in range(1, frames):
        await ws.send_str(media_frame(n))
    await ws.send_str('{"event":"stop","sequenceNumber":"999","stop":{}}')
    types = [event["type"] for event in await service.until("fork.stopped")]
    assert not {"fork.interrupted", "transcript.gap"} & set(types)
    await ws.close()


async def test_hundreds_of_idle_connections_neither_disturb_a_live_fork_nor_keep_a_call_out(
    open_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With fewer places than connections: those that have been silent longest go, signed requests get through."""
    service = open_service
    monkeypatch.setattr(connections, "CONNECTIONS_MOST", 200)
    ws = await live_fork(service)
    writers = []
    for n in range(IDLE_SOCKETS):
        host, _, port = service.base.removeprefix("http://").partition(":")
        writers.append((await asyncio.open_connection(host, int(port)))[1])
        if n % 10 == 0:
            await ws.send_str(media_frame(1 + n // 10))
    async with aiohttp.ClientSession() as newcomer:
        form = {"CallSid": CUSTOMER, "From": "+15550100", "To": "+15550199"}
        url = f"{service.base}/twilio/voice?room=support&label=customer"
        async with newcomer.post(url, data=form, headers=service.signature(url, form)) as answer:
            assert (answer.status, "<Stream" in await answer.text()) == (200, True)
        async with newcomer.get(service.base + "/metrics") as answer:
            assert 'sidecar_refused_total{reason="connection_displaced"}' in await answer.text()
    assert service.refusals["connection_displaced"] >= IDLE_SOCKETS - 200
    assert len(service.app[STRANGERS].connections) <= 200
    for writer in writers:
        writer.close()
    await stop(service, ws, 60)


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: h\r\nX-Slow: ", head("GET /healthz")])
async def test_a_connection_that_goes_silent_is_closed(
    open_service: Service, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    """Before a head, in the middle of one, and after an answer that anybody may have."""
    for name in ("HEAD_TIMEOUT_S", "IDLE_TIMEOUT_S"):
        monkeypatch.setattr(connections, name, 0.1)
    async with connection(open_service, said) as (reader, _), asyncio.timeout(10):
        with suppress(ConnectionError):
            await reader.read()
    assert open_service.refusals == {"connection_silent": 1}


@pytest.mark.parametrize("path", ["/twilio/voice", "/twilio/stream-events", "/login"])
async def test_a_body_that_does_not_come_is_not_waited_for(
    open_service: Service, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """408 and the end of the connection."""
    monkeypatch.setattr(strangers, "REQUEST_TIMEOUT_S", 0.1)
    request = head(f"POST {path}", Origin="http://127.0.0.1", **LONG_SLOW_BODY).replace(b"Host: h", b"Host: 127.0.0.1")
    async with connection(open_service, request + b"CallSid=") as (reader, _):
        assert await status_of(reader) == 408
        assert b"Connection: close" in await reader.readuntil(b"\r\n\r\n")
        assert b"were not read within" in await reader.read()
    assert open_service.refusals == {"request_late": 1}


async def test_a_client_may_ask_so_much_at_once_and_others_never_notice(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the address that the trusted proxy gives, of which strangers can only add to the left."""
    monkeypatch.setattr(service.app[STRANGERS].requests, "_from_one", 2)

    def slow(client: str) -> bytes:
        return head("POST /twilio/voice", **LONG_SLOW_BODY | {"X-Forwarded-For": f"198.51.100.7, {client}"})

    async with (
        connection(service, slow("203.0.113.9")) as (first, _),
        connection(service, slow("203.0.113.9")),
    ):
        async with asyncio.timeout(10):
            while service.app[STRANGERS].requests.size < 2:
                await asyncio.sleep(0.01)
        async with connection(service, slow("203.0.113.9")) as (third, _):
            assert await status_of(third) == 429
        answer = head("GET /healthz", **{"X-Forwarded-For": "203.0.113.10"})
        async with connection(service, answer) as (other, _):
            assert await status_of(other) == 200
        assert not first.at_eof()
        async with service.http.get(
            service.base + "/v1/conferences", headers={"X-Forwarded-For": "203.0.113.9"}
        ) as refused:
            assert (refused.status, (await refused.json())["code"]) == (429, "too_many_requests")
    assert service.refusals == {"too_many_requests": 2, "request_broken_off": 2}
    async with asyncio.timeout(10):
        while service.app[STRANGERS].requests.size:
            await asyncio.sleep(0.01)


async def test_sockets_with_a_replayed_signature_are_limited_and_a_live_fork_goes_on(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four places, two of them for one address; who does not start loses its place after 5 s (here sooner)."""
    ws = await live_fork(service)
    recorded = service.signature(service.socket_url)

    async def replay(client: str) -> aiohttp.ClientWebSocketResponse:
        return await service.socket(recorded | {"X-Forwarded-For": client})

    waiting = [await replay("203.0.113.9") for _ in range(2)]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await replay("203.0.113.9")
    assert refused.value.status == 503
    waiting += [await replay(f"203.0.113.1{n}") for n in range(2)]
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await replay("203.0.113.19")
    assert service.refusals == {"too_many_strangers": 2}
    for socket in waiting:
        await socket.close()
    monkeypatch.setattr(media_socket, "START_TIMEOUT_S", 0.05)
    late = await replay("203.0.113.9")
    async with asyncio.timeout(10):
        await late.receive()
        while service.app[STRANGERS].sockets.size:
            await asyncio.sleep(0.01)
    await stop(service, ws, 10)


@pytest.mark.parametrize(("token", "reason"), [("", "fork_token_unknown"), (None, "fork_token_expired")])
async def test_a_replayed_signature_without_a_token_in_time_opens_no_fork(
    service: Service, monkeypatch: pytest.MonkeyPatch, token: str | None, reason: str
) -> None:
    """The upgrade is genuine, its token is not there or too old: closed, counted, and no row."""
    monkeypatch.setattr("sidecar.runtime.switchboard.TOKEN_LIFE", timedelta(seconds=-1))
    minted = await service.call(AGENT)
    ws = await service.socket()
    await ws.send_str(start_frame(AGENT, minted if token is None else token))
    async with asyncio.timeout(10):
        await ws.receive()
    assert ws.close_code == 1008
    assert service.refusals == {reason: 1}
    assert await service.events() == []


async def test_what_proxies_say_never_decides_about_a_signature(service: Service) -> None:
    """Not even a trusted one's: only the configured address is what Twilio signed."""
    form = {"CallSid": AGENT, "From": "+15550100"}
    theirs = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "X-Forwarded-For": "203.0.113.9"}
    for signed, status in (("https://evil.example/twilio/voice", 403), (service.base + "/twilio/voice", 200)):
        headers = service.signature(signed, form) | theirs
        async with service.http.post(service.base + "/twilio/voice", data=form, headers=headers) as answer:
            assert answer.status == status


async def test_shared_keys_sign_webhooks_and_sockets(tmp_path: Path) -> None:
    """SHA-256 with the key that the header names; the header names no other key and no other algorithm."""
    keys, form = "wsk_1:first, wsk_2:second", {"CallSid": AGENT, "From": "+15550100"}
    async with running_service(tmp_path, ScriptedRecogniser(), twilio_shared_keys=keys) as service:
        url = service.base + "/twilio/voice"
        settings = {SETTINGS_HEADER: "key=wsk_2,algorithm=HMAC_SHA256"}
        for secret, status in (("second", 200), ("first", 403), (TOKEN, 403)):
            signature = sign(secret, url, form.items(), digest=hashlib.sha256)
            async with service.http.post(url, data=form, headers={HEADER: signature} | settings) as answer:
                assert answer.status == status
        ws = await service.socket({HEADER: sign("second", service.socket_url, digest=hashlib.sha256)} | settings)
        await ws.close()
        assert service.refusals["signature_wrong"] == 2


@pytest.mark.parametrize("trusted", ["127.0.0.0/8", "", "203.0.113.0/24"])
async def test_https_at_the_proxy_counts_only_if_the_proxy_is_ours(tmp_path: Path, trusted: str) -> None:
    """Else anybody on the way could make browsers believe that a session is safe there."""
    async with running_service(tmp_path, ScriptedRecogniser(), trusted_proxies=trusted) as service:
        headers = {"Host": "10.1.2.3", "X-Forwarded-Host": "sidecar.example.com", "X-Forwarded-Proto": "https"}
        async with aiohttp.ClientSession() as browser, browser.get(service.base + "/login", headers=headers) as page:
            assert page.status == (200 if trusted == "127.0.0.0/8" else 403)


async def test_bodies_frames_and_zips_that_would_fill_memory_do_not(open_service: Service) -> None:
    """A frame that says it has a gigabyte, a form of hundreds of megabytes, a zip of one: each is cut off early."""
    service = open_service
    ws = await live_fork(service)
    packer = zlib.compressobj(wbits=31)
    zipped = b"".join([packer.compress(b"a="), *(packer.compress(bytes(MIB)) for _ in range(200)), packer.flush()])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    token = await service.call(CUSTOMER, room="other")
    upgrade = head(
        "GET /twilio/media", Connection="Upgrade", Upgrade="websocket",
        **{"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
           "Sec-WebSocket-Extensions": "permessage-deflate"} | service.signature(service.socket_url),
    )  # fmt: skip
    start = start_frame(CUSTOMER, token).encode()
    masked_start = b"\x81" + bytes([0x80 | 126]) + struct.pack("!H", len(start)) + b"\0\0\0\0" + start
    gigabyte = b"\x81" + bytes([0x80 | 127]) + struct.pack("!Q", 1 << 30) + b"\0\0\0\0"
    async with connection(service, upgrade) as (reader, writer):
        async with asyncio.timeout(10):
            answer = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in answer
        assert b"permessage-deflate" not in answer
        writer.write(masked_start + gigabyte)
        assert await pour(writer) < 1024  # what comes before the socket is closed is thrown away
    assert service.refusals["media_too_big"] == 1
    form = head("POST /twilio/voice", **LONG_SLOW_BODY | {"Content-Length": str(1 << 30)})
    async with connection(service, form) as (reader, writer):
        assert await pour(writer) < 1024
    async with service.http.post(
        service.base + "/twilio/voice",
        data=zipped,
        headers={"Content-Encoding": "gzip", "Content-Type": LONG_SLOW_BODY["Content-Type"]},
    ) as refused:
        assert refused.status == 413
    assert service.refusals["form_too_big"] >= 1
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * RSS_UNIT / MIB
    assert grown < 50
    await stop(service, ws, 20)


async def pour(writer: asyncio.StreamWriter) -> int:
    """Write until the other side has enough; how many MiB it took, at most 1,024."""
    piece = bytes(MIB)
    for n in range(1024):
        try:
            writer.write(piece)
            async with asyncio.timeout(10):
                await writer.drain()
        except ConnectionError:
            return n
    return 1024


async def test_anything_but_a_form_is_refused_unread(open_service: Service) -> None:
    """Twilio sends forms to us; files in particular would be written to disk before the signature is known."""
    url = open_service.base + "/twilio/voice"
    with aiohttp.MultipartWriter("form-data") as parts:
        parts.append(b"x").set_content_disposition("form-data", name="CallSid", filename="x")
    for data, headers in ((b"{}", {"Content-Type": "application/json"}), (parts, {})):
        async with open_service.http.post(url, data=data, headers=open_service.signature(url) | headers) as answer:
            assert answer.status == 403
    assert open_service.refusals == {"form_expected": 2}
