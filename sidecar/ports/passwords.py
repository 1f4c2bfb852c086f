"""Slow hashes of passwords."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Checked(NamedTuple):
    """``right``: password and hash belong together. ``better``: a hash of it by today's parameters, if they changed."""

    right: bool
    better: str | None = None


class Passwords(Protocol):
    """Takes tens of milliseconds of a processor on purpose, beside the event loop."""

    async def hashed(self, password: str) -> str:
        """With a salt of its own, and with the parameters in it."""
        ...

    async def check(self, password: str, hashed: str | None) -> Checked:
        """``hashed`` None: nobody has it. That is wrong, and takes as long as any other answer."""
        ...
