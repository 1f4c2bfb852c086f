"""Hand-written stand-ins for ports, held to the same contract suites as the real ones where there is one."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sidecar.domain.errors import RecogniserUnavailable, TelephonyFailed
from sidecar.domain.notice import Announcement
from sidecar.ports.recogniser import Figure, FinalResult, Result, Traits, Unrecognised
from sidecar.ports.telephony import AssistantLeg, ConferenceStatus, LiveParticipant


class FakeClock:
    """Time stands still until ``pass_ms``; ids count up, over all clocks of a run."""

    _ids = itertools.count(1)

    def __init__(self, start: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        """The moment that was set."""
        return self._now

    def monotonic(self) -> float:
        """The same moment in seconds."""
        return self._now.timestamp()

    def new_id(self, kind: str) -> str:
        """``<kind>_000001`` and so on."""
        return f"{kind}_{next(self._ids):06}"

    def new_token(self) -> str:
        """``token_000001`` and so on."""
        return self.new_id("token")

    def pass_ms(self, ms: float) -> None:
        """Let time go by."""
        self._now += timedelta(milliseconds=ms)


Script = Sequence[tuple[int, Result]]
"""Audio ms at which a result is given, and the result."""


class ScriptedStream:
    """Gives each result of its script as soon as the audio has come so far as the result ends (or starts)."""

    def __init__(self, script: Script, *, fail_at_ms: int | None) -> None:
        self._script = list(script)
        self._fail_at_ms = fail_at_ms
        self._results: asyncio.Queue[Result | OSError | None] = asyncio.Queue()
        self.audio = bytearray()
        self.closed = False

    @property
    def noticed_ms(self) -> int:
        """Speech is noticed 600 ms late."""
        return max(0, len(self.audio) // 8 - 600)

    def send(self, audio: bytes) -> None:
        """Audio moves the script on."""
        self.audio += audio
        heard_ms = len(self.audio) // 8
        if self._fail_at_ms is not None and heard_ms >= self._fail_at_ms:
            self._results.put_nowait(OSError("the engine hung up"))
            raise OSError("the engine hung up")
        while self._script and self._script[0][0] <= heard_ms:
            self._results.put_nowait(self._script.pop(0)[1])

    async def finish(self) -> None:
        """What is left of the script comes at once."""
        for _, result in self._script:
            if isinstance(result, FinalResult | Unrecognised):
                self._results.put_nowait(result)
        self._results.put_nowait(None)

    async def results(self) -> AsyncIterator[Result]:
        """Until ``finish``, ``close`` or the scripted failure."""
        while (result := await self._results.get()) is not None:
            if isinstance(result, OSError):
                raise result
            yield result

    async def close(self) -> None:
        """Ends ``results``."""
        self.closed = True
        self._results.put_nowait(None)


class ScriptedRecogniser:
    """Opens one stream per script, then empty ones. ``refuse``: how many times ``open`` fails first, and why."""

    engine = "scripted"
    traits = Traits()

    def __init__(
        self,
        *scripts: Script,
        fail_at_ms: int | None = None,
        refuse: int = 0,
        gap_reason: str = "recogniser_failed",
    ) -> None:
        self._scripts = list(scripts)
        self._fail_at_ms = fail_at_ms
        self.refuse = refuse
        self._gap_reason = gap_reason
        self.streams: list[ScriptedStream] = []

    def check(self) -> None:
        """Fails as ``open`` would."""
        if self.refuse:
            raise RecogniserUnavailable("The scripted recogniser was told to refuse.")

    def figures(self) -> list[Figure]:
        """One, so that it can be found."""
        return [Figure("streams_opened", "counter", "Streams that were opened.", len(self.streams))]

    async def open(self) -> ScriptedStream:
        """The next script. Only the first stream fails as told."""
        if self.refuse:
            self.refuse -= 1
            raise RecogniserUnavailable("The scripted recogniser was told to refuse.", gap_reason=self._gap_reason)
        stream = ScriptedStream(
            self._scripts.pop(0) if self._scripts else (), fail_at_ms=None if self.streams else self._fail_at_ms
        )
        self.streams.append(stream)
        return stream

    async def close(self) -> None:
        """Nothing to free."""


class FakeTelephony:
    """A network with one conference, whose members the test sets; asked-for streams are written down."""

    def __init__(self, sid: str | None = "CF" + "0" * 32, present: Sequence[str] = ()) -> None:
        self.sid = sid
        self.present = list(present)
        self.on_hold = set[str]()
        self.over = False
        self.hung_up = set[str]()  # calls that are over
        self.ended_at: datetime | None = None
        self.failures: list[TelephonyFailed] = []  # raised first, one per call
        self.asked = asyncio.Queue[tuple[str, str, str]]()  # call, stream name, token
        self.dialled: list[tuple[str, str, str, str]] = []  # conference, from, to, label
        self.room = "support"
        self.labels: dict[str, str] = {}
        self.addresses: dict[str, str] = {}
        self.stopped: list[str] = []  # names of streams
        self.stream_failures: list[TelephonyFailed] = []  # raised by the next streams that are asked for
        self.announced = asyncio.Queue[str]()  # kind
        self.legs = asyncio.Queue[AssistantLeg]()
        self.removed: list[str] = []
        self.coached: list[str | None] = []
        self.audience_takes_s = 0.0

    async def find_conference(self, room: str) -> str | None:
        """The one conference, whatever the room."""
        self._maybe_fail()
        return self.sid

    async def status(self, conference_sid: str) -> ConferenceStatus:
        """In progress until ``over`` is set."""
        self._maybe_fail()
        return ConferenceStatus(
            in_progress=not self.over, started=not self.over, ended_at=self.ended_at, room=self.room
        )

    async def participants(self, conference_sid: str) -> Sequence[LiveParticipant]:
        """Who is present."""
        return [
            LiveParticipant(
                call_sid=sid, label=self.labels.get(sid, ""), muted=False, hold=sid in self.on_hold, coaching=False
            )
            for sid in self.present
        ]

    async def is_over(self, call_sid: str) -> bool:
        """Those that hung up."""
        self._maybe_fail()
        return call_sid in self.hung_up

    async def start_stream(self, call_sid: str, *, name: str, parameters: Mapping[str, str]) -> str:
        """Write the wish down."""
        self._maybe_fail()
        if self.stream_failures:
            raise self.stream_failures.pop(0)
        self.asked.put_nowait((call_sid, name, parameters["token"]))
        return "MZ" + "0" * 32

    async def stop_stream(self, call_sid: str, *, name: str) -> None:
        """Write its name down."""
        self.stopped.append(name)

    async def address(self, call_sid: str) -> str:
        """What the test says; else somebody from the telephone network."""
        return self.addresses.get(call_sid, "+15550100")

    async def announce(self, conference_sid: str, call_sid: str | None, *, kind: Announcement) -> None:
        """Write the kind down."""
        self._maybe_fail()
        self.announced.put_nowait(kind)

    async def dial(self, conference_sid: str, *, from_number: str, to_number: str, label: str) -> str:
        """Write down who was called."""
        self._maybe_fail()
        self.dialled.append((conference_sid, from_number, to_number, label))
        return "CA" + f"{len(self.dialled):032}"

    async def join_assistant(self, conference_sid: str, leg: AssistantLeg) -> str:
        """Write the leg down."""
        self._maybe_fail()
        self.legs.put_nowait(leg)
        return "CA" + "a" * 32

    async def remove(self, conference_sid: str, call_sid: str) -> None:
        """Write down who was put out."""
        self._maybe_fail()
        self.removed.append(call_sid)

    async def set_audience(self, conference_sid: str, call_sid: str, *, coached: str | None) -> None:
        """Write down who hears it."""
        await asyncio.sleep(self.audience_takes_s)
        self._maybe_fail()
        self.coached.append(coached)

    async def close(self) -> None:
        """Nothing to close."""

    def _maybe_fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)
