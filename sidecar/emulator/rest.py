"""Twilio's REST API as far as this floor goes: conferences, participants, calls, streams. Same paths, same JSON.

Source: https://github.com/twilio/twilio-oai (twilio_api_v2010). Thin: rules live in ``calls`` and ``streams``.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from aiohttp import web

from sidecar.emulator import resources
from sidecar.emulator.calls import API_VERSION, CallOver
from sidecar.emulator.exchange import Exchange
from sidecar.emulator.keys import EXCHANGE
from sidecar.emulator.media_socket import StreamFailed
from sidecar.emulator.paging import paged
from sidecar.emulator.state import Call, Conference, ConferenceStatus, StatusCallback, StreamOrder

NOT_FOUND = 20404
SERVICE_UNAVAILABLE = 20503
NOT_AUTHENTICATED = 20003
BAD_PARAMETER = 20001
CALL_NOT_IN_PROGRESS = 21220

_PARAMETER_FIELD = re.compile(r"Parameter([1-9][0-9]?)\.(Name|Value)")

Handler = Callable[[web.Request], Awaitable[web.Response]]


class RestError(Exception):
    """An answer with one of Twilio's error bodies; never leaves this module."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def routes() -> list[web.RouteDef]:
    """The API under /2010-04-01/Accounts/{account}."""
    base = f"/{API_VERSION}/Accounts/{{account}}"
    return [
        web.get(f"{base}/Conferences.json", _guarded(list_conferences)),
        web.get(f"{base}/Conferences/{{conference}}/Participants.json", _guarded(list_participants)),
        web.get(f"{base}/Conferences/{{conference}}.json", _guarded(fetch_conference)),
        web.get(f"{base}/Calls/{{call}}.json", _guarded(fetch_call)),
        web.post(f"{base}/Calls/{{call}}/Streams.json", _guarded(create_stream)),
        web.post(f"{base}/Calls/{{call}}/Streams/{{stream}}.json", _guarded(update_stream)),
        web.route("*", f"/{API_VERSION}/{{rest:.*}}", _guarded(unknown_resource)),
    ]


async def list_conferences(request: web.Request) -> web.Response:
    """Newest first; filters FriendlyName and Status."""
    exchange = request.app[EXCHANGE]
    room, status = request.query.get("FriendlyName"), request.query.get("Status")
    found = [
        conference
        for conference in reversed(exchange.state.conferences.values())
        if room in {None, conference.room} and status in {None, conference.status.value}
    ]
    account = exchange.state.account.sid
    return _json(paged(request, "conferences", [resources.conference(account, conference) for conference in found]))


async def fetch_conference(request: web.Request) -> web.Response:
    """One conference, live or over."""
    exchange = request.app[EXCHANGE]
    return _json(resources.conference(exchange.state.account.sid, _conference(exchange, request)))


async def list_participants(request: web.Request) -> web.Response:
    """Who is in the conference now; nobody is in one that is over. Filters Muted, Hold, Coaching."""
    exchange = request.app[EXCHANGE]
    conference = _conference(exchange, request)
    account = exchange.state.account.sid
    found = [
        resources.participant(account, conference, one)
        for one in conference.participants.values()
        if conference.status is not ConferenceStatus.COMPLETED
    ]
    for name in ("Muted", "Hold", "Coaching"):
        wanted = request.query.get(name)
        if wanted is not None:
            found = [one for one in found if one[name.lower()] is (wanted.lower() == "true")]
    return _json(paged(request, "participants", found))


async def fetch_call(request: web.Request) -> web.Response:
    """One call, live or over."""
    exchange = request.app[EXCHANGE]
    return _json(resources.call(exchange.state.account.sid, _call(exchange, request)))


async def create_stream(request: web.Request) -> web.Response:
    """A one-way stream on a live call."""
    exchange = request.app[EXCHANGE]
    call = _call(exchange, request)
    if exchange.streams.away(call.sid):
        raise RestError(503, SERVICE_UNAVAILABLE, "Service unavailable.")
    form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    try:
        stream = exchange.calls.start_stream(call.sid, _stream_order(form))
    except CallOver:
        raise RestError(400, CALL_NOT_IN_PROGRESS, "Call is not in-progress. Cannot start a stream.") from None
    except StreamFailed as failure:
        raise RestError(400, int(failure.number), failure.message) from None
    return _json(resources.stream(exchange.state.account.sid, stream))


async def update_stream(request: web.Request) -> web.Response:
    """Stop a stream by its id or name."""
    exchange = request.app[EXCHANGE]
    call = _call(exchange, request)
    stream = exchange.streams.find(call.sid, request.match_info["stream"])
    if stream is None:
        raise _not_found(request)
    if (await request.post()).get("Status") != "stopped":
        raise RestError(400, BAD_PARAMETER, "Status must be: stopped.")
    exchange.streams.stop(stream)
    return _json(resources.stream(exchange.state.account.sid, stream, stopped=True))


async def unknown_resource(request: web.Request) -> web.Response:
    """Whatever this floor does not have."""
    raise _not_found(request)


def _conference(exchange: Exchange, request: web.Request) -> Conference:
    conference = exchange.state.conferences.get(request.match_info["conference"])
    if conference is None:
        raise _not_found(request)
    return conference


def _call(exchange: Exchange, request: web.Request) -> Call:
    call = exchange.state.calls.get(request.match_info["call"])
    if call is None:
        raise _not_found(request)
    return call


def _not_found(request: web.Request) -> RestError:
    return RestError(404, NOT_FOUND, f"The requested resource {request.path} was not found")


def _stream_order(form: Mapping[str, str]) -> StreamOrder:
    if not form.get("Url"):
        raise RestError(400, BAD_PARAMETER, "Url is required.")
    halves: dict[int, dict[str, str]] = {}
    for name, value in form.items():
        match = _PARAMETER_FIELD.fullmatch(name)
        if match is not None:
            halves.setdefault(int(match[1]), {})[match[2]] = value
    parameters = {halves[n]["Name"]: halves[n].get("Value", "") for n in sorted(halves) if "Name" in halves[n]}
    callback = None
    if form.get("StatusCallback"):
        method = form.get("StatusCallbackMethod", "POST").upper()
        if method not in {"GET", "POST"}:
            raise RestError(400, BAD_PARAMETER, "StatusCallbackMethod must be one of: GET, POST.")
        callback = StatusCallback(url=form["StatusCallback"], method=method)
    return StreamOrder(
        url=form["Url"],
        name=form.get("Name") or None,
        track=form.get("Track") or "inbound_track",
        parameters=parameters,
        callback=callback,
    )


def _guarded(handler: Handler) -> Handler:
    """Basic authentication first, then the handler; both kinds of refusal as Twilio's error body."""

    async def guarded(request: web.Request) -> web.Response:
        try:
            _authenticate(request)
            return await handler(request)
        except RestError as error:
            body = {
                "code": error.code,
                "message": error.message,
                "more_info": f"https://www.twilio.com/docs/errors/{error.code}",
                "status": error.status,
            }
            return _json(body, error.status)

    return guarded


def _authenticate(request: web.Request) -> None:
    account = request.app[EXCHANGE].state.account
    expected = f"{account.sid}:{account.auth_token}".encode()
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        given = base64.b64decode(encoded, validate=True) if scheme.lower() == "basic" else b""
    except (binascii.Error, ValueError):
        given = b""
    if not hmac.compare_digest(given, expected):
        raise RestError(401, NOT_AUTHENTICATED, "Authenticate")
    if request.match_info.get("account", account.sid) != account.sid:
        raise _not_found(request)


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
