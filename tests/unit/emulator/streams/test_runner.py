"""What a stream tells about itself, against the golden forms."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from sidecar.emulator.state import Stream, StreamOrder, StreamStatus
from sidecar.emulator.streams.runner import stream_form

GOLDEN = Path(__file__).parents[3] / "golden" / "twilio"
NOW = datetime(2026, 11, 2, 9, 15, 7, 250_000, tzinfo=UTC)


def golden(path: str) -> dict[str, str]:
    return dict(parse_qsl((GOLDEN / path).read_text().strip(), strict_parsing=True))


@pytest.mark.parametrize("event", ["stream-started", "stream-stopped", "stream-error"])
def test_a_stream_tells_with_the_golden_form(event: str) -> None:
    """StreamError is there on an error only."""
    expected = golden(f"stream/{event}.form")
    stream = Stream(
        sid=expected["StreamSid"],
        call_sid=expected["CallSid"],
        order=StreamOrder(url="wss://h.example/", name=expected["StreamName"]),
        status=StreamStatus.LIVE,
        updated_at=NOW,
    )
    assert stream_form(expected["AccountSid"], stream, event, NOW, expected.get("StreamError")) == expected
