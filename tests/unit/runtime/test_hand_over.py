"""Deepgram's connections drop amid speech, again and again: no word is lost, hardly one is told twice, captions go on.

The adapter with a transcriber in place of the vendor's socket, in virtual time: minutes of speech take moments.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sidecar.adapters.recognisers.deepgram_connection import Connection
from sidecar.adapters.recognisers.deepgram_stream import DeepgramStream, Limits
from sidecar.domain.conference.values import Fork, ForkState
from sidecar.domain.errors import RecogniserUnavailable
from sidecar.domain.events import EventData, TranscriptGap, UtteranceFinal, UtterancePartial
from sidecar.domain.spans import Hearing
from sidecar.domain.stream_clock import StreamClock
from sidecar.ports.recogniser import Recogniser, Traits
from sidecar.runtime.engine_choice import EngineChoice
from sidecar.runtime.recogniser_session import RecogniserSession
from sidecar.runtime.recorder import Recorder
from sidecar.runtime.tally import Tally
from sidecar.wire.deepgram_listen import read_message
from tests.emulated_deepgram.ears import BYTES_PER_MS, NumberedEar, number_of, numbered_speech, places, some_manner
from tests.emulated_deepgram.transcriber import Transcriber

WORDS = 160
JITTER_MS = 150
FORK = Fork(
    id="frk_1", conference_id="cnf_1", participant_id="par_1", call_sid="CA1", state=ForkState.LIVE, epoch=1,
    stream_sid="MZ1", covered_ms=0,
)  # fmt: skip


class Wire:
    """A connection: 30 ms to the vendor and back."""

    def __init__(self, ear: NumberedEar) -> None:
        self._vendor = Transcriber(ear, endpointing_ms=300, utterance_end_ms=1_000)
        self._come = asyncio.Queue[dict[str, Any] | None]()
        self.dropped = False

    async def send_audio(self, audio: bytes) -> None:
        if self.dropped:
            raise RecogniserUnavailable("The line was cut.", code="cut")
        self._tell(self._vendor.feed(audio))

    async def keep_alive(self) -> None: ...

    async def finalize(self) -> None:
        self._tell(self._vendor.finalize())

    async def close_stream(self) -> None:
        self._tell([*self._vendor.close(), None])

    async def messages(self, base_ms: int) -> AsyncIterator[object]:
        while (message := await self._come.get()) is not None:
            yield read_message(_attributes(message), base_ms)
        if self.dropped:
            raise RecogniserUnavailable("The line was cut.", code="cut")

    def abort(self) -> None: ...

    def drop(self) -> None:
        self.dropped = True
        self._tell([None])

    def _tell(self, messages: Sequence[dict[str, Any] | None]) -> None:
        # All at once: timers of the same moment may come in any order.
        asyncio.get_running_loop().call_later(0.03, self._arrive, messages)

    def _arrive(self, messages: Sequence[dict[str, Any] | None]) -> None:
        for message in messages:
            self._come.put_nowait(message)


class Vendor:
    """A recogniser whose sessions differ in wording and times."""

    engine = "deepgram"
    traits = Traits(replay_speed=1.2, word_times=True)

    def __init__(self, chance: Random, tasks: asyncio.TaskGroup) -> None:
        self._chance, self._tasks = chance, tasks
        self.wires: list[Wire] = []  # that are open

    async def open(self) -> DeepgramStream:
        @asynccontextmanager
        async def connected() -> AsyncIterator[Connection]:
            await asyncio.sleep(0.1)
            wire = Wire(NumberedEar(some_manner(self._chance, JITTER_MS)))
            self.wires.append(wire)
            try:
                yield cast("Connection", wire)
            finally:
                self.wires.remove(wire)

        return DeepgramStream(connected, self._tasks, Limits())


class Notebook:
    """What is recorded, and when each word was seen first."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.facts: list[EventData] = []
        self.seen_ms: dict[int, int] = {}
        self._ids = 0

    def now_ms(self) -> int:
        return round(asyncio.get_running_loop().time() * 1000)

    def new_id(self, kind: str) -> str:
        self._ids += 1
        return f"{kind}_{self._ids}"

    def record_soon(self, fact: EventData) -> None:
        self.facts.append(fact)
        self.tell([fact])

    def cover(self, fork: str, covered_ms: int) -> None: ...

    def tell(self, facts: Sequence[EventData]) -> None:
        for fact in facts:
            if isinstance(fact, UtteranceFinal | UtterancePartial):
                for word in fact.text.split():
                    self.seen_ms.setdefault(cast("int", number_of(word)), self.now_ms())


class Told:
    """Of all calls together. ``captions_ms``: from the end of the first word after a drop to its first caption."""

    def __init__(self) -> None:
        self.drops = 0
        self.lost: list[str] = []
        self.doubled: list[str] = []
        self.gaps = 0
        self.captions_ms: list[int] = []


async def call(seed: int, told: Told) -> None:
    """A minute and a half of speech whose connection is dropped every four to ten seconds."""
    chance, notebook = Random(seed), Notebook()
    shift_ms = chance.randrange(100)  # words do not begin with frames
    audio = b"\xff" * (shift_ms * BYTES_PER_MS) + numbered_speech(0, WORDS)
    loop, drops_s = asyncio.get_running_loop(), list[float]()
    async with asyncio.TaskGroup() as tasks:
        vendor, timeline = Vendor(chance, tasks), StreamClock(0)
        session = RecogniserSession(
            engines=EngineChoice(cast("Recogniser", vendor)),
            fork=FORK,
            timeline=timeline,
            recorder=cast("Recorder", notebook),
            hearing=Hearing(),
        )
        running = tasks.create_task(session.run())
        next_s = chance.uniform(3, 9)
        began_s = loop.time()
        for at in range(0, len(audio), 800):
            await asyncio.sleep(0.1)
            piece = audio[at : at + 800]
            timeline.place(0, timeline.audio_ms, len(piece))
            session.send(piece)
            if loop.time() - began_s >= next_s and vendor.wires:
                vendor.wires[-1].drop()
                drops_s.append(loop.time())
                next_s = loop.time() - began_s + chance.uniform(4, 10)
        await session.finish()
        await running
        await session.close()
    ends_ms = {n: word.end_ms + shift_ms + round(began_s * 1000) for n, word in enumerate(places(0, WORDS))}
    times = Counter(
        number_of(word.text) for fact in notebook.facts if isinstance(fact, UtteranceFinal) for word in fact.words
    )
    told.drops += len(drops_s)
    told.lost += [f"{seed}:{n}" for n in ends_ms if not times[n]]
    told.doubled += [f"{seed}:{n}" for n in ends_ms if times[n] > 1]
    told.gaps += sum(isinstance(fact, TranscriptGap) for fact in notebook.facts)
    for drop_s in drops_s:
        after = [(end_ms, n) for n, end_ms in ends_ms.items() if end_ms > drop_s * 1000]
        if after:
            end_ms, n = min(after)
            told.captions_ms.append(notebook.seen_ms[n] - end_ms)


@pytest.mark.virtual_time
async def test_of_words_in_flight_none_is_lost_hardly_one_doubled_and_captions_come_back_soon() -> None:
    told = Told()
    for seed in range(12):
        await call(seed, told)
    assert told.drops > 100
    assert told.lost == []
    assert told.gaps == 0
    assert len(told.doubled) <= 1, told.doubled
    assert sorted(told.captions_ms)[round(len(told.captions_ms) * 0.95)] <= 1_500


def _attributes(message: object) -> Any:
    """JSON as the vendor's SDK hands it on."""
    if isinstance(message, dict):
        return SimpleNamespace(**{name: _attributes(value) for name, value in message.items()})
    return [_attributes(one) for one in message] if isinstance(message, list) else message
