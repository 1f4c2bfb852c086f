"""What the scripts of the conference page and the panel start from, as JSON. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from sidecar.domain import blocks
from sidecar.domain import events as ev
from sidecar.domain.assistant.stay import Audience, Doing, Problem, Speaks
from sidecar.domain.assistant.words import ASSISTANT_REASONS
from sidecar.domain.conference.values import Conference, ConferenceState, Participant
from sidecar.domain.system_words import SYSTEM_WORDS


@dataclass(frozen=True, kw_only=True)
class Older:
    """The lines above the ``oldest`` one that is given: where a client reads on, and what they add up to."""

    oldest: ev.UtteranceFinal
    cursor: str
    earlier: blocks.Earlier


class AssistantNow(msgspec.Struct, frozen=True, kw_only=True):
    """What the events do not tell of the assistant. ``open``: one can be invited here. ``id`` "": none is there.

    ``engines``: who would think and speak, and what they cannot do, in words; ``problem``: the last one of this stay.
    The rest is that of ``assistant.state``; ``since_ms`` on the conference clock.
    """

    open: bool = False
    engines: str = ""
    id: str = ""
    state: Doing | None = None
    since_ms: int | None = None
    problem: Problem | None = None
    muted: bool = False
    speaks: Speaks = Speaks.ADDRESSED
    audience: Audience = Audience.ALL


def history(
    conference: Conference,
    roster: Sequence[Participant],
    events: Sequence[ev.Event],
    *,
    epoch: str,
    now: datetime,
    room: str,
) -> dict[str, Any]:
    """The call up to its newest event, and the words for what is still to come."""
    return {
        "conference": {
            "id": conference.id,
            "room": room,
            "clock_zero": conference.clock_zero,
            "ended": conference.state is ConferenceState.ENDED,
        },
        "roster": [{"participant": p.id, "name": p.name, "label": p.label, "role": p.role} for p in roster],
        "now": now,
        "epoch": epoch,
        "seq": conference.seq,
        "block_join_ms": blocks.BLOCK_JOIN_MS,
        "system_words": SYSTEM_WORDS,
        "assistant_reasons": ASSISTANT_REASONS,
        "gap_reasons": ev.GAP_REASONS,
        "events": [
            {"type": event.type, "seq": event.seq, "timestamp": event.timestamp, "data": _slim(event.data)}
            for event in events
        ],
    }


def older_lines(older: Older | None) -> dict[str, Any] | None:
    """Where to read on for the lines above."""
    if older is None:
        return None
    oldest = {"id": older.oldest.id, "start_ms": older.oldest.start_ms}
    return {"cursor": older.cursor, "oldest": oldest} | msgspec.structs.asdict(older.earlier)


_SHOWN = ("id", "participant", "revision", "start_ms", "end_ms", "text", "coaching", "late", "cut")


def _slim(data: ev.EventData) -> ev.EventData | dict[str, Any]:
    """Of utterances, most of a long history, only what the page shows."""
    if isinstance(data, ev.UtteranceFinal):
        return {name: getattr(data, name) for name in _SHOWN}
    return data
