"""A conference with an assistant, several of which go on side by side: people say phrases, and what sounds is recorded.

All that is told of a conference is followed as it comes; moments are the emulator's ticks of 20 ms.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import numpy as np
import soundfile
from numpy.typing import NDArray

from sidecar.cli.feed import frames
from tests.line import Line
from tests.phrase_book import PhraseBook

TICK_MS = 20
SAMPLES_PER_TICK = 160
APART_MS = 1_200  # a machine that has a lot to do makes pauses of its own
SOUND = 500  # of 32,767: what is louder is somebody's voice
LIMIT_S = 90.0
GONE_S = 1_800.0

Envelope = dict[str, Any]
_one_begins = asyncio.Lock()  # a dozen calls at the same moment are too much for a busy machine


class Recording:
    """What was said or heard, from a tick on."""

    def __init__(self, first_tick: int, samples: NDArray[np.int16]) -> None:
        self.samples = samples
        ticks = samples.reshape(-1, SAMPLES_PER_TICK)
        self._loud = np.abs(ticks.astype(int)).max(axis=1) > SOUND if len(ticks) else np.zeros(0, dtype=bool)
        self._first = first_tick

    def since(self, tick: int) -> NDArray[np.int16]:
        """What is behind that tick."""
        return self.samples[max(0, tick - self._first) * SAMPLES_PER_TICK :]

    def sounds(self, since: int = 0, *, apart_ms: int = APART_MS) -> list[tuple[int, int]]:
        """From tick to tick, what sounds and begins at ``since`` or later; pauses shorter than that are part of it."""
        edges = np.flatnonzero(np.diff(np.concatenate([[False], self._loud, [False]]).astype(int)))
        joined: list[tuple[int, int]] = []
        for begin, end in (edges + self._first).reshape(-1, 2).tolist():
            if joined and (begin - joined[-1][1]) * TICK_MS < apart_ms:
                joined[-1] = (joined[-1][0], end)
            else:
                joined.append((begin, end))
        return [span for span in joined if span[0] >= since]


class Room:
    """``told``: all events of the conference so far, and states of its assistant."""

    def __init__(self, line: Line, book: PhraseBook, name: str) -> None:
        self.line, self.book, self.name = line, book, name
        self.told: list[Envelope] = []
        self.assistant = ""
        self.people: dict[str, Any] = {}
        self._news = asyncio.Event()
        self._labels: tuple[str, ...] = ()
        self._api = ""
        self._recordings: dict[tuple[str, str], str] = {}

    async def begin(self, *labels: str) -> None:
        """These people are in it, for as long as the test may last."""
        self._labels = labels
        async with _one_begins, asyncio.timeout(LIMIT_S):
            await self.line.play(GONE_S, room=self.name, labels=labels)
            while not (found := (await self.line.service.get(f"/v1/conferences?room={self.name}"))["data"]):
                await asyncio.sleep(0.1)
            self._api = f"/v1/conferences/{found[0]['id']}"
        self._topic = f"conference:{found[0]['id']}"

    @asynccontextmanager
    async def there(self, *labels: str) -> AsyncIterator[Room]:
        """With these people in it, and all that is told of it followed."""
        await self.begin(*labels)
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(self.follow())
            yield self
            following.cancel()

    async def follow(self) -> None:
        """Until it is cancelled."""
        timeout = aiohttp.ClientTimeout(total=None)
        url = f"{self.line.service.base}/v1/stream"
        async with self.line.service.http.get(url, params={"topic": self._topic}, timeout=timeout) as answer:
            async for _, envelope in frames(answer):
                if "type" in envelope:
                    self.told.append(envelope)
                    self._news.set()

    async def invite(self, **wish: Any) -> None:
        """An assistant that is there; what it says is recorded from now on."""
        await self._streaming()
        self.assistant = (await self.ask("POST", body=wish))["id"]
        joined = await self.until("assistant.joined")
        await self.record(joined["call_sid"], "says")

    async def says(self, label: str, *phrases: str | tuple[float, str]) -> tuple[int, int]:
        """Somebody begins to say them, or so many seconds from now: from the present tick to that of the end.

        What has to come in time is ordered ahead: the network keeps time where a busy test would be late.
        """
        timed = [(0.0, one) if isinstance(one, str) else one for one in phrases]
        says = [{"wav": self.book.wav(phrase), "at": at} for at, phrase in timed]
        told = await self.line.control(f"/control/calls/{self.people[label]['call_sid']}/say", {"says": says})
        return told["begins"], told["ends"]

    async def ask(self, method: str, path: str = "", body: Any = None) -> dict[str, Any]:
        """The assistants' API, or that of its assistant."""
        at = f"/{self.assistant}{path}" if self.assistant else path
        url = f"{self.line.service.base}{self._api}/assistants{at}"
        async with self.line.service.http.request(method, url, json=body) as answer:
            told: dict[str, Any] = await answer.json()
            assert answer.ok, told
            return told

    async def record(self, of: str, what: str) -> None:
        """From now on."""
        order = {"of": of, "what": what}
        told = await self.line.control("/control/recordings", order)
        self._recordings[of, what] = f"{told['id']} {told['first_tick']}"

    async def recorded(self, of: str = "", what: str = "says") -> Recording:
        """So far; of the assistant, unless told otherwise."""
        of = of or self.all("assistant.joined")[0]["call_sid"]
        id_, first = self._recordings[of, what].split()
        samples, _ = soundfile.read(io.BytesIO(await self.line.download(f"/control/recordings/{id_}")), dtype="int16")
        return Recording(int(first), samples)

    # -- what is told ----------------------------------------------------------------------------------------------

    def all(self, type_: str) -> list[dict[str, Any]]:
        """Data of the events of one type."""
        return [envelope["data"] for envelope in self.told if envelope["type"] == type_]

    async def until(self, type_: str, true: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        """The first of that type of which this is true."""
        async with asyncio.timeout(LIMIT_S):
            while not (found := [data for data in self.all(type_) if true(data)]):
                self._news.clear()
                await self._news.wait()
        return found[0]

    async def turn(self, nth: int) -> dict[str, Any]:
        """Its nth turn."""
        async with asyncio.timeout(LIMIT_S):
            while len(self.all("assistant.turn")) < nth:
                self._news.clear()
                await self._news.wait()
        return self.all("assistant.turn")[nth - 1]

    async def speaking(self, nth: int) -> None:
        """It speaks, for the nth time."""
        async with asyncio.timeout(LIMIT_S):
            while self._spoke() < nth:
                self._news.clear()
                await self._news.wait()

    def _spoke(self) -> int:
        states = [data["state"] for data in self.all("assistant.state")]
        return sum(now == "speaking" and was != "speaking" for was, now in zip(["", *states], states, strict=False))

    async def _streaming(self) -> None:
        """Everybody is there, and heard."""
        async with asyncio.timeout(LIMIT_S):
            while any(len(self.all(type_)) < len(self._labels) for type_ in ("fork.started", "participant.joined")):
                self._news.clear()
                await self._news.wait()
        found = (await self.line.service.get(f"{self._api}/participants"))["data"]
        self.people = {one["label"]: one for one in found}
