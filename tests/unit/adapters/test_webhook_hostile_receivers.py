"""Receivers that answer what nobody should: each attempt ends in time, as an answer, and nothing is raised."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.adapters import webhook_http
from sidecar.domain.webhooks.endpoints import Outcome
from tests.unit.adapters.test_webhook_http import message, now, sending

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

ENDLESS = {
    "body": itertools.chain([HEAD, b"\r\n"], itertools.repeat(b"x" * 60_000)),
    "chunks": itertools.chain([CHUNKED], itertools.repeat(b"1\r\nx\r\n")),
    "headers": itertools.chain([HEAD], itertools.repeat(b"X: y\r\n")),
    "line": itertools.chain([b"HTTP/1.1 200 "], itertools.repeat(b"O")),
    "provisional": itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "hints": itertools.repeat(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
}
CRIPPLED = [
    CHUNKED + b"ZZZ\r\nx\r\n", CHUNKED + b"-1\r\n", CHUNKED + b"fffffffffffffffff\r\nx", CHUNKED + b"5\r\nab",
    HEAD + b"Content-Length: 10\r\n\r\nab", HEAD + b"Content-Length: -1\r\n\r\n", HEAD + b"Content-Length: x\r\n\r\n",
    HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc", HEAD + b"Content-Encoding: gzip\r\n\r\nnot gzip",
    HEAD + b"Content-Type: \xff\xfe\r\nContent-Length: 2\r\n\r\n\x00\xff", HEAD + b"\x00: \x00\r\n\r\n",
    b"HTTP/1.1 999 Odd\r\n\r\n", b"HTTP/1.1 99999 Odd\r\n\r\n", b"HTTP/9.9 200 OK\r\n\r\n",
    b"HTTP/1.1 101 Switching\r\n\r\n",
    b"HTTP/1.1 429 No\r\nRetry-After: Mon, 99 Foo 9999 99:99:99 GMT\r\nContent-Length: 0\r\n\r\n",
    HEAD + b"Set-Cookie: " + b"a" * 4_000 + b"\r\nContent-Length: 0\r\n\r\n", b"\r\n" * 5_000, b"\xff" * 20_000,
]  # fmt: skip


async def attempt(speech: Iterable[bytes]) -> Outcome:
    """What comes of one, within the limits that an attempt has."""

    async def speak(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for piece in speech:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, sending() as sender:
        return (await sender.send(message(f"http://127.0.0.1:{port}"), at=now())).outcome


@pytest.mark.parametrize("speech", ENDLESS.values(), ids=list(ENDLESS))
async def test_an_answer_without_an_end_ends(speech: Iterable[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_http, "ATTEMPT_TIMEOUT_S", 0.3)
    monkeypatch.setattr(webhook_http, "BODY_TIMEOUT_S", 0.1)
    assert await attempt(speech) in set(Outcome)


async def test_a_crippled_answer_is_an_answer_or_none() -> None:
    for answer in CRIPPLED:
        assert await attempt([answer]) in set(Outcome), answer


@settings(max_examples=25, deadline=None)
@given(answer=st.binary(max_size=200), headed=st.sampled_from([b"", HEAD, CHUNKED]))
def test_whatever_is_answered_nothing_is_raised(answer: bytes, headed: bytes) -> None:
    assert asyncio.run(attempt([headed + answer])) in set(Outcome)
