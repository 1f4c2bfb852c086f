"""Hand-written stand-ins for the assistant's engines, held to the contracts of the real ones. No threads, no sockets.

Whatever waits in them waits by ``asyncio.sleep``, so that a test may let virtual time pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from sidecar.domain.errors import ChatModelFailed, RealtimeFailed, VoiceFailed
from sidecar.ports.chat_model import ChatMessage, Piece, TextPiece, Tool
from sidecar.ports.realtime import AudioPiece, Brief, Found, Lost, RealtimePiece
from sidecar.ports.recogniser import Figure
from sidecar.speech import g711

Answer = Sequence[str | Piece | float | ChatModelFailed]
"""Text, other pieces, seconds to wait, and how it breaks off."""
SpokenAnswer = Sequence[str | RealtimePiece | float | RealtimeFailed]
"""Text, which is spoken, other pieces, seconds to wait, and how it breaks off."""

TONE = bytes([g711.SILENCE ^ 0x40])  # a steady level: audio that is not silence


class FakeChatModel:
    """Gives its answers one after another, and behind the last one "You said: …".

    ``asked``: the messages of each request; ``stopped``: how many answers were not heard to their end.
    """

    engine = "fake"

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.asked: list[Sequence[ChatMessage]] = []
        self.tools: list[Sequence[Tool]] = []
        self.stopped = 0
        self.closed = False

    async def answer(
        self, messages: Sequence[ChatMessage], *, tools: Sequence[Tool] = ()
    ) -> AsyncGenerator[Piece, None]:
        """The next answer."""
        self.asked.append(tuple(messages))
        self.tools.append(tuple(tools))
        answer = self._answers.pop(0) if self._answers else ("You said: ", messages[-1].text)
        whole = False
        try:
            for step in answer:
                match step:
                    case ChatModelFailed():
                        raise step
                    case int() | float():
                        await asyncio.sleep(step)
                    case str():
                        yield TextPiece(step)
                    case _:
                        yield step
            whole = True
        finally:
            self.stopped += not whole

    async def close(self) -> None:
        """Remembered."""
        self.closed = True


class FakeVoice:
    """Speaks a character in ``ms_per_character`` of audio, in pieces of ``piece_ms``.

    ``first_s``: seconds until the first piece, ``piece_s``: until each other one. ``failures``: texts at which it
    breaks off behind its first piece. ``spoken``: texts so far; ``stopped``: how many were not heard to their end.
    """

    engine = "fake"

    def __init__(
        self,
        *,
        ms_per_character: int = 60,
        piece_ms: int = 250,
        first_s: float = 0.0,
        piece_s: float = 0.0,
        failures: Sequence[str] = (),
    ) -> None:
        self._bytes_per_character = ms_per_character * g711.BYTES_PER_MS
        self._piece_bytes = piece_ms * g711.BYTES_PER_MS
        self._first_s, self._piece_s = first_s, piece_s
        self._failures = failures
        self.spoken: list[str] = []
        self.stopped = 0
        self.closed = False

    async def speak(self, text: str) -> AsyncGenerator[bytes, None]:
        """A tone as long as the text."""
        if not any(character.isalnum() for character in text):
            return
        self.spoken.append(text)
        whole = False
        try:
            await asyncio.sleep(self._first_s)
            length = len(text) * self._bytes_per_character
            for at in range(0, length, self._piece_bytes):
                if at:
                    await asyncio.sleep(self._piece_s)
                    if text in self._failures:
                        raise VoiceFailed("The voice broke off.")
                yield TONE * min(self._piece_bytes, length - at)
            whole = True
        finally:
            self.stopped += not whole

    async def close(self) -> None:
        """Remembered."""
        self.closed = True


class FakeRealtimeSession:
    """``audio``: what it heard; ``told``: messages so far; ``forgotten_behind_ms``: each ``heard``.

    ``lose`` and ``find`` are for the test: in between nothing is heard and told, and answers fail. ``over``: it ended.
    """

    def __init__(self, model: FakeRealtimeModel, brief: Callable[[int], Brief]) -> None:
        self._model = model
        self._brief = brief
        self._lost: RealtimeFailed | None = None
        self._news: asyncio.Queue[Lost | Found | None] = asyncio.Queue()
        self.briefs = [brief(0)]
        self.audio = bytearray()
        self.told: list[ChatMessage] = []
        self.forgotten_behind_ms: list[int] = []
        self.stopped = 0
        self.over = False

    def lose(self, failure: RealtimeFailed) -> None:
        """The connection is gone."""
        self._lost = failure
        self._news.put_nowait(Lost(failure.code, failure.message, failure.permanent))
        if failure.permanent:
            self.end()

    def find(self, away_ms: int) -> None:
        """There is another one."""
        self._lost = None
        self.briefs.append(self._brief(away_ms))
        self._news.put_nowait(Found(away_ms))

    def hear(self, audio: bytes) -> None:
        """Kept, unless it is lost."""
        self.audio += b"" if self._lost else audio

    def tell(self, message: ChatMessage) -> None:
        """Kept, unless it is lost."""
        if not self._lost:
            self.told.append(message)

    async def answer(self, *, instructions: str = "") -> AsyncGenerator[RealtimePiece, None]:
        """The next answer of the model's; "You said: …" behind the last one."""
        if self._lost:
            raise self._lost.again()
        self._model.asked.append(instructions)
        said = [*self.briefs[-1].history, *self.told]
        whole = False
        try:
            for step in self._model.answers.pop(0) if self._model.answers else (f"You said: {said[-1].text}",):
                match step:
                    case RealtimeFailed():
                        raise step
                    case int() | float():
                        await asyncio.sleep(step)
                    case str():
                        for word in step.split(" "):
                            yield TextPiece(f"{word} ")
                            yield AudioPiece(TONE * (len(word) + 1) * 60 * g711.BYTES_PER_MS)
                    case _:
                        yield step
            whole = True
        finally:
            self.stopped += not whole

    def heard(self, ms: int) -> None:
        """Remembered."""
        self.forgotten_behind_ms.append(ms)

    async def news(self) -> AsyncIterator[Lost | Found]:
        """Until the session ends."""
        while (item := await self._news.get()) is not None:
            yield item

    def end(self) -> None:
        """No more news."""
        self.over = True
        self._news.put_nowait(None)


class FakeRealtimeModel:
    """``answers``: that its sessions give, one after another; ``asked``: the instructions of each.

    ``refusals``: instead of the next sessions, one each. ``opens_after_s``: from a session's brief to its begin.
    """

    engine = "fake-realtime"

    def __init__(
        self, *answers: SpokenAnswer, refusals: Sequence[RealtimeFailed] = (), opens_after_s: float = 0.0
    ) -> None:
        self.answers = list(answers)
        self._refusals = list(refusals)
        self._opens_after_s = opens_after_s
        self.asked: list[str] = []
        self.sessions: list[FakeRealtimeSession] = []
        self.closed = False

    def figures(self) -> Sequence[Figure]:
        """Nothing is counted."""
        return ()

    @asynccontextmanager
    async def open(self, brief: Callable[[int], Brief]) -> AsyncIterator[FakeRealtimeSession]:
        """A session."""
        if self._refusals:
            raise self._refusals.pop(0)
        session = FakeRealtimeSession(self, brief)
        await asyncio.sleep(self._opens_after_s)
        self.sessions.append(session)
        try:
            yield session
        finally:
            session.end()

    async def close(self) -> None:
        """Remembered."""
        self.closed = True
