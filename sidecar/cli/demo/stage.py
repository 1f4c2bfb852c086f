"""Places emulated calls, alone or as a programme of several that is played again and again, and follows them."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from sidecar.cli.demo.assistant_steps import AssistantSteps, Step, steps_of
from sidecar.cli.demo.door import Door
from sidecar.cli.demo.show import Show
from sidecar.cli.feed import durable_events
from sidecar.domain.errors import SidecarError

CONTROL_TIMEOUT = aiohttp.ClientTimeout(total=15)
CONFERENCE_TIMEOUT_S = 20.0
POLL_S = 0.1
MOMENT_POLL_S = 0.5
# How long no other stream can be had: the gap is then long enough to be seen.
CUT_AWAY_S = 1.5
# A programme starts again this long after the end of its last call.
PAUSE_BETWEEN_ROUNDS_S = 5.0


class DemoFailed(SidecarError):
    """An emulated call could not be placed or did not come through."""

    code = "demo_failed"


@dataclass(frozen=True)
class Cut:
    """One participant's stream loses its connection, ``at_s`` seconds after the first word could be said."""

    label: str
    at_s: float


@dataclass(frozen=True)
class Cue:
    """One call of a programme: it begins ``pause_s`` seconds after the one before it in its lane has ended."""

    call: dict[str, Any]
    pause_s: float = 0.0
    cut: Cut | None = None


Lane = tuple[Cue, ...]
Play = Callable[[Cue], Awaitable[None]]


def room_for(call: dict[str, Any]) -> str:
    """A room that was never used, named by what its title says before a colon: ``harbor-bikes-3f1a09``."""
    name = "-".join(re.findall(r"[a-z0-9]+", str(call.get("title", "")).partition(":")[0].lower()))
    return f"{name[:40] or 'demo'}-{secrets.token_hex(3)}"


async def play_round(lanes: tuple[Lane, ...], play: Play) -> None:
    """Every lane at the same time, the calls of a lane one after the other, until all are over."""

    async def lane_of(cues: Lane) -> None:
        for cue in cues:
            await asyncio.sleep(cue.pause_s)
            await play(cue)

    async with asyncio.TaskGroup() as tasks:
        for n, lane in enumerate(lanes):
            tasks.create_task(lane_of(lane), name=f"lane-{n}")


class Stage:
    """Drives the emulator through its control API and the service through its pages' API, as any program could."""

    def __init__(self, http: aiohttp.ClientSession, door: Door, twilio: str, show: Show) -> None:
        self._http = http
        self._door = door
        self._pages = door.pages
        self._twilio = twilio
        self._show = show

    async def play(self, cue: Cue, on_live: Callable[[str], None] | None = None) -> str:
        """One call, from the first ring to the complete transcript; the conference's id. Raises DemoFailed.

        ``on_live`` gets the path of its page as soon as there is one.
        """
        room = room_for(cue.call)
        run_id = await self._place(cue.call, room)
        conference_id = await self._conference(room, run_id)
        if on_live is not None:
            on_live(f"/conferences/{conference_id}")
        async with asyncio.TaskGroup() as tasks:
            if cue.cut is not None:
                tasks.create_task(self._lose_stream(run_id, cue.cut), name="lose-stream")
            if steps := steps_of(cue.call):
                tasks.create_task(self._assist(run_id, conference_id, steps), name="assistant-steps")
            async for _ in durable_events(self._http, self._pages, conference_id, key=self._door.key):
                pass  # to the end: transcript.completed is the last one
        return conference_id

    def show_live(self, page: str) -> None:
        """A tick for a call that goes on."""
        self._show.tick("call", f"live: {self._pages}{page}")

    async def export(self, conference_id: str, form: str) -> str:
        """The transcript as the service writes it: ``txt``, ``json`` and so on."""
        url = f"{self._pages}/v1/conferences/{conference_id}/transcript.{form}"
        async with self._http.get(url, headers=self._door.headers, timeout=CONTROL_TIMEOUT) as answer:
            answer.raise_for_status()
            return await answer.text()

    async def play_for_ever(self, lanes: tuple[Lane, ...], on_first: Callable[[str], None]) -> None:
        """The programme again and again until somebody stops the demo.

        ``on_first`` gets the path of the very first call's page, once.
        """
        told = False
        lead = lanes[0][0]

        def live(page: str) -> None:
            nonlocal told
            self.show_live(page)
            if not told:
                told = True
                on_first(page)

        async def play(cue: Cue) -> None:
            try:
                await self.play(cue, live if cue is lead else None)
            except DemoFailed as error:
                self._show.trouble("call", str(error))

        while True:
            await play_round(lanes, play)
            await asyncio.sleep(PAUSE_BETWEEN_ROUNDS_S)

    async def _place(self, call: dict[str, Any], room: str) -> str:
        body = call | {"room": room, "voice_url": f"{self._pages}/twilio/voice"}
        async with self._http.post(f"{self._twilio}/control/scenarios", json=body, timeout=CONTROL_TIMEOUT) as answer:
            told = await answer.json()
            if answer.status != 201:
                raise DemoFailed(str(told.get("error", told)))
            return str(told["id"])

    async def _conference(self, room: str, run_id: str) -> str:
        """The service's id of the conference in that room, as soon as the first call asked for its TwiML."""
        try:
            async with asyncio.timeout(CONFERENCE_TIMEOUT_S):
                while True:
                    found = await self._ask_service(f"/v1/conferences?room={room}")
                    if found:
                        return str(found[0]["id"])
                    run = await self._ask_twilio(f"/control/scenarios/{run_id}")
                    if run["state"] == "failed":
                        raise DemoFailed(f"The emulated call failed: {run['error']}.")
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise DemoFailed(f"The service knew no conference in {room} after {CONFERENCE_TIMEOUT_S:.0f} s.") from None

    async def _lose_stream(self, run_id: str, cut: Cut) -> None:
        """Wait for the moment, then cut; without a stream just then, nothing is lost and nothing is done."""
        run = await self._moment(run_id, cut.at_s)
        if run is None:
            return
        calls = {call["call_sid"] for call in run["calls"] if call["label"] == cut.label}
        for stream in (await self._ask_twilio("/control/state"))["streams"]:
            if stream["call_sid"] in calls and stream["status"] == "live":
                url = f"{self._twilio}/control/streams/{stream['sid']}/cut?away_s={CUT_AWAY_S}"
                async with self._http.post(url, timeout=CONTROL_TIMEOUT):
                    return

    async def _assist(self, run_id: str, conference_id: str, steps: Sequence[Step]) -> None:
        """Each step at its time, for as long as the call goes on."""
        assistant = AssistantSteps(self._http, self._door, self._show, conference_id)
        for step in steps:
            if await self._moment(run_id, step["at"]) is None:
                return
            await assistant.take(step)

    async def _moment(self, run_id: str, at_s: float) -> dict[str, Any] | None:
        """The run so many seconds after its first word could be said; None: it is over before."""
        while True:
            run = await self._ask_twilio(f"/control/scenarios/{run_id}")
            if run["state"] in {"ended", "failed"}:
                return None
            if run["seconds_spoken"] >= at_s:
                return run
            await asyncio.sleep(MOMENT_POLL_S)

    async def _ask_twilio(self, path: str) -> dict[str, Any]:
        async with self._http.get(f"{self._twilio}{path}", timeout=CONTROL_TIMEOUT) as answer:
            answer.raise_for_status()
            body: dict[str, Any] = await answer.json()
            return body

    async def _ask_service(self, path: str) -> list[dict[str, Any]]:
        """A list of the service's; empty while it is being restarted."""
        try:
            url = f"{self._pages}{path}"
            async with self._http.get(url, headers=self._door.headers, timeout=CONTROL_TIMEOUT) as answer:
                answer.raise_for_status()
                body: dict[str, Any] = await answer.json()
        except aiohttp.ClientError:
            return []
        found: list[dict[str, Any]] = body["data"]
        return found
