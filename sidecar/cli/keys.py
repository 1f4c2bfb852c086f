"""``sidecar keys``: how programs get in."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timedelta
from typing import Annotated

import typer

from sidecar.adapters.clock import SystemClock
from sidecar.cli.accounts import add_key, open_accounts, open_office
from sidecar.config import load
from sidecar.domain.access.callers import ApiKey, Scope
from sidecar.domain.errors import SidecarError

keys = typer.Typer(help="Keys for programs that use the API.", no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(metavar="NAME")]
Tenant = Annotated[str, typer.Option(help="Whose key it is, where there are several tenants.")]
READING = (Scope.CONFERENCES_READ, Scope.TRANSCRIPTS_READ)
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1)}


class ExpiryInvalid(SidecarError):
    """``--expires`` is no length of time."""

    code = "expires_invalid"


@keys.command()
def create(
    name: Name,
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it may do; repeat it. Without: read conferences and transcripts.")
    ] = None,
    tenant: Tenant = "",
    expires: Annotated[
        str, typer.Option(help="After which it opens nothing, such as 90d or 12h. Without: never.")
    ] = "",
) -> None:
    """Print a new key, once; it is not kept. Example: sidecar keys create crm --scope transcripts:read --expires 90d"""
    now = SystemClock().now()

    async def run() -> str:
        async with open_office(load().database_url, may_make=True) as office:
            key, secret = await add_key(
                office.accounts, name, scopes=scope or READING, tenant=tenant, expires_at=_moment(expires, now)
            )
            await office.note(tenant, "key.created", key.id, name=key.name, scopes=" ".join(sorted(key.scopes)))
            return secret

    print(asyncio.run(run()))


@keys.command(name="list")
def list_(tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None) -> None:
    """All keys by name: whose, what they may do, when they were last used, and which open nothing any more."""
    now = SystemClock().now()

    async def run() -> None:
        async with open_accounts(load().database_url) as accounts:
            for key in await accounts.keys(tenant=tenant):
                used = f"used {key.last_used_at:%Y-%m-%d %H:%M} UTC" if key.last_used_at else "never used"
                columns = (
                    key.name,
                    key.tenant or "-",
                    " ".join(sorted(key.scopes)),
                    f"since {key.created_at:%Y-%m-%d}",
                )
                print(*columns, used, _state(key, now), sep="\t")

    asyncio.run(run())


@keys.command()
def revoke(name: Name, tenant: Tenant = "") -> None:
    """A key opens nothing any more; its streams close within a minute. Example: sidecar keys revoke crm"""

    async def run() -> None:
        async with open_office(load().database_url) as office:
            key = await office.accounts.revoke_key(name, tenant=tenant, now=SystemClock().now())
            await office.note(tenant, "key.revoked", key.id, name=key.name)

    asyncio.run(run())
    print(f"{name} opens nothing any more.")


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    if key.expires_at is None:
        return "valid"
    return f"{'expired' if key.expires_at <= now else 'valid until'} {key.expires_at:%Y-%m-%d}"


def _moment(expires: str, now: datetime) -> datetime | None:
    if not expires:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,3})([hd])", expires)
    if found is None:
        raise ExpiryInvalid(f"{expires} is no length of time.", next_step="Such as 90d or 12h.")
    return now + int(found[1]) * _UNITS[found[2]]
