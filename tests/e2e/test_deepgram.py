"""The whole service as processes, with two vendors emulated over sockets: nothing in it knows that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sidecar.emulator.scenario import SHIPPED
from tests.e2e.demo import run_sidecar
from tests.emulated_deepgram.server import COUNTING, KEY, running

# Part of a sample call, with a line that is longer than an utterance may last at Deepgram.
CALL = """
[[participants]]
label = "agent"
says = [{{ at = 0.5, wav = "{folder}/harbor_bikes.agent.wav", to = 24.0 }}]

[[participants]]
label = "customer"
says = [{{ at = 1.5, wav = "{folder}/harbor_bikes.customer.wav", to = 24.0 }}]
"""
pytestmark = pytest.mark.timeout(240)


async def test_a_sample_call_is_transcribed_by_deepgram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two people, a connection for each; what was told on it is what stands in the transcript, word for word."""
    async with running() as (emulator, url):
        for name, value in {
            "SIDECAR_STT": "deepgram",
            "SIDECAR_KEYTERMS": "Corner Dental",
            "SIDECAR_REDACT": "none",  # its people count, and some of that is a card's number
            "DEEPGRAM_API_KEY": KEY,
            "DEEPGRAM_BASE_URL": url,
        }.items():
            monkeypatch.setenv(name, value)
        scenario = tmp_path / "call.toml"
        scenario.write_text(CALL.format(folder=SHIPPED))
        status, out, err = await run_sidecar("demo", "--once", "--json", "--scenario", str(scenario))
    assert status == 0, err
    assert KEY not in out + err
    document = json.loads(out)
    assert document["gaps"] == []
    lines: dict[str, list[str]] = {}
    for line in document["utterances"]:
        assert line["end_ms"] - line["start_ms"] <= 18_000
        lines.setdefault(line["participant"], []).extend(line["text"].split())
    assert set(lines) == {"agent", "customer"}
    assert len(emulator.connections) == 2
    assert sorted(lines.values()) == sorted(connection.words for connection in emulator.connections)
    for words in lines.values():
        assert words == [COUNTING[n % len(COUNTING)] for n in range(len(words))]
        assert len(words) > 20
    for connection in emulator.connections:
        assert ("keyterm", "Corner Dental") in connection.query
        assert connection.controls[-1] == "CloseStream"
