"""Passwords by Argon2id, in threads: hashing must not hold up media frames.

The parameters are those of the OWASP cheat sheet's second line (19 MiB, two passes, one lane):
https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
"""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from sidecar.ports.passwords import Checked

MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1
# Hashes at once: each takes MEMORY_KIB and a core. Who comes later waits.
AT_ONCE = 2


class ArgonPasswords:
    """Fulfils ``ports.passwords.Passwords``."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._places = asyncio.Semaphore(AT_ONCE)
        self._nobodys: str | None = None

    async def hashed(self, password: str) -> str:
        """An encoded hash, ``$argon2id$…``."""
        async with self._places:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def check(self, password: str, hashed: str | None) -> Checked:
        """Of an unknown user too something is verified, so that the time says nothing."""
        if self._nobodys is None:
            self._nobodys = await self.hashed("a password that nobody has")
        async with self._places:
            right = await asyncio.to_thread(self._verified, password, hashed or self._nobodys)
        if hashed is None or not right:
            return Checked(right=False)
        stale = self._hasher.check_needs_rehash(hashed)
        return Checked(right=True, better=await self.hashed(password) if stale else None)

    def _verified(self, password: str, hashed: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False
