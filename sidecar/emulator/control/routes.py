"""The control API under /control: what a tester does to the small Twilio. JSON; a bad body is 400 with one line.

Not part of Twilio. It has no password, so it answers to programs on its own machine only (``own_pages``).
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from aiohttp import web

from sidecar.emulator.assumptions import Assumptions
from sidecar.emulator.calls import CallOver
from sidecar.emulator.control import recordings
from sidecar.emulator.control.bodies import SOURCE, body_of, json_answer, problem
from sidecar.emulator.exchange import CALLED_NUMBER, Exchange
from sidecar.emulator.faults.orders import (
    DelayMarks,
    DuplicateFrames,
    Echo,
    FaultOrder,
    Gap,
    HalfOpen,
    LoseMarks,
    SecondSocket,
    Stall,
    StreamFault,
    UnknownMark,
)
from sidecar.emulator.faults.pending import Fault, TooManyFaults
from sidecar.emulator.keys import EXCHANGE, RUNS
from sidecar.emulator.player import Run, read_clips, speak_when_ready
from sidecar.emulator.scenario import (
    Says,
    Scenario,
    ScenarioInvalid,
    Seconds,
    beginning,
    check_absolute,
    from_json,
    json_object,
    sample_names,
    shipped,
)
from sidecar.emulator.state import Call, Conference, State, Stream
from sidecar.emulator.urls import request_url

KEYS = frozenset("0123456789*#")
MAX_DIGITS = 32
MAX_RUNS = 200  # reports kept; beyond that the oldest finished ones are forgotten


class CallOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One call. ``says`` counts from when the call is in a room and streams (at most 5 s after it came in).

    ``voice_url`` "": that of the number called, as it was set by REST.
    """

    voice_url: str = ""
    from_: str = msgspec.field(name="from", default="+12025550199")
    to: str = CALLED_NUMBER
    label: str = ""
    says: tuple[Says, ...] = ()


class SampleOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of our own sample calls by its name, or what begins in its first ``seconds``. ``voice_url``: see CallOrder.

    ``room`` "": the one of the voice URL, else a fresh one.
    """

    sample: str
    room: str = ""
    seconds: Seconds | None = None
    voice_url: str = ""


class SayOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a caller says; ``at`` counts from now."""

    says: Annotated[tuple[Says, ...], msgspec.Meta(min_length=1)]


class Snapshot(msgspec.Struct, kw_only=True):
    """All that is known, oldest first, without the auth token."""

    account_sid: str
    calls: list[Call]
    conferences: list[Conference]
    streams: list[Stream]
    faults: list[Fault]
    assumptions: Assumptions
    ticks: int
    ticks_skipped: int


def routes() -> list[web.RouteDef]:
    """The control API."""
    return [
        web.post("/control/scenarios", play_scenario),
        web.get("/control/scenarios/{id}", show_scenario),
        web.post("/control/calls", place_call),
        web.post("/control/calls/{sid}/hangup", hang_up),
        web.post("/control/calls/{sid}/say", say),
        web.post("/control/calls/{sid}/keys", press_keys),
        web.post("/control/streams/{sid}/cut", cut_stream),
        *recordings.routes(),
        web.post("/control/faults", order_fault),
        web.delete("/control/faults", clear_faults),
        web.post("/control/assumptions", assume),
        web.get("/control/state", show_state),
        web.get("/control/debugger", show_debugger),
        web.get("/control/health", show_health),
    ]


async def play_scenario(request: web.Request) -> web.Response:
    """201 with the run's id, room and state, as soon as its recordings are read."""
    exchange = request.app[EXCHANGE]
    try:
        scenario = await _scenario_of(request)
        voice_url = _voice_url(scenario.voice_url, exchange.state, CALLED_NUMBER)
        scenario = msgspec.structs.replace(scenario, voice_url=voice_url)
        clips = [
            await read_clips(actor.says, exchange.recordings, SOURCE, f"participants[{i}].says")
            for i, actor in enumerate(scenario.participants)
        ]
    except ScenarioInvalid as error:
        return problem(400, error.message)
    run = Run(scenario, clips, exchange)
    _remember(request.app[RUNS], run)
    exchange.spawn(run.play, name=f"emulator-scenario-{run.id}")
    return json_answer({"id": run.id, "room": run.room, "state": run.state}, 201)


async def show_scenario(request: web.Request) -> web.Response:
    """Where a run stands."""
    run = request.app[RUNS].get(request.match_info["id"])
    return problem(404, "no scenario of that id") if run is None else json_answer(run.report())


async def place_call(request: web.Request) -> web.Response:
    """201 with the call's id; the call goes on until its TwiML ends, the room ends or it is hung up."""
    exchange = request.app[EXCHANGE]
    try:
        order = _checked(await body_of(request, CallOrder), exchange.state)
        clips = await read_clips(order.says, exchange.recordings, SOURCE, "says")
    except ScenarioInvalid as error:
        return problem(400, error.message)
    call = exchange.calls.place(voice_url=order.voice_url, from_=order.from_, to=order.to, label=order.label)
    if clips:
        exchange.spawn(lambda: speak_when_ready(exchange, call, clips), name=f"emulator-caller-{call.sid}")
    return json_answer({"call_sid": call.sid, "label": call.label, "status": call.status}, 201)


async def hang_up(request: web.Request) -> web.Response:
    """204; the caller has put the phone down."""
    exchange = request.app[EXCHANGE]
    try:
        exchange.calls.hang_up(request.match_info["sid"])
    except CallOver as error:
        return problem(404, error.message)
    return web.Response(status=204)


async def say(request: web.Request) -> web.Response:
    """200 with the tick at which the caller begins (20 ms each) and the one when all has been said."""
    exchange, sid = request.app[EXCHANGE], request.match_info["sid"]
    try:
        order: SayOrder = await body_of(request, SayOrder)
        check_absolute(order.says, SOURCE, "says")
        clips = await read_clips(order.says, exchange.recordings, SOURCE, "says")
    except ScenarioInvalid as error:
        return problem(400, error.message)
    begin = end = exchange.ticker.tick + 1
    try:
        for at, audio in clips:
            end = exchange.calls.say(sid, audio, begin + at)
    except CallOver as error:
        return problem(404, error.message)
    return json_answer({"begins": begin, "ends": end})


async def press_keys(request: web.Request) -> web.Response:
    """204; the two-way stream of the call tells of them. ``?digits=12#``"""
    digits = request.query.get("digits", "")
    if not digits or len(digits) > MAX_DIGITS or set(digits) - KEYS:
        return problem(400, f"digits: expected 1 to {MAX_DIGITS} of {''.join(sorted(KEYS))}")
    if not request.app[EXCHANGE].streams.press(request.match_info["sid"], digits):
        return problem(404, "the call has no live two-way stream")
    return web.Response(status=204)


async def cut_stream(request: web.Request) -> web.Response:
    """204; the stream's connection is gone, without a close frame. The call goes on.

    ``?away_s=2``: for so long, REST answers 503 to who asks for another stream of the call.
    """
    try:
        away_s = float(request.query.get("away_s", 0))
    except ValueError:
        return problem(400, "away_s: expected a number of seconds")
    if not request.app[EXCHANGE].streams.cut(request.match_info["sid"], away_s=away_s):
        return problem(404, "no open stream of that id")
    return web.Response(status=204)


async def order_fault(request: web.Request) -> web.Response:
    """201 with the fault's id. What concerns a stream happens at once; the rest to what comes next."""
    exchange = request.app[EXCHANGE]
    try:
        order: FaultOrder = await body_of(request, FaultOrder)
    except ScenarioInvalid as error:
        return problem(400, error.message)
    missing = _missing(exchange, order)
    if missing:
        return problem(404, missing)
    try:
        fault = exchange.faults.add(order)
    except TooManyFaults as error:
        return problem(409, error.message)
    if isinstance(order, StreamFault):
        exchange.streams.suffer(fault, order)
    if isinstance(order, Echo):
        exchange.calls.echo(order)
    return json_answer(fault, 201)


async def clear_faults(request: web.Request) -> web.Response:
    """204; what has not happened yet, will not."""
    request.app[EXCHANGE].faults.clear()
    return web.Response(status=204)


async def assume(request: web.Request) -> web.Response:
    """200 with all assumptions; what the body leaves out goes back to its default."""
    exchange = request.app[EXCHANGE]
    try:
        exchange.assumptions.become(await body_of(request, Assumptions))
    except ScenarioInvalid as error:
        return problem(400, error.message)
    return json_answer(exchange.assumptions)


async def show_state(request: web.Request) -> web.Response:
    """Calls, conferences, streams and faults."""
    exchange = request.app[EXCHANGE]
    state = exchange.state
    return json_answer(
        Snapshot(
            account_sid=state.account.sid,
            calls=list(state.calls.values()),
            conferences=list(state.conferences.values()),
            streams=list(state.streams.values()),
            faults=exchange.faults.all,
            assumptions=exchange.assumptions,
            ticks=exchange.ticker.tick,
            ticks_skipped=exchange.ticker.skipped,
        )
    )


async def show_debugger(request: web.Request) -> web.Response:
    """What the service did wrong, oldest first."""
    debugger = request.app[EXCHANGE].debugger
    return json_answer({"total": debugger.total, "entries": debugger.entries})


async def show_health(request: web.Request) -> web.Response:
    """200 as soon as calls can be placed."""
    exchange: Exchange = request.app[EXCHANGE]
    return json_answer({"status": "ok", "account_sid": exchange.state.account.sid})


def _missing(exchange: Exchange, order: FaultOrder) -> str:
    """What an order names that is not there; "" if nothing is missing."""
    match order:
        case LoseMarks() | DelayMarks() | UnknownMark():
            return "" if exchange.streams.live(order.stream, two_way=True) else "no live two-way stream of that id"
        case Stall() | HalfOpen() | Gap() | DuplicateFrames() | SecondSocket():
            return "" if exchange.streams.live(order.stream) else "no live stream of that id"
        case Echo(call=call_sid):
            return "" if exchange.calls.tracks(call_sid) is not None else "no live call of that id"
        case _:
            return ""


async def _scenario_of(request: web.Request) -> Scenario:
    """What the body says, or the sample that it names. Raises ScenarioInvalid."""
    body = await request.read()
    raw = json_object(body, SOURCE)
    if not isinstance(raw, dict) or "sample" not in raw:
        return from_json(body, SOURCE)
    order: SampleOrder = await body_of(request, SampleOrder)
    if order.sample not in sample_names():
        raise ScenarioInvalid(SOURCE, "sample", f"expected one of {', '.join(sample_names())}.")
    scenario = msgspec.structs.replace(shipped(order.sample), voice_url=order.voice_url, room=order.room)
    return scenario if order.seconds is None else beginning(scenario, order.seconds)


def _checked(order: CallOrder, state: State) -> CallOrder:
    check_absolute(order.says, SOURCE, "says")
    return msgspec.structs.replace(order, voice_url=_voice_url(order.voice_url, state, order.to))


def _voice_url(given: str, state: State, number: str) -> str:
    """The one that is given, else that of the number which is called. Raises ScenarioInvalid."""
    text = given or state.hook_of(number).url
    if not text:
        expected = f"expected one, for {number} has none of its own (sidecar twilio setup gives it one)."
        raise ScenarioInvalid(SOURCE, "voice_url", expected)
    try:
        usable = request_url(text).scheme in {"http", "https"}
    except ValueError:
        usable = False
    if not usable:
        raise ScenarioInvalid(SOURCE, "voice_url", "expected an absolute http or https URL.")
    return text


def _remember(runs: dict[str, Run], run: Run) -> None:
    runs[run.id] = run
    finished = [known.id for known in runs.values() if known.over]
    for run_id in finished[: max(0, len(runs) - MAX_RUNS)]:
        del runs[run_id]
