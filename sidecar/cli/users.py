"""``sidecar users``: who may sign in, and the links to do it."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from sidecar.adapters.clock import SystemClock
from sidecar.cli.accounts import add_link, add_user, open_accounts
from sidecar.config import load
from sidecar.domain.access import LINK_LASTS, User, UserRole
from sidecar.domain.errors import NotFound
from sidecar.ports.accounts import Accounts

users = typer.Typer(help="Who may sign in.", no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(metavar="NAME")]


@users.command()
def add(
    name: Name,
    role: Annotated[UserRole, typer.Option(help="Kept for later; everybody sees all.")] = UserRole.SUPERVISOR,
) -> None:
    """Let somebody sign in. Example: sidecar users add Ana"""

    async def run() -> User:
        async with open_accounts(load().database_url, may_make=True) as accounts:
            return await add_user(accounts, name, role)

    user = asyncio.run(run())
    print(f"{user.name} may sign in ({user.role}). A link for it: sidecar users link {user.name!r}")


@users.command()
def link(name: Name) -> None:
    """Print a link that signs somebody in, once, within 15 minutes. Example: sidecar users link Ana"""
    settings, token = load(), SystemClock().new_token()

    async def run() -> None:
        async with open_accounts(settings.database_url) as accounts:
            await add_link(accounts, await _user(accounts, name), token, lasts=LINK_LASTS)

    asyncio.run(run())
    print(f"{settings.base_url}/login?token={token}")


@users.command(name="list")
def list_() -> None:
    """Everybody who may sign in."""

    async def run() -> None:
        async with open_accounts(load().database_url) as accounts:
            for user in await accounts.users():
                print(f"{user.name}\t{user.role}\tsince {user.created_at:%Y-%m-%d}")

    asyncio.run(run())


@users.command()
def remove(name: Name) -> None:
    """Let somebody in no more: their sessions end, open pages within a minute. Example: sidecar users remove Ana"""

    async def run() -> None:
        async with open_accounts(load().database_url) as accounts:
            await accounts.remove_user((await _user(accounts, name)).id)

    asyncio.run(run())
    print(f"{name} may not sign in any more.")


async def _user(accounts: Accounts, name: str) -> User:
    found = await accounts.user_named(name)
    if found is None:
        raise NotFound(f"There is no user {name}.", next_step=f"Add one: sidecar users add {name!r}")
    return found
