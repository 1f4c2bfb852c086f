"""The parts of the benchmarks that can be wrong without anybody noticing: frames, times, quantiles, the page."""

from __future__ import annotations

import base64
import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.callers import text_frame
from benchmarks.parts import FRAME_BYTES, STAMP_BYTES, age_ms, now_stamp, quantiles, speech_frames
from benchmarks.report import page

MACHINE = {
    "date": "2026-11-23", "cores": 2, "load_before": [0.1, 0.2, 0.3], "python": "3.11.7", "system": "Linux x86_64",
    "aiohttp": "3.14.5", "uvloop": "0.23.0",
}  # fmt: skip
LAG = {"n": 10, "p50": 1.0, "p99": 4.5, "max": 6.0}


def media_run(kind: str, cost: float) -> dict[str, object]:
    return {
        "kind": kind, "forks": 200, "frames": 990, "expected_frames": 1000, "cpu_us_per_frame": cost,
        "cpu_percent": 20.0, "lag_ms": LAG, "load_late_ms": 0.5,
    }  # fmt: skip


@given(st.binary(max_size=2_000))
def test_a_frame_is_masked_with_zeros_and_says_its_length(text: bytes) -> None:
    """RFC 6455, 5.2: lengths below 126 in one byte, then in two more."""
    frame = text_frame(text)
    assert frame[0] == 0x81
    short = frame[1] & 0x7F
    length, head = (short, 2) if short < 126 else (struct.unpack(">H", frame[2:4])[0], 4)
    assert frame[1] & 0x80
    assert (length, frame[head : head + 4], frame[head + 4 :]) == (len(text), b"\0\0\0\0", text)


def test_a_stamp_survives_base64_beside_the_rest_of_its_frame() -> None:
    """They are encoded apart, and decoded together."""
    [frame] = speech_frames(1)
    joined = base64.b64encode(now_stamp()) + base64.b64encode(frame[STAMP_BYTES:])
    decoded = base64.b64decode(joined, validate=True)
    assert len(decoded) == FRAME_BYTES
    assert decoded[STAMP_BYTES:] == frame[STAMP_BYTES:]
    now_ms = time.monotonic_ns() / 1e6
    assert 0 <= age_ms(decoded) < now_ms


def test_quantiles_are_of_the_values_and_none_of_none() -> None:
    assert quantiles([float(n) for n in range(1, 102)]) == {"n": 101, "p50": 51.0, "p99": 100.0, "max": 101.0}
    assert quantiles([]) == {"n": 0}


def test_the_page_puts_the_service_beside_the_bridge_of_the_same_run() -> None:
    """A ratio is what can be compared; without a bridge there is none."""
    told = page({"machine": MACHINE, "media": [media_run("bridge", 16.0), media_run("bare", 20.0)]})
    assert "| service, bare client | 200 | 20.0 | 1.25 | 20.0 % | 1.0 | 4.5 | 0.5 | 99% |" in told
    assert "| 200 | 20.0 | - |" in page({"machine": MACHINE, "media": [media_run("bare", 20.0)]})


@pytest.mark.parametrize(
    ("scene", "results", "told"),
    [
        ("memory", {"memory_per_fork_kb": 312.4, "forks": 100}, "312 kB per fork"),
        (
            "latency",
            {
                "forks": 100,
                "disk_ms": LAG,
                "on_disk": {"final_ms": LAG, "partial_ms": {"n": 0}},
                "together": {"final_ms": LAG},
            },
            "| finals, store on the disk | 1.0 | 4.5 | 6.0 | 60 ms | 10 |",
        ),
        (
            "fan_out",
            {"subscribers": 1000, "delivered": 20000, "cpu_us_per_event": 4.2, "cpu_percent": 9.0, "final_ms": LAG},
            "1,000 subscribers, 20,000 events",
        ),
        (
            "assistant",
            {"rooms": 8, "turns": 120, "first_media_ms": LAG, "clear_ms": LAG, "silent_ms": LAG},
            "| to clear | 1.0 | 4.5 | 6.0 | p99 60 ms |",
        ),
        ("resume", {"events": 10000, "seconds": 0.4, "rounds": 5}, "10,000 events behind has them after 0.4 s"),
        (
            "talkers",
            [{"talkers": 8, "final_p95_s": 0.6, "partials_dropped": 0, "lost": 0, "cpu_per_speech_s": 0.09}],
            "| 8 | 0.6 | 0 | 0 | 0.09 |",
        ),
    ],
)
def test_each_scene_has_its_section_and_no_other_is_there(scene: str, results: object, told: str) -> None:
    text = page({"machine": MACHINE, scene: results})
    assert told in text
    assert text.count("\n## ") == 1
