"""Webhooks over HTTP: what reaches a receiver, what comes back, and where nothing is ever sent."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks import Webhook

from sidecar.adapters import webhook_http
from sidecar.adapters.webhook_http import HttpWebhookSender
from sidecar.cli.demo.certificate import make_certificate
from sidecar.domain.webhooks.addresses import AddressPolicy
from sidecar.domain.webhooks.endpoints import Outcome
from sidecar.ports.webhook_sender import Answer, Message
from sidecar.wire.standard_webhooks import new_secret

LOCAL = AddressPolicy(http=True, networks=(ip_network("127.0.0.0/8"),))
SECRETS = (new_secret(), new_secret())
BODY = '{"type":"conference.ended","data":{"text":"naïve 😀"}}'.encode()


def message(url: str) -> Message:
    return Message(id="evt_1", url=url, secrets=SECRETS, body=BODY)


def now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the library compares with the machine's clock


@asynccontextmanager
async def sending(policy: AddressPolicy = LOCAL, **options: Any) -> AsyncIterator[HttpWebhookSender]:
    sender = HttpWebhookSender(policy, version="1.2.3", **options)
    try:
        yield sender
    finally:
        await sender.close()


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def told(handler: Handler) -> tuple[Answer, list[web.Request]]:
    """One attempt at a receiver that does this, and what came to it on any path."""
    requests: list[web.Request] = []

    async def receive(request: web.Request) -> web.StreamResponse:
        requests.append(request)
        await request.read()
        return await handler(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receive)
    async with TestServer(app) as server, sending() as sender:
        answer = await sender.send(message(str(server.make_url("/hooks"))), at=now())
    return answer, requests


def saying(status: int, text: str = "", **headers: str) -> Handler:
    async def handler(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return handler


async def test_a_receiver_can_verify_what_it_gets_with_either_secret() -> None:
    answer, (request,) = await told(saying(204))
    assert (answer.outcome, answer.status, answer.error) == (Outcome.DELIVERED, 204, "")
    assert request.method == "POST"
    assert request.headers["User-Agent"] == "conference-sidecar/1.2.3"
    assert request.content_type == "application/json"
    assert "Cookie" not in request.headers
    body = await request.read()
    assert body == BODY
    for secret in SECRETS:
        Webhook(secret).verify(body, dict(request.headers))


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.DELIVERED),
        (299, Outcome.DELIVERED),
        (400, Outcome.REFUSED),
        (404, Outcome.REFUSED),
        (410, Outcome.GONE),
        (429, Outcome.THROTTLED),
        (500, Outcome.REFUSED),
        (502, Outcome.THROTTLED),
        (503, Outcome.REFUSED),
        (504, Outcome.THROTTLED),
    ],
)
async def test_the_status_decides(status: int, outcome: Outcome) -> None:
    answer, _ = await told(saying(status, "why"))
    assert (answer.outcome, answer.status, answer.response) == (outcome, status, "why")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirection_is_a_failure_and_is_not_followed(status: int) -> None:
    answer, requests = await told(saying(status, Location="/elsewhere"))
    assert answer.outcome is Outcome.REFUSED
    assert [request.path for request in requests] == ["/hooks"]


@pytest.mark.parametrize(
    ("headers", "wish"),
    [
        ({"Retry_After": "120"}, timedelta(seconds=120)),
        (
            {"Retry_After": "Sun, 01 Mar 2026 12:01:00 GMT", "Date": "Sun, 01 Mar 2026 12:00:00 GMT"},
            timedelta(minutes=1),
        ),
        ({"Retry_After": "Sun, 01 Mar 2026 11:00:00 GMT", "Date": "Sun, 01 Mar 2026 12:00:00 GMT"}, timedelta(0)),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "-1"}, None),
        ({"Retry_After": "9" * 400}, timedelta(seconds=999_999_999)),
        ({}, None),
    ],
)
async def test_a_receiver_s_wish_to_wait_is_understood(headers: dict[str, str], wish: timedelta | None) -> None:
    answer, _ = await told(saying(429, **headers))
    assert answer.retry_after == wish


async def test_of_a_long_answer_the_first_kilobyte_is_kept_and_little_more_is_read() -> None:
    sent = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while sent < 50_000_000:
                await response.write(b"x" * 10_000)
                sent += 10_000
        except OSError:
            pass
        return response

    answer, _ = await told(handler)
    assert (answer.outcome, answer.response) == (Outcome.DELIVERED, "x" * 1024)
    assert sent < 50_000_000


async def test_an_answer_that_never_ends_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_http, "BODY_TIMEOUT_S", 0.05)
    closed = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"thank ")
        try:
            await closed.wait()
        finally:
            closed.set()
        return response

    answer, _ = await told(handler)
    assert (answer.outcome, answer.response) == (Outcome.DELIVERED, "thank ")


async def test_a_receiver_that_does_not_answer_in_time_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_http, "ATTEMPT_TIMEOUT_S", 0.05)

    async def handler(_request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    answer, _ = await told(handler)
    assert (answer.outcome, answer.status) == (Outcome.TIMED_OUT, None)


async def test_what_is_no_http_and_what_hangs_up_is_unreachable() -> None:
    speeches = [b"220 mail.example.com ESMTP\r\n", b"", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000]

    async def speak(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(speeches.pop(0))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, sending() as sender:
        while speeches:
            answer = await sender.send(message(f"http://127.0.0.1:{port}"), at=now())
            assert answer.outcome is Outcome.UNREACHABLE
            assert answer.error.startswith("no answer")
    async with sending() as sender:
        answer = await sender.send(message(f"http://127.0.0.1:{port}"), at=now())
        assert (answer.outcome, answer.error) == (Outcome.UNREACHABLE, "no connection: Connection refused")


async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await told(saying(200)))[0].outcome is Outcome.DELIVERED


NAMES = {
    "private.example.com": ["10.0.0.8"],
    "here.example.com": ["127.0.0.1"],
    "here6.example.com": ["::1"],
    "mapped.example.com": ["::ffff:127.0.0.1"],
    "nat64.example.com": ["64:ff9b::7f00:1"],
    "sixtofour.example.com": ["2002:7f00:1::"],
    "mixed.example.com": ["93.184.215.14", "127.0.0.1"],
    "mixed6.example.com": ["2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::1"],
    "metadata.google.internal": ["169.254.169.254"],
    "any.example.com": ["0.0.0.0"],
    "127.0.0.1.nip.example": ["127.0.0.1"],
    "scoped.example.com": ["fe80::1%1"],
    "xn--fsq.example.com": ["192.168.1.1"],
}


def look_up(host: str, port: int, family: int) -> list[Any]:
    """The names above; what only looks like a name is for the system, which knows numbers of every spelling."""
    if (addresses := NAMES.get(host.rstrip(".").lower())) is not None:
        found: list[Any] = []
        for address in addresses:
            kind = socket.AF_INET6 if ":" in address else socket.AF_INET
            found.append((kind, socket.SOCK_STREAM, 6, "", (address, port)))
        return found
    if host.rstrip(".").lower() in ("localhost", "localhost.localdomain", "ip6-localhost"):
        host = "localhost"
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)


# {p}: a port on which something listens on every address of this machine.
FORGED = [
    "http://127.0.0.1:{p}/", "https://127.0.0.1:{p}/", "http://127.1:{p}/", "http://127.0.1:{p}/",
    "http://127.255.255.254:{p}/", "http://2130706433:{p}/", "http://0x7f000001:{p}/", "http://0x7f.1:{p}/",
    "http://0x7f.0x0.0x0.0x1:{p}/", "http://017700000001:{p}/", "http://0177.0.0.1:{p}/", "http://0177.0.0.0x1:{p}/",
    "http://127.0.0.1.:{p}/", "http://00000127.0.0.1:{p}/", "http://0:{p}/", "http://0.0.0.0:{p}/", "http://00:{p}/",
    "http://localhost:{p}/", "http://LOCALHOST:{p}/", "http://localhost.:{p}/", "http://localhost.localdomain:{p}/",
    "http://ip6-localhost:{p}/", "http://[::]:{p}/", "http://[::1]:{p}/", "http://[0:0:0:0:0:0:0:1]:{p}/",
    "http://[0000:0000:0000:0000:0000:0000:0000:0001]:{p}/", "http://[::ffff:127.0.0.1]:{p}/",
    "http://[::ffff:7f00:1]:{p}/", "http://[::ffff:0:127.0.0.1]:{p}/", "http://[::127.0.0.1]:{p}/",
    "http://[64:ff9b::127.0.0.1]:{p}/", "http://[64:ff9b::7f00:1]:{p}/", "http://[64:ff9b:1::7f00:1]:{p}/",
    "http://[2002:7f00:1::]:{p}/", "http://[::1%25lo]:{p}/", "http://[::1%lo]:{p}/", "http://[fe80::1%25lo]:{p}/",
    "http://①②⑦.⓪.⓪.①:{p}/", "http://127。0。0。1:{p}/", "http://１２７.0.0.1:{p}/", "http://ⓛocalhost:{p}/",
    "http://127.0.0.1%00.example.com:{p}/", "http://%31%32%37.0.0.1:{p}/", "http://127.0.0.1%2eexample.com:{p}/",
    "http://user@127.0.0.1:{p}/", "http://user:secret@localhost:{p}/", "http://crm.example.com@127.0.0.1:{p}/",
    "http://127.0.0.1:{p}@crm.example.com/", "http://127.0.0.1:{p}#@crm.example.com/",
    "http://crm.example.com\\@127.0.0.1:{p}/", "http://127.0.0.1:{p}\\@crm.example.com/",
    "http://crm.example.com:80@127.0.0.1:{p}/", "http://127.0.0.1:{p}\t/", "http://\t127.0.0.1:{p}/",
    "ht\ntp://127.0.0.1:{p}/", "http:127.0.0.1:{p}/", "http:/127.0.0.1:{p}/", "http:///127.0.0.1:{p}/",
    "//127.0.0.1:{p}/", "127.0.0.1:{p}", "http://[127.0.0.1]:{p}/", "http://[::ffff:127.0.0.1:{p}/",
    "ftp://127.0.0.1:{p}/", "gopher://127.0.0.1:{p}/_GET", "file:///etc/passwd", "unix:///var/run/docker.sock",
    "ws://127.0.0.1:{p}/", "dict://127.0.0.1:{p}/", "http+unix://127.0.0.1:{p}/",
    "http://10.0.0.8:{p}/", "http://172.16.0.1:{p}/", "http://192.168.1.1:{p}/", "http://100.64.0.1:{p}/",
    "http://169.254.169.254/latest/meta-data/", "http://2852039166/latest/", "http://0xA9FEA9FE/", "http://[fd00:ec2::254]/",
    "http://[::ffff:a9fe:a9fe]/", "http://100.100.100.200/", "http://168.63.129.16/", "http://192.0.0.192/",
    "http://224.0.0.1:{p}/", "http://255.255.255.255:{p}/", "http://[ff02::1]:{p}/", "http://[fec0::1]:{p}/",
    *(f"http://{name}:{{p}}/" for name in NAMES),
]  # fmt: skip


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[int, list[Any]]]:
    """A port on every address of this machine, and whoever connected to it."""
    visitors: list[Any] = []

    async def visited(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visitors.append(writer.get_extra_info("peername"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(visited, "0.0.0.0", 0)
    port: int = server.sockets[0].getsockname()[1]
    others = [await asyncio.start_server(visited, "::", port)] if socket.has_ipv6 else []
    try:
        yield port, visitors
    finally:
        for each in (server, *others):
            each.close()
            await each.wait_closed()


async def test_no_forged_url_connects_to_anything() -> None:
    """A listener on every address of this machine hears nothing."""
    assert len(FORGED) >= 50
    async with listening() as (port, visitors), sending(AddressPolicy(http=True), look_up=look_up) as sender:
        for url in FORGED:
            answer = await sender.send(message(url.replace("{p}", str(port))), at=now())
            assert answer.outcome in (Outcome.BLOCKED, Outcome.UNREACHABLE), url
            assert answer.status is None
        for blocked in ("http://[::1]", "http://localhost", "http://here.example.com", "http://mixed.example.com"):
            answer = await sender.send(message(f"{blocked}:{port}/"), at=now())
            assert answer.outcome is Outcome.BLOCKED, blocked
        assert visitors == []

    # The listener does hear those who are allowed to come: the names above lead there.
    async with listening() as (port, visitors), sending(LOCAL, look_up=look_up) as sender:
        for url in ("http://127.0.0.1:{p}/", "http://here.example.com:{p}/", "http://mapped.example.com:{p}/"):
            answer = await sender.send(message(url.replace("{p}", str(port))), at=now())
            assert answer.outcome is Outcome.DELIVERED, (url, answer)
        assert len(visitors) == 3


async def test_the_address_that_is_checked_is_the_one_that_is_connected_to() -> None:
    """A name that is public when somebody looks, and leads to this machine when it is connected to, or next time."""
    answers = [["127.0.0.1"], ["127.0.0.1"]]

    def rebinding(_host: str, port: int, _family: int) -> list[Any]:
        (address,) = answers.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    async with listening() as (port, visitors), sending(AddressPolicy(http=True), look_up=rebinding) as sender:
        for _ in range(2):
            answer = await sender.send(message(f"http://crm.example.com:{port}/"), at=now())
            assert (answer.outcome, visitors) == (Outcome.BLOCKED, [])
    assert answers == [], "each attempt asks anew"


async def test_http_that_was_allowed_once_is_refused_when_it_no_longer_is() -> None:
    async with listening() as (port, visitors), sending(AddressPolicy(networks=LOCAL.networks)) as sender:
        answer = await sender.send(message(f"http://127.0.0.1:{port}/"), at=now())
        assert (answer.outcome, visitors) == (Outcome.BLOCKED, [])


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(tmp_path: Path) -> None:
    made = make_certificate(tmp_path, ["127.0.0.1"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.file, made.key)
    app = web.Application()
    app.router.add_post("/", saying(200))
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=context)
    async with sending() as sender:
        answer = await sender.send(message(f"https://127.0.0.1:{server.port}/"), at=now())
    await server.close()
    assert (answer.outcome, answer.error) == (Outcome.UNREACHABLE, "its TLS certificate is not trusted")
