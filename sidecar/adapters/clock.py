"""The machine's clock, and ids and tokens from its randomness."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime

from ulid import ULID


class SystemClock:
    """Fulfils ports.clock.Clock."""

    def now(self) -> datetime:
        """The present moment in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def new_id(self, kind: str) -> str:
        """``<kind>_<ULID>``."""
        return f"{kind}_{ULID()}"

    def new_token(self) -> str:
        """128 random bits, URL-safe."""
        return secrets.token_urlsafe(16)
