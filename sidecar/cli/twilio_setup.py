"""``sidecar twilio``: point a number of the account, or the assistant's application, to this service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import typer

from sidecar.adapters.twilio_numbers import TwilioNumbers
from sidecar.config import Settings, load
from sidecar.domain.errors import SidecarError
from sidecar.domain.number_wiring import ASSISTANT_PATH, Change, Number, changes, chosen, wanted
from sidecar.telephony import build_telephony

twilio = typer.Typer(help="The number of your Twilio account.", no_args_is_help=True, rich_markup_mode=None)


APPLICATION_NAME = "Conference Sidecar assistant"


class SetupRefused(SidecarError):
    """The number was not changed. Codes: account_missing, public_url_missing, number_unclear, number_in_use."""

    code = "account_missing"


@twilio.callback()
def _group() -> None:
    """A group, so that ``setup`` stays a word of the command."""


@twilio.command()
def setup(
    number: Annotated[str, typer.Option(help="Which number, as +15550100; needed if the account has several.")] = "",
    room: Annotated[str | None, typer.Option(help="All who call meet in this room; empty: each call its own.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also replace what leads somewhere else now.")] = False,
    assistant: Annotated[
        bool, typer.Option("--assistant", help="The TwiML application of the assistant instead of a number.")
    ] = False,
) -> None:
    """Let a number's calls and their status lead here, or the assistant's leg (--assistant).

    Example: sidecar twilio setup --room support-1 --dry-run
    """
    settings = load()
    if not settings.public_url:
        raise SetupRefused(
            "There is no address that Twilio could call.",
            next_step="Set SIDECAR_PUBLIC_URL to it, such as https://sidecar.example.com.",
            code="public_url_missing",
        )
    if assistant:
        asyncio.run(set_up_assistant(settings, dry_run=dry_run, force=force))
    else:
        asyncio.run(set_up_number(settings, number, room, dry_run=dry_run, force=force))


async def set_up_number(settings: Settings, phone_number: str, room: str | None, *, dry_run: bool, force: bool) -> None:
    async with account_numbers(settings) as numbers:
        number = _the_one(await numbers.all(phone_number), phone_number)
        target = wanted(number.wiring, settings.public_url, room=room)
        to_do = changes(number.wiring, target, settings.public_url)
        print(f"{number.phone_number} ({number.sid})")
        for change in to_do:
            _show(change)
        if not to_do:
            print("  leads here already; nothing to do.")
        elif dry_run:
            print("Nothing was changed (--dry-run).")
        elif not force and any(change.foreign for change in to_do):
            raise SetupRefused(
                "The number leads somewhere else now, so it was not changed.",
                next_step="If it may be taken from there: the same command with --force.",
                code="number_in_use",
            )
        else:
            await numbers.change(number, to_do)
            print("Done. Look whether all of it works: sidecar doctor")


async def set_up_assistant(settings: Settings, *, dry_run: bool, force: bool) -> None:
    """The application by which the assistant joins: the one of the settings, else one by its name, else a new one."""
    target = settings.public_url + ASSISTANT_PATH
    async with account_numbers(settings) as account:
        sid = settings.twilio_twiml_app_sid or await account.application_named(APPLICATION_NAME)
        present = await account.voice_url_of(sid) if sid else ""
        print(f"{APPLICATION_NAME} ({sid or 'new'})")
        if present == target:
            print("  leads here already; nothing to do.")
        else:
            foreign = bool(present) and not present.startswith(settings.public_url)
            _show(Change("voice_url", present, target, foreign))
            if dry_run:
                print("Nothing was changed (--dry-run).")
                return
            if foreign and not force:
                raise SetupRefused(
                    "The application leads somewhere else now, so it was not changed.",
                    next_step="If it may be taken from there: the same command with --force.",
                    code="number_in_use",
                )
            if sid:
                await account.point_application(sid, target)
            else:
                sid = await account.create_application(APPLICATION_NAME, target)
            print("Done.")
    if sid != settings.twilio_twiml_app_sid:
        print(f"Now let the service know it: TWILIO_TWIML_APP_SID={sid}")
    if not settings.twilio_from:
        print("It needs a number of the account, too: TWILIO_FROM=+…")


@asynccontextmanager
async def account_numbers(settings: Settings) -> AsyncIterator[TwilioNumbers]:
    """The account of the settings. Raises SetupRefused without one."""
    telephony = build_telephony(settings)
    if telephony is None:
        raise SetupRefused(
            "There is no Twilio account to set up.",
            next_step="Set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN; both are on the first page of Twilio's console.",
        )
    try:
        yield TwilioNumbers(telephony)
    finally:
        await telephony.close()


def _the_one(found: list[Number], phone_number: str) -> Number:
    number = chosen(found, phone_number)
    if number is not None:
        return number
    if phone_number or not found:
        message = f"The account has no number {phone_number}." if phone_number else "The account has no number."
        raise SetupRefused(message, next_step="Buy one in Twilio's console first.", code="number_unclear")
    listed = ", ".join(each.phone_number for each in found)
    raise SetupRefused(
        f"The account has {len(found)} numbers: {listed}.",
        next_step="Say which one: --number +…",
        code="number_unclear",
    )


def _show(change: Change) -> None:
    note = "   (leads somewhere else; needs --force)" if change.foreign else ""
    print(f"  {change.field}\n    - {change.present or '(empty)'}{note}\n    + {change.wanted or '(empty)'}")
