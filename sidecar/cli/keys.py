"""``sidecar keys``: how programs get in."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from sidecar.adapters.clock import SystemClock
from sidecar.cli.accounts import add_key, open_accounts
from sidecar.config import load

keys = typer.Typer(help="Keys for programs that use the API.", no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(metavar="NAME")]


@keys.command()
def create(name: Name) -> None:
    """Print a new key, once; it is not kept. Example: curl -H "Authorization: Bearer $KEY" …/v1/conferences"""

    async def run() -> str:
        async with open_accounts(load().database_url, may_make=True) as accounts:
            return await add_key(accounts, name)

    print(asyncio.run(run()))


@keys.command(name="list")
def list_() -> None:
    """All keys by name, when they were last used, and which are revoked."""

    async def run() -> None:
        async with open_accounts(load().database_url) as accounts:
            for key in await accounts.keys():
                used = f"used {key.last_used_at:%Y-%m-%d %H:%M} UTC" if key.last_used_at else "never used"
                state = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else "valid"
                print(f"{key.name}\tsince {key.created_at:%Y-%m-%d}\t{used}\t{state}")

    asyncio.run(run())


@keys.command()
def revoke(name: Name) -> None:
    """A key opens nothing any more; its streams close within a minute. Example: sidecar keys revoke crm"""

    async def run() -> None:
        async with open_accounts(load().database_url) as accounts:
            await accounts.revoke_key(name, now=SystemClock().now())

    asyncio.run(run())
    print(f"{name} opens nothing any more.")
