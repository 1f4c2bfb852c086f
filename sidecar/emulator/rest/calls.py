"""Calls: https://www.twilio.com/docs/voice/api/call-resource."""

from __future__ import annotations

from aiohttp import web

from sidecar.emulator.calls import CallOver
from sidecar.emulator.dialling import DialOrder, QueueFull, Source
from sidecar.emulator.exchange import Exchange
from sidecar.emulator.rest import resources
from sidecar.emulator.rest.answers import (
    BAD_PARAMETER,
    CALL_NOT_IN_PROGRESS,
    TOO_MANY_REQUESTS,
    RestError,
    account_of,
    answer,
    exchange_of,
    not_found,
)
from sidecar.emulator.rest.forms import Form, bad, form_of, on_day
from sidecar.emulator.rest.paging import paged
from sidecar.emulator.state import Call, CallStatus, StatusCallback
from sidecar.emulator.twiml import Redirect
from sidecar.emulator.webhooks import Answer

MAX_TWIML_CHARS = 4_000
MAX_LIMIT_S = 24 * 3600
QUEUE_RETRY_AFTER_S = 1

_COMPLETED = frozenset({"completed"})  # what Twilio tells of when nobody says what


async def list_calls(request: web.Request) -> web.Response:
    """Newest first; filters To, From, Status, StartTime and EndTime."""
    query = request.query
    started, ended = on_day(request, "StartTime"), on_day(request, "EndTime")
    wants_end = any(name.startswith("EndTime") for name in query)
    found = [
        resources.call(account_of(request), call)
        for call in reversed(exchange_of(request).state.calls.values())
        if query.get("To") in {None, call.to}
        and query.get("From") in {None, call.from_}
        and query.get("Status") in {None, call.status.value}
        and started(call.created_at)
        and (not wants_end or (call.ended_at is not None and ended(call.ended_at)))
    ]
    return answer(paged(request, "calls", found))


async def fetch_call(request: web.Request) -> web.Response:
    """One call, live or over."""
    return answer(resources.call(account_of(request), call_of(request)))


async def create_call(request: web.Request) -> web.Response:
    """Dial somebody, who answers and performs Twiml, Url or what the ApplicationSid's voice URL says."""
    exchange, form = exchange_of(request), await form_of(request)
    to, from_ = form.required("To"), form.required("From")
    source = _document(form)
    if source is None:
        application = exchange.state.applications.get(form.text("ApplicationSid"))
        if application is None or not application.hook.url:
            raise RestError(400, BAD_PARAMETER, "Url, Twiml or the ApplicationSid of one with a VoiceUrl is required.")
        source = Redirect(application.hook.url, "GET" if application.hook.method == "GET" else "POST")
    order = DialOrder(from_=from_, to=to, source=source, callback=progress_callback(form), limit_s=limit_of(form))
    return answer(resources.call(account_of(request), dial_out(exchange, order)), 201)


async def update_call(request: web.Request) -> web.Response:
    """Go on with another document, hang up (Status=completed), or give up before the answer (Status=canceled)."""
    exchange, call, form = exchange_of(request), call_of(request), await form_of(request)
    status, source = form.text("Status"), _document(form)
    if status not in {"", "completed", "canceled"}:
        raise bad("Status", "completed or canceled")
    try:
        if call.over:
            raise CallOver(f"The call {call.sid} is over.")
        if source is not None:
            exchange.calls.redirect(call.sid, source)
        if status == "completed" or (status and call.status in {CallStatus.QUEUED, CallStatus.RINGING}):
            exchange.calls.hang_up(call.sid)
    except CallOver:
        raise RestError(400, CALL_NOT_IN_PROGRESS, "Call is not in-progress. Cannot redirect.") from None
    return answer(resources.call(account_of(request), call))


def call_of(request: web.Request) -> Call:
    """The call in the path, live or over."""
    call = exchange_of(request).state.calls.get(request.match_info["call"])
    if call is None:
        raise not_found(request)
    return call


def dial_out(exchange: Exchange, order: DialOrder) -> Call:
    """Queue it; a queue that is full is too many requests."""
    try:
        return exchange.calls.dial_out(order)
    except QueueFull as full:
        raise RestError(429, TOO_MANY_REQUESTS, full.message, retry_after_s=QUEUE_RETRY_AFTER_S) from None


def progress_callback(form: Form) -> StatusCallback | None:
    """Who is told how the call goes."""
    return form.callback("StatusCallback", _COMPLETED)


def limit_of(form: Form) -> int | None:
    """TimeLimit, in seconds."""
    return form.number("TimeLimit", at_least=1, at_most=MAX_LIMIT_S)


def _document(form: Form) -> Source | None:
    twiml = form.text("Twiml")
    if len(twiml) > MAX_TWIML_CHARS:
        raise bad("Twiml", f"at most {MAX_TWIML_CHARS} characters")
    if twiml:
        return Answer("", "text/xml", twiml.encode())
    url = form.url("Url")
    return Redirect(url, form.method("Method")) if url else None


ROUTES = {
    ("GET", "/Calls.json"): list_calls,
    ("POST", "/Calls.json"): create_call,
    ("GET", "/Calls/{call}.json"): fetch_call,
    ("POST", "/Calls/{call}.json"): update_call,
}
