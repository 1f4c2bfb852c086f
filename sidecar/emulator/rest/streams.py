"""Media streams of a call, started and stopped by REST: https://www.twilio.com/docs/voice/api/stream-resource."""

from __future__ import annotations

import re

from aiohttp import web

from sidecar.emulator.calls import CallOver
from sidecar.emulator.rest import resources
from sidecar.emulator.rest.answers import (
    CALL_NOT_IN_PROGRESS,
    SERVICE_UNAVAILABLE,
    RestError,
    account_of,
    answer,
    exchange_of,
    not_found,
)
from sidecar.emulator.rest.calls import call_of
from sidecar.emulator.rest.forms import Form, bad, form_of
from sidecar.emulator.state import StreamOrder
from sidecar.emulator.streams.socket import StreamFailed

_PARAMETER_FIELD = re.compile(r"Parameter([1-9][0-9]?)\.(Name|Value)")


async def create_stream(request: web.Request) -> web.Response:
    """A one-way stream on a live call."""
    exchange, call = exchange_of(request), call_of(request)
    if exchange.streams.away(call.sid):
        raise RestError(503, SERVICE_UNAVAILABLE, "Service unavailable.")
    try:
        stream = exchange.calls.start_stream(call.sid, _stream_order(await form_of(request)))
    except CallOver:
        raise RestError(400, CALL_NOT_IN_PROGRESS, "Call is not in-progress. Cannot start a stream.") from None
    except StreamFailed as failure:
        raise RestError(400, int(failure.number), failure.message) from None
    return answer(resources.stream(account_of(request), stream))


async def update_stream(request: web.Request) -> web.Response:
    """Stop a stream by its id or name."""
    exchange, call = exchange_of(request), call_of(request)
    stream = exchange.streams.find(call.sid, request.match_info["stream"])
    if stream is None:
        raise not_found(request)
    if (await form_of(request)).text("Status") != "stopped":
        raise bad("Status", "stopped")
    exchange.streams.stop(stream)
    return answer(resources.stream(account_of(request), stream, stopped=True))


def _stream_order(form: Form) -> StreamOrder:
    halves: dict[int, dict[str, str]] = {}
    for name, value in form.plain.items():
        match = _PARAMETER_FIELD.fullmatch(name)
        if match is not None:
            halves.setdefault(int(match[1]), {})[match[2]] = value
    return StreamOrder(
        url=form.required("Url"),
        name=form.text("Name") or None,
        track=form.text("Track") or "inbound_track",
        parameters={halves[n]["Name"]: halves[n].get("Value", "") for n in sorted(halves) if "Name" in halves[n]},
        callback=form.callback("StatusCallback"),
    )


ROUTES = {
    ("POST", "/Calls/{call}/Streams.json"): create_stream,
    ("POST", "/Calls/{call}/Streams/{stream}.json"): update_stream,
}
