"""How the demo's user and the demo itself get into the demo's service: a link that signs in by one click, and a key."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

from sidecar.cli.accounts import add_key, add_link, add_user, open_accounts
from sidecar.domain.access.callers import UserRole

# Shorter than a real one, for it is printed and perhaps typed: 96 bits.
LINK_BYTES = 12
# The database, and with it the link, goes with the demo; no demo runs for longer.
LINK_LASTS = timedelta(days=365)


@dataclass(frozen=True)
class Door:
    """``pages``: the service's address. ``token``: of a link that may be used again. ``key``: of the API."""

    pages: str
    token: str
    key: str

    @property
    def headers(self) -> dict[str, str]:
        """What a request of a program carries."""
        return {"Authorization": f"Bearer {self.key}"}

    def link(self, path: str) -> str:
        """An address that signs in and shows this page."""
        then = "" if path == "/" else f"&next={quote(path)}"
        return f"{self.pages}/login?token={self.token}{then}"


async def make_door(database_url: str, pages: str) -> Door:
    """Make the database, a user, a link and a key in it."""
    token = secrets.token_urlsafe(LINK_BYTES)
    async with open_accounts(database_url, may_make=True) as accounts:
        user = await add_user(accounts, "Demo", UserRole.ADMIN)
        await add_link(accounts, user, token, lasts=LINK_LASTS, reusable=True)
        _, secret = await add_key(accounts, "demo")
        return Door(pages, token, secret)
