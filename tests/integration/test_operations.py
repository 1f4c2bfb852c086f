"""What operators rely on: readiness, metrics for those who may, a limit that fails no call, logs without words."""

from __future__ import annotations

import asyncio
import io
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog

from sidecar.adapters.sql import Database, SqlDirectory
from sidecar.cli import logs
from sidecar.domain.conference.move import HIDES_NOTHING_MS
from sidecar.domain.errors import StoreUnavailable
from sidecar.ports.recogniser import FinalResult, PartialResult, SpeechStarted
from sidecar.wire.twilio_signature import HEADER, SETTINGS_HEADER
from tests.fakes import Script, ScriptedRecogniser
from tests.service import TOKEN, media_frame, running_service, start_frame

pytestmark = pytest.mark.traced(False)  # its parts are shown one by one elsewhere

AGENT, CUSTOMER = "CA" + "a" * 32, "CA" + "b" * 32
CF = "CF" + "c" * 32
NUMBER = "+15550100"
CANARY = "peppermint teapot"
SPEECH: Script = [
    (100, SpeechStarted(segment=0, start_ms=0)),
    (200, PartialResult(segment=0, start_ms=0, end_ms=200, text=CANARY[:10])),
    (300, FinalResult(segment=0, start_ms=0, end_ms=300, text=CANARY)),
]
AUDIO = "/" * 212 + "/w=="


@pytest.fixture
def debug_logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Everything that there is to log, as JSON on stderr."""
    root, level = list(logging.root.handlers), logging.root.level
    stderr = io.StringIO()
    monkeypatch.setattr("sys.stderr", stderr)
    logs.set_up("debug")
    yield stderr
    structlog.reset_defaults()
    logging.root.handlers[:] = root
    logging.root.setLevel(level)


async def test_a_call_leaves_no_word_number_or_secret_in_logs_and_metrics(
    tmp_path: Path, debug_logs: io.StringIO
) -> None:
    """At the most talkative level, errors included: a wrong signature, a bad frame, an engine that hangs up."""
    recogniser = ScriptedRecogniser(SPEECH, fail_at_ms=600)
    keys: dict[str, Any] = {"twilio_shared_keys": "wsk_1:shared-canary"}
    async with running_service(tmp_path, recogniser, metrics_token="scrape-canary", **keys) as service:
        token = await service.call(AGENT, room="room-canary")
        ws = await service.socket()
        await ws.send_str(start_frame(AGENT, token))
        await ws.send_str(media_frame(0, CANARY))
        await ws.send_bytes(CANARY.encode())
        for n in range(1, 25):
            await ws.send_str(media_frame(n, AUDIO))
        await service.until("utterance.final", room="room-canary")
        for n in range(25, 60):
            await ws.send_str(media_frame(n, AUDIO))
        form = {"CallSid": CUSTOMER, "From": NUMBER, "To": NUMBER}
        liars = dict.fromkeys((HEADER, SETTINGS_HEADER, "X-Forwarded-For", "Cookie"), "key=header-canary")
        forged_url = service.base + "/twilio/voice?name=query-canary"
        async with service.http.post(forged_url, data=form, headers=liars) as forged:
            assert forged.status == 403
        await ws.close()
        await service.until("fork.interrupted", room="room-canary")
        async with service.http.get(service.base + "/metrics") as answer:
            metrics = await answer.text()
    logged = debug_logs.getvalue()
    assert '"stream_ended"' in logged
    assert '"recogniser_failed"' in logged
    for secret in (
        CANARY,
        CANARY[:10],
        NUMBER,
        TOKEN,
        token,
        "scrape-canary",
        "room-canary",
        "shared-canary",
        "header-canary",
        "query-canary",
    ):
        assert secret not in logged
        assert secret not in metrics
    assert 'sidecar_events_total{type="utterance.final"} 1.0' in metrics
    assert 'sidecar_refused_total{reason="signature_wrong"} 1.0' in metrics
    assert 'sidecar_recogniser_errors_total{code="connection_lost",engine="scripted"} 1.0' in metrics
    assert not re.search(r"\b(cnf|par|frk|utt|ses|evt)_|\b(CA|CF|MZ|AC)[0-9a-f]{32}", metrics)


async def test_metrics_are_for_this_machine_and_for_who_shows_the_token(tmp_path: Path) -> None:
    """Through a proxy everybody is a stranger; readiness is open to all of them and tells only words."""
    proxied = {"X-Forwarded-For": "203.0.113.9", "Host": "sidecar.example.com"}
    async with running_service(tmp_path, ScriptedRecogniser(), metrics_token="s3cret") as service:

        async def status(path: str, **headers: str) -> int:
            async with service.http.get(service.base + path, headers=headers) as answer:
                return answer.status

        assert await status("/metrics") == 200
        assert await status("/metrics", **proxied) == 401
        assert await status("/metrics", **proxied, Authorization="Bearer wrong") == 401
        assert await status("/metrics", **proxied, Authorization="Bearer s3cret") == 200
        async with service.http.get(service.base + "/readyz", headers=proxied) as answer:
            assert (answer.status, (await answer.json())["status"]) == (200, "ready")
    async with running_service(tmp_path, ScriptedRecogniser()) as service:
        assert await status("/metrics", **proxied, Authorization="Bearer ") == 401


async def test_beyond_the_limit_calls_go_on_without_a_fork_and_the_gap_says_why(tmp_path: Path) -> None:
    """TwiML without a stream, an exact 503 for a socket, both counted; when there is room again, forks are taken."""
    async with running_service(tmp_path, ScriptedRecogniser(), max_forks=1) as service:
        early = await service.call(CUSTOMER, label="customer")
        ws = await service.socket()
        await ws.send_str(start_frame(AGENT, await service.call(AGENT)))
        await ws.send_str(media_frame(0))
        await service.until("fork.started")

        third = {"CallSid": "CA" + "d" * 32, "From": NUMBER, "To": NUMBER}
        status, twiml = await service.post("/twilio/voice?room=support&label=third", third)
        assert (status, "<Stream" in twiml, ">support</Conference>" in twiml) == (200, False, True)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await service.socket()
        assert refused.value.headers is not None
        assert (refused.value.status, refused.value.headers["Retry-After"]) == (503, "10")
        assert service.refusals == {"forks_full": 2}

        await ws.send_str('{"event": "stop", "sequenceNumber": "3", "stop": {}}')
        await service.until("fork.stopped")
        again = await service.socket()
        await again.send_str(start_frame(CUSTOMER, early))
        await again.send_str(media_frame(0))
        await asyncio.sleep(HIDES_NOTHING_MS / 1000 + 0.1)  # anything shorter is not worth a gap
        status, _ = await service.post(
            "/twilio/conference-events",
            {
                "StatusCallbackEvent": "conference-end",
                "ConferenceSid": CF,
                "FriendlyName": "support",
                "SequenceNumber": "1",
            },
        )
        assert status == 204
        events = await service.until("transcript.completed")
    gaps = [event["data"]["reason"] for event in events if event["type"] == "transcript.gap"]
    assert gaps == ["forks_full"]


async def test_a_call_goes_on_when_the_store_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be noted then, but the caller is put into the room that was asked for."""

    async def away(*_: object) -> None:
        raise StoreUnavailable("The database does not answer.")

    async with running_service(tmp_path, ScriptedRecogniser()) as service:
        monkeypatch.setattr(SqlDirectory, "open_fork", away)
        monkeypatch.setattr(Database, "check", away)
        form = {"CallSid": AGENT, "From": NUMBER, "To": NUMBER}
        status, twiml = await service.post("/twilio/voice?room=support&label=agent", form)
        assert (status, "<Stream" in twiml, ">support</Conference>" in twiml) == (200, False, True)
        assert service.refusals == {"store_unavailable": 1}
        async with service.http.get(service.base + "/readyz") as answer:
            assert (answer.status, (await answer.json())["checks"]["store"]["reason"]) == (503, "store_unavailable")
