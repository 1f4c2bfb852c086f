"""The base of all that events say."""

from __future__ import annotations

from typing import ClassVar

import msgspec


class EventData(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what an event says. ``type`` is its dotted, past-tense name on every wire."""

    type: ClassVar[str]
