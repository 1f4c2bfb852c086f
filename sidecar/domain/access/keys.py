"""What a program's key looks like: ``sck_``, 160 random bits in hex, and a checksum, so that a scanner for lost secrets
knows one when it sees it, and a mistyped one needs no look into the store. Pure."""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection
from datetime import datetime

from sidecar.domain.access.callers import KEY_PREFIX, ApiKey, Scope, ScopeRefused, checked_name

RANDOM_BYTES = 20
# Of a key, what people are shown to tell it from others.
ENDING_CHARS = 4
# Keys of before the checksum are shorter; they go on.
_WITH_CHECKSUM = re.compile(rf"{KEY_PREFIX}([0-9a-f]{{40}})([0-9a-f]{{8}})")


def key_of(random: bytes) -> str:
    """The key made from these RANDOM_BYTES."""
    body = random.hex()
    return f"{KEY_PREFIX}{body}{_checksum(body)}"


def is_misspelt(secret: str) -> bool:
    """Whether this has the form of a key and cannot be one."""
    found = _WITH_CHECKSUM.fullmatch(secret)
    return found is not None and found[2] != _checksum(found[1])


def new_key(
    id_: str,
    name: str,
    secret: str,
    *,
    scopes: Collection[Scope],
    tenant: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> ApiKey:
    """What is kept of a key, besides its hash. Raises NameRefused, ScopeRefused."""
    if not scopes:
        raise ScopeRefused("A key that may do nothing is of no use.", next_step="Name at least one scope.")
    if expires_at is not None and expires_at <= now:
        raise ScopeRefused("The key would have expired already.", code="expires_invalid")
    return ApiKey(
        id=id_,
        name=checked_name(name),
        created_at=now,
        tenant=tenant,
        scopes=frozenset(scopes),
        ending=secret[-ENDING_CHARS:],
        expires_at=expires_at,
    )


def _checksum(body: str) -> str:
    """It keeps mistakes out, not people: whoever wants to can compute it."""
    return f"{zlib.crc32(f'{KEY_PREFIX}{body}'.encode()):08x}"
