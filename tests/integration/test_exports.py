"""Transcripts as files from the whole service, over real sockets, and from its database by the command."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import json
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from sidecar.domain.conference.values import Role
from sidecar.domain.events import ConferenceEnded, ParticipantJoined, TranscriptCompleted, TranscriptGap
from sidecar.domain.exports import FORMATS
from sidecar.ports.directory import BoundFork
from sidecar.server.api import transcripts
from sidecar.server.app_keys import DIRECTORY, EVENT_LOG
from tests.callers import KEY
from tests.commands import run_here
from tests.facts import draft, open_call, said
from tests.fakes import ScriptedRecogniser
from tests.service import Service, running_service

CF = "CF" + "1" * 32


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """The whole service."""
    async with running_service(tmp_path, ScriptedRecogniser([])) as running:
        yield running


async def a_call(service: Service, *, lines: int = 3, text: str = "Hello") -> BoundFork:
    """Ana in a conference that goes on, with a gap of two seconds behind her lines."""
    directory, log = service.app[DIRECTORY], service.app[EVENT_LOG]
    bound = await open_call(directory)
    conference, who = bound.conference.id, bound.participant
    await directory.bind_conference(conference, CF)
    joined = ParticipantJoined(
        participant=who.id, call_sid=who.call_sid, label="agent", name="Ana", role=Role.AGENT, at_ms=0
    )
    await log.append([draft(conference, joined), *(said(bound, n, text=f"{text} {n}") for n in range(lines))])
    at = lines * 1000
    gap = TranscriptGap(
        participant=who.id, fork=bound.fork.id, from_ms=at, to_ms=at + 2000, reason="stream_reconnected"
    )
    await log.append([draft(conference, gap)])
    return bound


async def complete(service: Service, bound: BoundFork) -> None:
    """The call is over and everything is written."""
    over = ConferenceEnded(reason="left", at_ms=9000)
    manifest = TranscriptCompleted(utterances=3, gaps=1, gap_ms=2000, last_seq=6, sha256="0" * 64, revision=1)
    await service.app[EVENT_LOG].append([draft(bound.conference.id, over), draft(bound.conference.id, manifest)])


async def fetch(service: Service, path: str) -> tuple[aiohttp.ClientResponse, str]:
    """An answer with its body read."""
    async with service.http.get(service.base + path) as answer:
        return answer, (await answer.read()).decode()


async def test_each_format_says_what_it_is_and_that_the_call_goes_on(service: Service) -> None:
    bound = await a_call(service)
    for form in FORMATS:
        answer, body = await fetch(service, f"/v1/conferences/{bound.conference.id}/transcript.{form}")
        assert answer.status == 200
        assert answer.headers["Content-Type"] == f"{FORMATS[form].content_type}; charset=utf-8"
        name = re.fullmatch(r'attachment; filename="([\w.-]+)"', answer.headers["Content-Disposition"])
        assert name is not None
        assert name[1] == f"support-20260301T120000Z-partial.{form}"
        assert answer.headers["X-Transcript-Partial"] == "true"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert all(f"Hello {n}" in body for n in range(3)), form


async def test_a_complete_transcript_is_not_marked_and_goes_by_either_id(service: Service) -> None:
    bound = await a_call(service)
    await complete(service, bound)
    by_ours, ours = await fetch(service, f"/v1/conferences/{bound.conference.id}/transcript.json")
    by_theirs, theirs = await fetch(service, f"/v1/conferences/{CF}/transcript.json")
    assert ours == theirs
    assert "X-Transcript-Partial" not in by_ours.headers
    assert 'filename="support-20260301T120000Z.json"' in by_theirs.headers["Content-Disposition"]
    document = json.loads(ours)
    assert (document["partial"], document["manifest"]["utterances"]) == (False, 3)
    assert [line["text"] for line in document["utterances"]] == ["Hello 0", "Hello 1", "Hello 2"]
    assert [gap["reason"] for gap in document["gaps"]] == ["stream_reconnected"]


async def test_a_transcript_of_many_pages_and_chunks_is_whole(service: Service) -> None:
    bound = await a_call(service, lines=1100, text="A rather long line, to fill more than one chunk," * 2)
    _, body = await fetch(service, f"/v1/conferences/{bound.conference.id}/transcript.csv")
    rows = list(csv.DictReader(io.StringIO(body, newline="")))
    assert [int(row["seq"]) for row in rows] == list(range(2, 1103))
    assert [row["kind"] for row in rows[-2:]] == ["utterance", "gap"]


async def test_head_tells_the_headers_only(service: Service) -> None:
    bound = await a_call(service)
    async with service.http.head(f"{service.base}/v1/conferences/{bound.conference.id}/transcript.txt") as answer:
        assert (answer.status, answer.headers["X-Transcript-Partial"]) == (200, "true")
        assert await answer.read() == b""


@pytest.mark.parametrize("path", ["cnf_nobody/transcript.txt", "{id}/transcript.docx", "{id}/transcript.%2e%2e"])
async def test_what_is_not_there_is_a_problem(service: Service, path: str) -> None:
    bound = await a_call(service, lines=1)
    answer, body = await fetch(service, f"/v1/conferences/{path.format(id=bound.conference.id)}")
    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert json.loads(body)["code"] == "not_found"


async def test_a_client_that_does_not_read_is_cut_off(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcripts, "WRITE_TIMEOUT_S", 0.2)
    bound = await a_call(service, lines=300, text="x" * 50_000)
    host, port = service.base.removeprefix("http://").split(":")
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, (host, int(port)))
        path = f"/v1/conferences/{bound.conference.id}/transcript.txt"
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}:{port}", f"Authorization: Bearer {KEY}", "", ""]
        await loop.sock_sendall(client, "\r\n".join(lines).encode())
        await asyncio.sleep(1.0)  # real time is the thing under test
        received = 0
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(10):
                while data := await loop.sock_recv(client, 65_536):
                    received += len(data)
    assert received < 300 * 50_000


# The command.


def database_url(tmp_path: Path) -> str:
    """The service's database."""
    return f"sqlite:///{tmp_path}/sidecar.sqlite3"


async def export(tmp_path: Path, *arguments: str) -> tuple[int, str, str]:
    """``sidecar transcripts export …`` with the service's database."""
    given = arguments if "--database-url" in arguments else (*arguments, "--database-url", database_url(tmp_path))
    return await asyncio.to_thread(run_here, "transcripts", "export", *given)


async def test_the_command_writes_the_same_as_the_service_while_it_runs(service: Service, tmp_path: Path) -> None:
    bound = await a_call(service)
    for form in ("txt", "json"):
        status, out, err = await export(tmp_path, bound.conference.id, "--format", form)
        assert (status, err) == (0, "sidecar: this transcript is partial: more may follow.\n")
        assert out == (await fetch(service, f"/v1/conferences/{bound.conference.id}/transcript.{form}"))[1]


async def test_the_command_works_when_the_service_has_stopped_and_writes_a_file(tmp_path: Path) -> None:
    async with running_service(tmp_path, ScriptedRecogniser([])) as service:
        bound = await a_call(service)
        await complete(service, bound)
    file = tmp_path / "call.vtt"
    assert await export(tmp_path, CF, "--format", "vtt", "--output", str(file)) == (0, "", "")
    assert file.read_bytes().startswith(b"WEBVTT\n\nutt_")


async def test_what_the_command_cannot_do_is_one_line(service: Service, tmp_path: Path) -> None:
    bound = await a_call(service)
    elsewhere = tmp_path / "elsewhere.sqlite3"
    cases = {
        ("cnf_nobody",): "There is no conference cnf_nobody.",
        (bound.conference.id, "--format", "docx"): "txt, vtt, srt, json, csv",
        (bound.conference.id, "--output", str(tmp_path / "no" / "folder.txt")): "folder.txt cannot be written",
        (bound.conference.id, "--database-url", f"sqlite:///{elsewhere}"): "There is no database",
    }
    for arguments, expected in cases.items():
        status, out, err = await export(tmp_path, *arguments)
        assert (status, out) == (1, "")
        assert expected in err
        assert len(err.strip().splitlines()) == 1
    assert not elsewhere.exists()
