"""Answers to requests that carry an ``Idempotency-Key``: whoever asks again with the same key gets the same answer."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from sidecar.domain.errors import SidecarError


class KeyRefused(SidecarError):
    """An Idempotency-Key that does not fit: idempotency_key_reused (for another request), idempotency_key_in_use (the
    first request with it has no answer yet, and maybe never will: its process may have died; or none that opens)."""

    code = "idempotency_key_reused"


class KeyedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """``caller``: whose key it is (keys of two callers have nothing to do with each other).

    ``fingerprint``: the same for the same request and no other; of a request with a telephone number, only a hash.
    ``secret``: only this caller has it, and it is kept nowhere. With it the answer is kept so that nobody else can read
    it, for it tells a secret too; "": in the open.
    """

    caller: str
    key: str
    fingerprint: str
    secret: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """HTTP status, media type and body; ``location``: the address of what was made, or ""."""

    status: int
    content_type: str
    body: bytes
    location: str = ""


class Answers(Protocol):
    """Rows in short transactions, kept for a day. All methods raise StoreUnavailable."""

    async def find(self, request: KeyedRequest) -> Answer | None:
        """The answer that was given, if any. Raises KeyRefused (reused)."""
        ...

    async def claim(self, request: KeyedRequest, *, now: datetime) -> Answer | None:
        """None to exactly one who asks: go on, then ``keep`` or ``release``. The others: the answer, or KeyRefused."""
        ...

    async def keep(self, request: KeyedRequest, answer: Answer, *, now: datetime) -> None:
        """The answer from now on. The first one that is kept stays."""
        ...

    async def release(self, request: KeyedRequest) -> None:
        """Nothing came of a claim: the key is free again. An answer that was kept stays."""
        ...
