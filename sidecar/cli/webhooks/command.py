"""``sidecar webhooks``: what an integrator needs beside an editor: real events, sample events, events once more."""

from __future__ import annotations

import asyncio
import re
import sys
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
import typer

from sidecar.adapters.clock import SystemClock
from sidecar.cli.service_client import ServiceClient, service_client
from sidecar.cli.webhooks.feed import Feed
from sidecar.cli.webhooks.forward import Forwarder, secret_of
from sidecar.config import load
from sidecar.domain.errors import SidecarError
from sidecar.domain.webhooks.endpoints import checked_types, wants
from sidecar.domain.webhooks.sample_events import durable_types, sample
from sidecar.wire.standard_webhooks import key_of

webhooks = typer.Typer(help="For who builds a receiver of webhooks.", no_args_is_help=True, rich_markup_mode=None)

Key = Annotated[str | None, typer.Option(help="Instead of SIDECAR_API_KEY; from: sidecar keys create NAME")]
Url = Annotated[str | None, typer.Option(help="Where the service is; by default where it listens here.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document per line, for machines.")]
_SPAN = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class WebhooksFailed(SidecarError):
    """What was asked for makes no sense together, or was not taken."""

    code = "webhooks_failed"


@webhooks.command()
def listen(
    *,
    forward_to: Annotated[str, typer.Option(help="The receiver's address, for example http://127.0.0.1:9000/")],
    types: Annotated[str, typer.Option(help="Event types, by commas; * for all. Default: those of an endpoint.")] = "",
    key: Key = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Forward the events of all calls, signed. Example: sidecar webhooks listen --forward-to http://127.0.0.1:9000/"""
    wanted, receiver = checked_types(filter(None, types.split(","))), _receiver(forward_to)

    async def run() -> None:
        async with service_client(url, key) as service, aiohttp.ClientSession() as http:
            secret = secret_of(service.key)
            _say(f"{service.base} -> {receiver}: {', '.join(wanted)}")
            _say(f"Signed with {secret} (the same each time, for this key)")
            forwarder = Forwarder(http, receiver, secret, SystemClock(), as_json)
            async for event in Feed(service, _say).events():
                if wants(wanted, event["type"]):
                    await forwarder.forward(event)

    try:
        asyncio.run(run())
    except (KeyboardInterrupt, asyncio.CancelledError):
        _say("Stopped.")


@webhooks.command()
def trigger(
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="An event's type, or: all.")],
    *,
    to: Annotated[str | None, typer.Option(help="A receiver's address: it is sent from here.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="An endpoint (whe_…): the service sends it.")] = None,
    secret: Annotated[str | None, typer.Option(help="With --to: sign with this instead of the key's own.")] = None,
    key: Key = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Send a sample event. Example: sidecar webhooks trigger transcript.completed --to http://127.0.0.1:9000/"""
    if (to is None) == (endpoint is None):
        raise WebhooksFailed("Somebody has to get it.", next_step="Give either --to URL or --endpoint whe_….")
    receiver = _receiver(to) if to is not None else ""
    types = durable_types() if type_ == "all" else [type_]

    async def run() -> bool:
        if endpoint is not None:
            async with service_client(url, key) as service:
                for one in types:
                    made = await service.post(f"/v1/webhook_endpoints/{endpoint}/test", {"type": one})
                    print(json_line(made) if as_json else f"{made['id']}  {one}  on its way")
            return True
        clock = SystemClock()
        async with aiohttp.ClientSession() as http:
            signer = secret or _own_secret(key)
            key_of(signer)
            events = [sample(one, event_id=clock.new_id("evt"), tenant="", timestamp=clock.now()) for one in types]
            if secret is None:
                _say(f"Signed with {signer}, made from the key (another: --secret)")
            forwarder = Forwarder(http, receiver, signer, clock, as_json)
            taken = True
            for event in events:
                taken &= await forwarder.forward(msgspec.to_builtins(event))
            return taken

    if not asyncio.run(run()):
        raise typer.Exit(1)


@webhooks.command()
def resend(
    id_: Annotated[str, typer.Argument(metavar="ID", help="A delivery (dlv_…), or an endpoint (whe_…).")],
    *,
    failed_since: Annotated[
        str | None,
        typer.Option(help="Of an endpoint: all that failed since then, waiting or not; 2h, 3d, or a time (RFC 3339)."),
    ] = None,
    conference: Annotated[str | None, typer.Option(help="Of an endpoint: events of this one (cnf_… or CF…).")] = None,
    from_seq: Annotated[int, typer.Option(help="With --conference: the first.")] = 1,
    to_seq: Annotated[int | None, typer.Option(help="With --conference: the last; by default the newest.")] = None,
    key: Key = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Have something told once more, by the same ids. Example: sidecar webhooks resend whe_01K9 --failed-since 2h"""

    async def run() -> Any:
        async with service_client(url, key) as service:
            if id_.startswith("dlv_"):
                endpoint = await _endpoint_of(service, id_)
                return await service.post(f"/v1/webhook_endpoints/{endpoint}/resend", {"delivery": id_})
            wish: dict[str, Any]
            if failed_since is not None:
                wish = {"failed_since": moment(failed_since, now=SystemClock().now()).isoformat()}
            elif conference is not None:
                last = to_seq or (await service.get(f"/v1/conferences/{conference}"))["last_seq"]
                wish = {"conference": conference, "from_seq": from_seq, "to_seq": last}
            else:
                raise WebhooksFailed("What is to be sent again?", next_step="Give --failed-since or --conference.")
            return await service.post(f"/v1/webhook_endpoints/{id_}/resend", wish)

    answer = asyncio.run(run())
    print(json_line(answer) if as_json else f"{answer['resent']} on their way again")


def moment(text: str, *, now: datetime) -> datetime:
    """2h, 30m, 3d before now, or a time with its zone. Raises WebhooksFailed (time_invalid)."""
    span = _SPAN.fullmatch(text)
    if span is not None:
        return now - timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        given = datetime.min  # noqa: DTZ901 - refused below, for it has no zone
    if given.tzinfo is None:
        raise WebhooksFailed(
            f"{text[:40]!r} is no time.",
            next_step="Say 90s, 30m, 2h, 3d, or 2026-11-23T10:00:00Z.",
            code="time_invalid",
        )
    return given


def json_line(value: Any) -> str:
    """For machines."""
    return msgspec.json.encode(value).decode()


async def _endpoint_of(service: ServiceClient, delivery: str) -> str:
    """A delivery's address has its endpoint in it: somebody who has the delivery's id only has it looked for."""
    for endpoint in (await service.get("/v1/webhook_endpoints"))["data"]:
        try:
            await service.get(f"/v1/webhook_endpoints/{endpoint['id']}/deliveries/{delivery}")
        except SidecarError as error:
            if error.code != "not_found":
                raise
        else:
            return str(endpoint["id"])
    raise WebhooksFailed(f"No endpoint has a delivery {delivery[:64]}.", code="not_found")


def _receiver(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise WebhooksFailed(
            f"{address[:80]} is no address.", next_step="Such as http://127.0.0.1:9000/", code="address_invalid"
        )
    return address


def _own_secret(key: str | None) -> str:
    known = load(api_key=key).api_key.get_secret_value()
    if not known:
        raise WebhooksFailed("Nothing to sign with.", next_step="Give --secret whsec_…, or set SIDECAR_API_KEY.")
    return secret_of(known)


def _say(text: str) -> None:
    """What is not an event: standard error, so that --json stays a list of events."""
    print(text, file=sys.stderr, flush=True)
