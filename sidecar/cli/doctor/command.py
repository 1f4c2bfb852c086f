"""``sidecar doctor``: looks at everything between a call and its transcript, and says what to do."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Annotated

import aiohttp
import msgspec
import typer

from sidecar.cli.doctor import engines, here, public, twilio
from sidecar.config import Settings, SettingsInvalid, load
from sidecar.domain.checkup import Check, Result, exit_code, worst

POLL_S = 0.2
_MARKS = {Result.OK: "[ OK ]", Result.WARN: "[WARN]", Result.FAIL: "[FAIL]", Result.SKIPPED: "[SKIP]"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    number: Annotated[str, typer.Option(help="Which number, as +15550100; needed if the account has several.")] = "",
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait until the service answers.")] = 0.0,
) -> None:
    """Check settings, store, recogniser, account, number and public address; the service has to run.

    Exit code 0: all is well; 1: there are warnings; 2: something does not work. Example: sidecar doctor --json
    """
    try:
        settings = load()
    except SettingsInvalid as error:
        cure = "Correct them; docs/settings.md has all settings."
        checks = [Check(group="here", name="settings", result=Result.FAIL, detail=error.message, cure=cure)]
    else:
        checks = asyncio.run(examine(settings, number, wait))
    _print_json(checks) if as_json else _print(checks)
    raise typer.Exit(exit_code(checks))


async def examine(settings: Settings, number: str, wait_s: float) -> list[Check]:
    """All checks, in the order in which a call meets their subjects."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        await _wait(http, settings, wait_s)
        return [
            *await here.checks(settings, http),
            *await engines.checks(settings, http),
            *await twilio.checks(settings, http, number),
            *await public.checks(settings, http),
            *twilio.by_hand(settings),
        ]


async def _wait(http: aiohttp.ClientSession, settings: Settings, wait_s: float) -> None:
    """Give up in silence: the check of the public address says that nothing answers."""
    for _ in range(int(wait_s / POLL_S)):
        if await public.instance(http, public.own_address(settings)) is not None:
            return
        await asyncio.sleep(POLL_S)


def _print(checks: list[Check]) -> None:
    group = ""
    for check in checks:
        if check.group != group:
            group = check.group
            print(f"{group.capitalize()}")
        print(f"  {_MARKS[check.result]} {check.name}: {check.detail}")
        if check.cure:
            print(f"         {check.cure}")
    counted = Counter(check.result for check in checks)
    print(", ".join(f"{counted[result]} {result}" for result in Result if counted[result]))


def _print_json(checks: list[Check]) -> None:
    report = {"result": worst(checks), "checks": checks}
    print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
