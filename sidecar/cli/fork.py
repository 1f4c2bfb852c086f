"""``sidecar fork``: have a conference transcribed that began without us, by the service that runs here."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote

import aiohttp
import typer

from sidecar.config import load
from sidecar.domain.errors import SidecarError

# The service answers as soon as everybody is heard, and looks no longer than some seconds.
TIMEOUT_S = 45.0


class ForkFailed(SidecarError):
    """The service could not be reached, or said no."""

    code = "fork_failed"


def fork(
    conference: Annotated[str, typer.Argument(metavar="CONFERENCE", help="Twilio's id (CF…), or ours (cnf_…).")],
    key: Annotated[str | None, typer.Option(help="Instead of SIDECAR_API_KEY; from: sidecar keys create NAME")] = None,
    url: Annotated[str | None, typer.Option(help="Where the service is; by default where it listens here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Transcribe a conference that goes on. Example: SIDECAR_API_KEY=sck_… sidecar fork CF0123…"""
    settings = load(api_key=key)
    if not settings.api_key.get_secret_value():
        raise ForkFailed(
            "There is no API key.", next_step="Make one with `sidecar keys create NAME`; set SIDECAR_API_KEY."
        )
    report = asyncio.run(_ask(url or settings.local_url, conference, settings.api_key.get_secret_value()))
    if as_json:
        print(json.dumps(report, indent=2))
        return
    print(f"{report['conference']}  {report['conference_sid']}  {report['room']}  {report['state']}")
    for one in report["data"]:
        problem = f"  {one['problem']}" if one["problem"] else ""
        print(f"  {one['call_sid']}  {one['role']:<10} {one['name']:<20} {one['state']:<8} {one['fork']}{problem}")
    if not report["data"]:
        print("  nobody is in it yet")


async def _ask(base: str, conference: str, key: str) -> dict[str, Any]:
    url = f"{base.rstrip('/')}/v1/conferences/{quote(conference, safe='')}/fork"
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers={"Authorization": f"Bearer {key}"}) as http,
            http.post(url) as answer,
        ):
            body: dict[str, Any] = await answer.json(content_type=None)
            if answer.status >= HTTPStatus.BAD_REQUEST:
                raise ForkFailed(str(body["detail"]), code=str(body["code"]))
            return body
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
        raise ForkFailed(
            f"The service at {base} did not answer: {type(error).__name__}.",
            next_step="Start it (sidecar serve), or say where it is with --url.",
        ) from error
