"""The assistant's own share of a turn: service, small Twilio and callers in one process, engines that take no time.

Callers and recogniser know the phrases of a book. What the recogniser tells is stamped, and so is what is sent to
Twilio; in between lies all that is ours. When it is silent is read from a recording of what it says into the call.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from benchmarks.parts import quantiles, say
from sidecar.cli import logs
from sidecar.domain import notice
from sidecar.ports.chat_model import ChatMessage, Piece, TextPiece, Tool
from sidecar.ports.recogniser import FinalResult, PartialResult, Result
from sidecar.runtime.assistant.desk import Engines
from sidecar.server.twilio import assistant_socket
from tests.assisted_room import TICK_MS, Room
from tests.line import Line, running_line
from tests.phrase_book import BookRecogniser, BookStream, BookVoice, PhraseBook

ANSWER = "Within thirty days we send all of the money back to your card in at most five days."
ROOMS = ("one", "two", "three", "four", "five", "six", "seven", "eight")
# A final that is known so late finds that everybody has been quiet for long enough: what is behind it is ours.
FINAL_AFTER_S = 0.8
# So long it has been speaking when somebody objects.
SPEAKS_S = 1.0
TURN_TIMEOUT_S = 20.0
FINALS_OF_A_TURN = 3  # question, answer, objection


def question(room: str) -> str:
    """Its own in each room, so that stamps are told apart."""
    return f"Ava, explain {room}."


def objection(room: str) -> str:
    """Its second word confirms it."""
    return f"{room.capitalize()} is plainly wrong."


class Stamps:
    """When, on the monotonic clock, the newest of each thing happened."""

    def __init__(self) -> None:
        self.final: dict[str, float] = {}  # by text
        self.confirmed: dict[str, float] = {}
        self.lines: list[StampedLine] = []


class StampedLine(assistant_socket.SocketLine):
    """Notes when media and clear are sent."""

    stamps = Stamps()

    def __init__(self, ws: web.WebSocketResponse, stream_sid: str) -> None:
        super().__init__(ws, stream_sid)
        self.media: list[float] = []
        self.clears: list[float] = []
        self.stamps.lines.append(self)

    async def play(self, audio: bytes) -> None:
        """Behind the write."""
        await super().play(audio)
        self.media.append(time.monotonic())

    async def clear(self) -> None:
        """Behind the write."""
        await super().clear()
        self.clears.append(time.monotonic())


class StampedStream(BookStream):
    """Tells finals late, and notes when."""

    _noted = -1  # the segment whose second word was noted

    def tell(self, result: Result) -> None:
        """Partials at once."""
        if isinstance(result, FinalResult):
            asyncio.get_running_loop().call_later(FINAL_AFTER_S, self._told, result)
            return
        if isinstance(result, PartialResult) and len(result.text.split()) == 2 and result.segment > self._noted:
            self._noted = result.segment
            StampedLine.stamps.confirmed[result.text] = time.monotonic()
        super().tell(result)

    def _told(self, result: FinalResult) -> None:
        StampedLine.stamps.final[result.text] = time.monotonic()
        super().tell(result)


class StampedRecogniser(BookRecogniser):
    """With such streams."""

    async def open(self) -> BookStream:
        """One session."""
        return StampedStream(self._book)


class Instant:
    """Answers at once."""

    engine = "instant"

    async def answer(
        self, messages: Sequence[ChatMessage], *, tools: Sequence[Tool] = ()
    ) -> AsyncGenerator[Piece, None]:
        """Always the same."""
        del messages, tools
        yield TextPiece(ANSWER)

    async def close(self) -> None:
        """Nothing to free."""


async def conversation(room: Room, turns: int, measured: dict[str, list[float]]) -> None:
    """Somebody asks, somebody else objects to the answer; again and again."""
    stamps, (asks, objects) = StampedLine.stamps, (question(room.name), objection(room.name))
    async with room.there("agent", "customer"):
        async with _one_joins:
            await room.invite()
            line = stamps.lines[-1]
        for nth in range(1, turns + 1):
            line.media.clear()
            await room.says("agent", asks)
            await until(lambda: bool(line.media))
            measured["first_media_ms"].append((line.media[0] - stamps.final[asks]) * 1000)
            await asyncio.sleep(SPEAKS_S)
            line.clears.clear()
            await room.says("customer", objects)
            await room.turn(nth)
            await until(partial(all_said, room, FINALS_OF_A_TURN * nth))
            if not line.clears:
                continue  # on a machine that is too busy the answer is over before anybody objects
            due = stamps.confirmed[" ".join(objects.split()[:2])]
            measured["clear_ms"].append((line.clears[0] - due) * 1000)
            tick, at = await _now(room.line)
            silent = (await room.recorded()).sounds(apart_ms=0)[-1][1]
            measured["silent_ms"].append((at - due) * 1000 - (tick - silent) * TICK_MS)


def all_said(room: Room, count: int) -> bool:
    """So many utterances are told: what is still being said is not in the way of the next turn."""
    return len(room.all("utterance.final")) >= count


async def until(true: Callable[[], bool]) -> None:
    """It is so."""
    async with asyncio.timeout(TURN_TIMEOUT_S):
        while not true():  # noqa: ASYNC110 - looks at what others write down, and wakes nobody
            await asyncio.sleep(0.02)


async def _now(line: Line) -> tuple[int, float]:
    """A tick, and when it was."""
    before = time.monotonic()
    tick: int = (await line.state())["ticks"]
    return tick, (before + time.monotonic()) / 2


async def measure(rooms: int, turns: int) -> dict[str, Any]:
    """So many calls at once, so many turns each."""
    names = ROOMS[:rooms]
    phrases = (ANSWER, *map(question, names), *map(objection, names))
    measured: dict[str, list[float]] = {"first_media_ms": [], "clear_ms": [], "silent_ms": []}
    with tempfile.TemporaryDirectory(prefix="sidecar-bench-") as folder:
        book = PhraseBook(Path(folder), *phrases)
        engines = Engines(Instant(), BookVoice(book))
        async with running_line(Path(folder), StampedRecogniser(book), engines) as line, asyncio.TaskGroup() as tasks:
            for name in names:
                tasks.create_task(conversation(Room(line, book, name), turns, measured), name=name)
    return {"rooms": rooms, "turns": rooms * turns} | {name: quantiles(values) for name, values in measured.items()}


_one_joins = asyncio.Lock()

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rooms", type=int, required=True, choices=range(1, len(ROOMS) + 1))
    parser.add_argument("--turns", type=int, required=True)
    args = parser.parse_args()
    logs.set_up("error")
    notice.BEFORE_IT_STARTS_S, notice.SPOKEN_CHARS_PER_S = 0.0, 1_000  # nobody waits for an announcement here
    assistant_socket.SocketLine = StampedLine  # type: ignore[misc]
    say(**asyncio.run(measure(args.rooms, args.turns)))
