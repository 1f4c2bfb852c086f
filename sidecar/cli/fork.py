"""``sidecar fork``: have a conference transcribed that began without us, by the service that runs here."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any
from urllib.parse import quote

import typer

from sidecar.cli.service_client import service_client


def fork(
    conference: Annotated[str, typer.Argument(metavar="CONFERENCE", help="Twilio's id (CF…), or ours (cnf_…).")],
    key: Annotated[str | None, typer.Option(help="Instead of SIDECAR_API_KEY; from: sidecar keys create NAME")] = None,
    url: Annotated[str | None, typer.Option(help="Where the service is; by default where it listens here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Transcribe a conference that goes on. Example: SIDECAR_API_KEY=sck_… sidecar fork CF0123…"""
    report = asyncio.run(_ask(url, key, conference))
    if as_json:
        print(json.dumps(report, indent=2))
        return
    print(f"{report['conference']}  {report['conference_sid']}  {report['room']}  {report['state']}")
    for one in report["data"]:
        problem = f"  {one['problem']}" if one["problem"] else ""
        print(f"  {one['call_sid']}  {one['role']:<10} {one['name']:<20} {one['state']:<8} {one['fork']}{problem}")
    if not report["data"]:
        print("  nobody is in it yet")


async def _ask(url: str | None, key: str | None, conference: str) -> dict[str, Any]:
    """The service answers as soon as everybody is heard, and looks no longer than some seconds."""
    async with service_client(url, key) as service:
        report: dict[str, Any] = await service.post(f"/v1/conferences/{quote(conference, safe='')}/fork")
        return report
