"""Plays a scenario: dials everybody in, waits until they stream, lets them speak, hangs up. One task per scenario."""

from __future__ import annotations

import secrets
from collections import deque
from enum import StrEnum
from pathlib import Path

import msgspec
from yarl import URL

from sidecar.domain.errors import SidecarError
from sidecar.emulator.conferences import Changes
from sidecar.emulator.exchange import CALLED_NUMBER, Exchange
from sidecar.emulator.scenario import Actor, Says, Scenario, ScenarioInvalid, Step
from sidecar.emulator.sound.files import Recordings
from sidecar.emulator.sound.ticker import TICK_S
from sidecar.emulator.sound.track import ticks_of
from sidecar.emulator.state import Call, CallStatus, StreamStatus
from sidecar.speech.g711 import SAMPLE_RATE
from sidecar.speech.wav import AudioUnreadable

STREAM_TIMEOUT_S = 5.0  # in the room so long, a caller speaks, streamed or not
ROOM_TIMEOUT_S = 60.0  # dialled so long ago, a caller speaks, wherever the call is


class ParticipantLost(SidecarError):
    """A call of the scenario failed, so it cannot be played to its end; the message holds Twilio's number."""

    code = "scenario_participant_lost"


_CHANGES = {
    "hold": Changes(hold=True),
    "resume": Changes(hold=False),
    "mute": Changes(muted=True),
    "unmute": Changes(muted=False),
}

Clips = tuple[tuple[int, bytes], ...]  # ticks from the scenario's zero, mu-law audio


class RunState(StrEnum):
    """calling: not all are there. speaking: until the last has hung up. failed: a call failed, all were hung up."""

    CALLING = "calling"
    SPEAKING = "speaking"
    ENDED = "ended"
    FAILED = "failed"


class Patience:
    """When a caller begins to speak: in a room and streamed, or after the time limits. Ask once per beat."""

    def __init__(self, exchange: Exchange, call: Call) -> None:
        self._exchange, self._call = exchange, call
        self._called_at = exchange.ticker.tick
        self._in_room_at: int | None = None

    def is_over(self) -> bool:
        """May the caller speak now?"""
        tick = self._exchange.ticker.tick
        if self._call.over or (tick - self._called_at) * TICK_S >= ROOM_TIMEOUT_S:
            return True
        if self._exchange.state.conference_of(self._call.sid) is None:
            return False
        if self._in_room_at is None:
            self._in_room_at = tick
        if (tick - self._in_room_at) * TICK_S >= STREAM_TIMEOUT_S:
            return True
        statuses = [stream.status for stream in self._exchange.state.streams_of(self._call.sid)]
        return StreamStatus.CONNECTING not in statuses and StreamStatus.LIVE in statuses


class Part(msgspec.Struct):
    """One participant's share of a run. ``call`` is None until it is placed; ``begun``: its clips are laid out."""

    actor: Actor
    clips: Clips
    call: Call | None = None
    patience: Patience | None = None
    begun: bool = False


class CallReport(msgspec.Struct, frozen=True):
    """A call as the control API shows it."""

    call_sid: str
    label: str
    status: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A run as the control API shows it."""

    id: str
    title: str
    room: str
    state: RunState
    error: str | None
    calls: list[CallReport]
    conference_sid: str | None
    seconds_spoken: float
    seconds_total: float


async def read_clips(says: tuple[Says, ...], recordings: Recordings, source: str, place: str) -> Clips:
    """All recordings of one caller, in order of time. Raises ScenarioInvalid that names the file and its place."""
    clips: list[tuple[int, bytes]] = []
    files: dict[str, bytes] = {}  # a file that holds many lines is read once
    for i, said in enumerate(says):
        if said.wav not in files:
            try:
                files[said.wav] = await recordings.read(Path(said.wav))
            except AudioUnreadable as error:
                raise ScenarioInvalid(source, f"{place}[{i}].wav", str(error)) from None
        clips.append((round(said.at / TICK_S), _part(files[said.wav], said, source, f"{place}[{i}]")))
    return tuple(sorted(clips, key=lambda clip: clip[0]))


def _part(audio: bytes, said: Says, source: str, place: str) -> bytes:
    """What is asked for of the recording. Raises ScenarioInvalid when it does not hold that."""
    begin = round(said.from_ * SAMPLE_RATE)
    end = len(audio) if said.to is None else round(said.to * SAMPLE_RATE)
    if not begin < end <= len(audio):
        length = len(audio) / SAMPLE_RATE
        raise ScenarioInvalid(source, place, f"expected from < to, both within the {length:.2f} s of the recording.")
    return audio[begin:end]


class Run:
    """One playing of a scenario whose recordings are in memory."""

    def __init__(self, scenario: Scenario, clips: list[Clips], exchange: Exchange) -> None:
        self.id = f"scn_{secrets.token_hex(8)}"
        asked = URL(scenario.voice_url).query.get("room")
        self.room = scenario.room or asked or f"room-{secrets.token_hex(4)}"
        self.state = RunState.CALLING
        self._scenario, self._exchange = scenario, exchange
        self._error: str | None = None
        self._parts = [Part(actor, c) for actor, c in zip(scenario.participants, clips, strict=True)]
        self._steps = deque(sorted(scenario.steps, key=lambda step: step.at))
        self._zero: int | None = None
        self._end = 0
        self._conference_sid: str | None = None
        self._total_ticks = max(_length(part.clips) for part in self._parts)
        self._spoken_ticks: int | None = None  # how far it came, once it is over

    @property
    def over(self) -> bool:
        """Has everybody hung up?"""
        return self.state in {RunState.ENDED, RunState.FAILED}

    def report(self) -> Report:
        """Where it stands."""
        spoken = self._spoken() if self._spoken_ticks is None else self._spoken_ticks
        calls = [CallReport(p.call.sid, p.actor.label, p.call.status.value) for p in self._parts if p.call is not None]
        return Report(
            id=self.id,
            title=self._scenario.title,
            room=self.room,
            state=self.state,
            error=self._error,
            calls=calls,
            conference_sid=self._conference_sid,
            seconds_spoken=round(min(spoken, self._total_ticks) * TICK_S, 2),
            seconds_total=round(self._total_ticks * TICK_S, 2),
        )

    async def play(self) -> None:
        """From the first call to the last hang-up. A failed call ends it; that is told in the report."""
        outcome = RunState.FAILED
        try:
            while not self._step():
                await self._exchange.ticker.next()
            outcome = RunState.ENDED
        except ParticipantLost as error:
            self._error = error.message
        finally:
            self._spoken_ticks = self._spoken()
            for part in self._parts:
                part.clips = ()  # the report stays, the audio need not
            self._hang_up()
        while not all(part.call is None or part.call.over for part in self._parts):
            await self._exchange.ticker.next()
        self.state = outcome

    def _spoken(self) -> int:
        return 0 if self._zero is None else max(0, self._exchange.ticker.tick - self._zero)

    def _step(self) -> bool:
        """One look at the clock and the calls; True when the scenario is over. Raises ParticipantLost."""
        tick = self._exchange.ticker.tick
        self._place_due_calls(tick)
        self._look_at_calls()
        calls = [part.call for part in self._parts if part.call is not None]
        if len(calls) == len(self._parts) and all(call.over for call in calls):
            return True
        if self._zero is None:
            early = [part for part in self._parts if part.actor.joins_at == 0]
            if not [part for part in early if not _can_speak(part)]:  # asks each of them, every time
                self._zero = tick + 1
                self._end = self._zero + (round(self._steps[-1].at / TICK_S) if self._steps else 0)
                self.state = RunState.SPEAKING
                for part in early:
                    self._begin(part, self._zero)
            return False
        while self._steps and tick >= self._zero + round(self._steps[0].at / TICK_S):
            self._do(self._steps.popleft())
        for part in self._parts:
            if part.call is not None and not part.begun and _can_speak(part):
                self._begin(part, tick + 1)
        spoken = all(part.begun for part in self._parts)
        return spoken and tick >= self._end + round(self._scenario.hang_up_after / TICK_S)

    def _place_due_calls(self, tick: int) -> None:
        for n, part in enumerate(self._parts):
            joins_at = round(part.actor.joins_at / TICK_S)
            if part.call is None and (joins_at == 0 or (self._zero is not None and tick >= self._zero + joins_at)):
                part.call = self._exchange.calls.place(
                    voice_url=voice_url(self._scenario.voice_url, self.room, part.actor),
                    from_=part.actor.number or _invented_number(part.actor, n),
                    to=CALLED_NUMBER,
                    label=part.actor.label,
                )
                part.patience = Patience(self._exchange, part.call)

    def _look_at_calls(self) -> None:
        for part in self._parts:
            if part.call is None:
                continue
            if part.call.status is CallStatus.FAILED:
                reason = part.call.failure or "the emulator failed; its log says where"
                raise ParticipantLost(f"The call of {part.actor.label} failed: {reason}")
            conference = self._exchange.state.conference_of(part.call.sid)
            if conference is not None:
                self._conference_sid = conference.sid

    def _begin(self, part: Part, earliest: int) -> None:
        """Lay out all that the participant says; a caller who came late says it late, with the same pauses."""
        part.begun = True
        if part.call is None or part.call.over or self._zero is None or not part.clips:
            return
        origin = max(self._zero, earliest - part.clips[0][0])
        for at, audio in part.clips:
            self._end = max(self._end, self._exchange.calls.say(part.call.sid, audio, origin + at))
        self._total_ticks = max(self._total_ticks, self._end - self._zero)

    def _do(self, step: Step) -> None:
        for part in self._parts:
            if part.call is not None and part.actor.label == step.label:
                conference = self._exchange.state.conference_of(part.call.sid)
                if conference is not None:
                    participant = conference.participants[part.call.sid]
                    self._exchange.desk.update(conference, participant, _CHANGES[step.do])

    def _hang_up(self) -> None:
        for part in self._parts:
            if part.call is not None and not part.call.over:
                self._exchange.calls.hang_up(part.call.sid)


async def speak_when_ready(exchange: Exchange, call: Call, clips: Clips) -> None:
    """For a single call: its recordings begin when it is in a room and streams, or after the time limits."""
    patience = Patience(exchange, call)
    while not patience.is_over():
        await exchange.ticker.next()
    if call.over:
        return
    origin = exchange.ticker.tick + 1
    for at, audio in clips:
        exchange.calls.say(call.sid, audio, origin + at)


def voice_url(base: str, room: str, actor: Actor) -> str:
    """The voice URL with room, label, name and role in its query; the result is requested and signed as it is."""
    query = {"room": room, "label": actor.label, "name": actor.name, "role": actor.role}
    return str(URL(base).update_query({key: value for key, value in query.items() if value}))


def _can_speak(part: Part) -> bool:
    return part.patience is not None and part.patience.is_over()


def _invented_number(actor: Actor, n: int) -> str:
    return f"client:{actor.label}" if actor.role == "agent" else f"+120255501{n + 10:02d}"


def _length(clips: Clips) -> int:
    end = 0
    for at, audio in clips:
        end = max(end, at) + ticks_of(audio)
    return end
