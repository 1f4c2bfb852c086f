"""One attempt of a delivery, over the network."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from sidecar.domain.webhooks.endpoints import Outcome


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What goes where. ``secrets``: all that are valid; each signs."""

    id: str
    url: str
    secrets: tuple[str, ...]
    body: bytes


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. ``error``: why it is none, for people. ``retry_after``: the receiver's wish, None without one."""

    outcome: Outcome
    status: int | None = None
    error: str = ""
    response: str = ""
    retry_after: timedelta | None = None


class WebhookSender(Protocol):
    """Signs and sends. Never raises for what a receiver, a network or a URL does."""

    async def send(self, message: Message, *, at: datetime) -> Answer:
        """Try once. ``at``: the time that is signed."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
