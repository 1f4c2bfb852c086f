"""``sidecar users``: who may sign in, as what, and how."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer

from sidecar.adapters.clock import SystemClock
from sidecar.adapters.passwords import ArgonPasswords
from sidecar.cli.accounts import add_link, add_user, open_accounts, open_office
from sidecar.config import load
from sidecar.domain.access.callers import LINK_LASTS, User, UserRole
from sidecar.domain.access.passwords import checked_password
from sidecar.domain.errors import NotFound
from sidecar.ports.accounts import Accounts

users = typer.Typer(help="Who may sign in.", no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(metavar="NAME")]


@users.command()
def add(
    name: Name,
    role: Annotated[UserRole, typer.Option(help="What they may do: docs/access.md.")] = UserRole.SUPERVISOR,
    tenant: Annotated[str, typer.Option(help="Whose calls they see, where there are several tenants.")] = "",
) -> None:
    """Let somebody sign in. Example: sidecar users add Ana --role admin"""

    async def run() -> User:
        async with open_office(load().database_url, may_make=True) as office:
            user = await add_user(office.accounts, name, role, tenant)
            await office.note(tenant, "user.added", user.id, name=user.name, role=role)
            return user

    user = asyncio.run(run())
    print(f"{user.name} may sign in ({user.role}). A link for it: sidecar users link {user.name!r}")


@users.command()
def link(name: Name) -> None:
    """Print a link that signs somebody in, once, within 15 minutes. Example: sidecar users link Ana"""
    settings, token = load(), SystemClock().new_token()

    async def run() -> None:
        async with open_office(settings.database_url) as office:
            user = await _user(office.accounts, name)
            await add_link(office.accounts, user, token, lasts=LINK_LASTS)
            await office.note(user.tenant, "link.made", user.id)

    asyncio.run(run())
    print(f"{settings.base_url}/login?token={token}")


@users.command(name="list")
def list_(tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None) -> None:
    """Everybody who may sign in: role, tenant, and whether they have a password."""

    async def run() -> None:
        async with open_accounts(load().database_url) as accounts:
            for user in await accounts.users(tenant=tenant):
                by = "password" if user.has_password else "link"
                print(f"{user.name}\t{user.role}\t{user.tenant or '-'}\t{by}\tsince {user.created_at:%Y-%m-%d}")

    asyncio.run(run())


@users.command()
def role(name: Name, role: Annotated[UserRole, typer.Argument()]) -> None:
    """Let somebody do something else; their sessions end. Example: sidecar users role Ana viewer"""

    async def run() -> None:
        async with open_office(load().database_url) as office:
            user = await _user(office.accounts, name)
            await office.accounts.set_role(user.id, role)
            await office.note(user.tenant, "user.role_changed", user.id, role=role)

    asyncio.run(run())
    print(f"{name} is {role} now, and signs in anew.")


@users.command()
def password(
    name: Name,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read it from standard input instead of asking.")] = False,
) -> None:
    """Give somebody a password; their sessions and links end. Example: sidecar users password Ana"""
    given = sys.stdin.readline().rstrip("\n") if stdin else str(typer.prompt("Password", hide_input=True))

    async def run() -> None:
        async with open_office(load().database_url) as office:
            user = await _user(office.accounts, name)
            hashed = await ArgonPasswords().hashed(checked_password(given, name=user.name))
            await office.accounts.set_password(user.id, hashed)
            await office.note(user.tenant, "user.password_changed", user.id)

    asyncio.run(run())
    print(f"{name} signs in with it from now on.")


@users.command()
def remove(name: Name) -> None:
    """Let somebody in no more: their sessions end, open pages within a minute. Example: sidecar users remove Ana"""

    async def run() -> None:
        async with open_office(load().database_url) as office:
            user = await _user(office.accounts, name)
            await office.accounts.remove_user(user.id)
            await office.note(user.tenant, "user.removed", user.id, name=user.name)

    asyncio.run(run())
    print(f"{name} may not sign in any more.")


async def _user(accounts: Accounts, name: str) -> User:
    found = await accounts.user_named(name)
    if found is None:
        raise NotFound(f"There is no user {name}.", next_step=f"Add one: sidecar users add {name!r}")
    return found
