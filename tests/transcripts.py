"""Transcripts for tests of exports: the golden calls, and any call from who said what."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sidecar.domain import events as ev
from sidecar.domain.conference.values import Conference, ConferenceState, Role
from sidecar.domain.exports import Export, read_export

GOLDEN = Path(__file__).parent / "golden" / "exports"
ZERO = datetime(2026, 11, 1, 12, 41, tzinfo=UTC)
Said = tuple[str, str, int, int]
"""Name, text, start and length in ms."""


def golden_export(case: str) -> Export:
    """The call of ``tests/golden/exports/<case>/events.json``."""
    told = json.loads((GOLDEN / case / "events.json").read_text())
    call = conference(room=told["room"], sid=told["sid"], zero=datetime.fromisoformat(told["clock_zero"]))
    events = [
        event(
            fact["seq"],
            ev.decode_data(fact["type"], json.dumps(fact["data"])),
            at=datetime.fromisoformat(fact["timestamp"]),
        )
        for fact in told["events"]
    ]
    return read_export(call, [], events)


def export_of_lines(lines: Sequence[Said]) -> Export:
    """A call that goes on, in which these spoke; everybody who speaks is somebody of their own."""
    events: list[ev.Event] = []
    for n, (name, text, start, length) in enumerate(lines):
        who = f"par_{n}"
        joined = ev.ParticipantJoined(
            participant=who, call_sid=f"CA{n}", label="", name=name, role=Role.CUSTOMER, at_ms=0
        )
        said = ev.UtteranceFinal(
            id=f"utt_{n:04}", participant=who, fork="frk_1", session="ses_1", result_index=n, revision=1,
            start_ms=start, end_ms=start + length, text=text, engine="local", lag_ms=1,
        )  # fmt: skip
        events += [event(2 * n + 1, joined), event(2 * n + 2, said)]
    return read_export(conference(), [], events)


def conference(*, room: str = "support-1", sid: str | None = None, zero: datetime = ZERO) -> Conference:
    """A conference as the directory has it."""
    return Conference(
        id="cnf_1", tenant="default", room=room, sid=sid, state=ConferenceState.LIVE, clock_zero=zero, ended_at=None,
        seq=0,
    )  # fmt: skip


def event(seq: int, data: ev.EventData, *, at: datetime = ZERO) -> ev.Event:
    """An envelope as the log gives it."""
    return ev.Event(
        id=f"evt_{seq}", type=data.type, seq=seq, timestamp=at, conference="cnf_1", conference_sid=None,
        tenant="default", data=data,
    )  # fmt: skip
