"""``sidecar migrate``: bring the database to the schema of this version."""

from __future__ import annotations

import asyncio

from sidecar.config import load


def migrate() -> None:
    """Bring the database to this version's schema. ``serve`` does it by itself; example: sidecar migrate"""
    from sidecar.adapters.sql import migrate as upgrade

    asyncio.run(upgrade(load().database_url))
    print("The database is up to date.")
