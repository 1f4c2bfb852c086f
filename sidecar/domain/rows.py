"""The rows of a transcript as people read it: what was said, what is missing, what was noted, what happened.

``domain.blocks`` makes them from events and puts them in order; the page shows them, and exports write them.
"""

from __future__ import annotations

from datetime import datetime

import msgspec


class UtteranceRow(msgspec.Struct, frozen=True, kw_only=True, tag="utterance", tag_field="kind"):
    """One utterance. ``opens_block``: it begins a block; else it continues the one above. ``cut``: what the assistant
    had ready behind it and nobody heard.

    ``late``: it was heard again from the recording of an interruption, so it came behind later lines.
    """

    key: str
    participant: str
    at_ms: int
    end_ms: int
    revision: int
    text: str
    coaching: bool
    late: bool = False
    opens_block: bool
    cut: str = ""


class GapRow(msgspec.Struct, frozen=True, kw_only=True, tag="gap", tag_field="kind"):
    """Audio of a participant from ``at_ms`` to ``to_ms`` that was not transcribed."""

    key: str
    participant: str
    at_ms: int
    to_ms: int
    reason: str
    detail: str = ""


class NoteRow(msgspec.Struct, frozen=True, kw_only=True, tag="note", tag_field="kind"):
    """What somebody (``by``) noted to this moment."""

    key: str
    at_ms: int
    text: str
    by: str
    participant: None = None


class SystemRow(msgspec.Struct, frozen=True, kw_only=True, tag="system", tag_field="kind"):
    """Something that happened on the call; ``blocks.SYSTEM_WORDS[type]`` says it. The counts are those of the
    manifest.

    ``by``, ``reason``: who paused or resumed, and what for; who invited or dismissed the assistant, and why it went.
    """

    key: str
    type: str
    at_ms: int
    timestamp: datetime
    participant: str | None
    by: str = ""
    reason: str = ""
    utterances: int = 0
    gaps: int = 0
    gap_ms: int = 0


Row = UtteranceRow | GapRow | NoteRow | SystemRow
