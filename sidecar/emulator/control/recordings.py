"""The control API's recordings: begin one, fetch it as WAV, forget it. What is recorded is for ``recorder``."""

from __future__ import annotations

from aiohttp import web

from sidecar.emulator.control.bodies import body_of, json_answer, problem
from sidecar.emulator.keys import EXCHANGE
from sidecar.emulator.scenario import ScenarioInvalid
from sidecar.emulator.sound.recorder import RecordOrder, TooManyRecordings


def routes() -> list[web.RouteDef]:
    """Part of the control API."""
    return [
        web.post("/control/recordings", begin_recording),
        web.get("/control/recordings/{id}", fetch_recording),
        web.delete("/control/recordings/{id}", forget_recording),
    ]


async def begin_recording(request: web.Request) -> web.Response:
    """201 with the recording's id and the tick it begins with. 409: so many are kept that there is no other."""
    exchange = request.app[EXCHANGE]
    try:
        order: RecordOrder = await body_of(request, RecordOrder)
    except ScenarioInvalid as error:
        return problem(400, error.message)
    if order.of not in exchange.state.conferences and exchange.calls.tracks(order.of) is None:
        return problem(404, "no conference and no live call of that id")
    try:
        recording = exchange.recorder.begin(order)
    except TooManyRecordings as error:
        return problem(409, error.message)
    return json_answer({"id": recording.id, "first_tick": recording.first_tick}, 201)


async def fetch_recording(request: web.Request) -> web.Response:
    """What was recorded so far, as WAV; the recording goes on."""
    recording = request.app[EXCHANGE].recorder.find(request.match_info["id"])
    if recording is None:
        return problem(404, "no recording of that id")
    return web.Response(body=recording.wav(), content_type="audio/wav")


async def forget_recording(request: web.Request) -> web.Response:
    """204; it has stopped and is gone."""
    recorder = request.app[EXCHANGE].recorder
    recording = recorder.find(request.match_info["id"])
    if recording is None:
        return problem(404, "no recording of that id")
    recorder.forget(recording)
    return web.Response(status=204)
