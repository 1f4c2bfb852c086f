"""One answer on its way: words made into audio at once, or sound that comes spoken; heard as soon as there is room.

Until then the audio is kept, so that thinking and speaking cost no time behind the moment of quiet.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial

from sidecar.domain.assistant.events import TurnLatency
from sidecar.domain.assistant.floor_orders import Answer
from sidecar.domain.replay import BYTES_PER_MS
from sidecar.ports.chat_model import TextPiece
from sidecar.ports.realtime import AudioPiece
from sidecar.ports.voice import Voice
from sidecar.runtime.assistant.mind import Answered, Part
from sidecar.runtime.assistant.mouth import Mouth

# So much audio is made ahead of what is sent: what is made beyond that is thrown away when somebody interrupts.
AHEAD_MS = 4_000
FILLER = "Let me see."  # not "one moment": by a loudspeaker that would come back as a stop word


class Answering:
    """Of one turn. ``outcome``: how it ended, unless by itself. ``filler_ms``: sound that no answer came with."""

    def __init__(
        self, order: Answer, *, mouth: Mouth, voice: Voice, chat_engine: str, now_ms: Callable[[], int]
    ) -> None:
        self.order = order
        self.outcome = "completed"
        self.answered = Answered((chat_engine, voice.engine))
        self.filler_ms = 0
        self._text = ""
        self._mouth = mouth
        self._voice = voice
        self._now_ms = now_ms
        self._kept: list[Callable[[], None]] = []  # what the mouth is told as soon as there is room
        self._kept_bytes = 0
        self._may_sound = False
        self._begun = False
        self._flows = asyncio.Event()  # nothing is kept any more
        self._ordered_ms = now_ms()
        self._words_ms: int | None = None
        self._ready_ms: int | None = None
        self._room_ms: int | None = None

    @property
    def turn(self) -> str:
        """Its id, which is that of its utterance too."""
        return self.order.turn

    @property
    def begun(self) -> bool:
        """Whether the mouth has it."""
        return self._begun

    @property
    def text(self) -> str:
        """All that is ready to be said."""
        return " ".join(self._text.split())

    @property
    def silent(self) -> bool:
        """Whether there is no sound of it so far."""
        return self._ready_ms is None

    async def say(self, parts: AsyncGenerator[Part, None], on_ready: Callable[[], None]) -> None:
        """Speak the parts as they come; ``on_ready``: the first audio is there.

        Raises VoiceFailed, and what the parts raise.
        """
        async with aclosing(parts):
            async for part in parts:
                if self._words_ms is None:
                    self._words_ms = self._now_ms()
                match part:
                    case str():
                        await self._until_wanted()
                        await self._speak(part, on_ready)
                    case TextPiece(text=text):
                        self._text += text
                        self._tell(partial(self._mouth.words, self.turn, text))
                    case AudioPiece(audio=audio):
                        self._hand_on(audio, on_ready)
        self._tell(lambda: self._mouth.piece_done(self.turn))
        self._tell(lambda: self._mouth.end(self.turn))

    def may_sound(self) -> None:
        """There is room."""
        self._room_ms = self._now_ms()
        self._may_sound = True
        self._begin()

    async def fill(self, wanted: Callable[[], bool]) -> None:
        """Something short while it thinks, if that is still wanted by the time it is spoken. Raises VoiceFailed."""
        async with aclosing(self._voice.speak(FILLER)) as voice:
            audio = b"".join([part async for part in voice])
        if self._may_sound or self._ready_ms is not None or not wanted():
            return
        self._begun = True
        self._mouth.begin(self.turn)
        self._text = f"{FILLER} {self._text}"
        self.filler_ms = len(audio) // BYTES_PER_MS
        self._mouth.piece(self.turn, FILLER)
        self._mouth.audio(self.turn, audio)
        self._mouth.piece_done(self.turn)

    def latency(self, first_sound_ms: int | None) -> TurnLatency:
        """How long each stage took."""
        return TurnLatency(
            model=_between(self._ordered_ms, self._words_ms) if not self.order.exact else None,
            voice=_between(self._words_ms, self._ready_ms),
            waited=_between(self._ready_ms, self._room_ms),
            sent=_between(self._room_ms, first_sound_ms),
            total=_between(self._ordered_ms, first_sound_ms),
        )

    async def _speak(self, piece: str, on_ready: Callable[[], None]) -> None:
        turn, opened = self.turn, False
        async with aclosing(self._voice.speak(piece)) as voice:
            async for audio in voice:
                if not opened:
                    opened = True
                    self._text += f" {piece}"
                    self._tell(lambda: self._mouth.piece(turn, piece))
                self._hand_on(audio, on_ready)
        if opened:
            self._tell(lambda: self._mouth.piece_done(turn))

    def _hand_on(self, audio: bytes, on_ready: Callable[[], None]) -> None:
        if not self._flows.is_set():
            self._kept_bytes += len(audio)
        self._tell(lambda: self._mouth.audio(self.turn, audio))
        if self._ready_ms is None:
            self._ready_ms = self._now_ms()
            on_ready()

    async def _until_wanted(self) -> None:
        """More audio is made only when what there is will soon be sent."""
        if self._kept_bytes > AHEAD_MS * BYTES_PER_MS:
            await self._flows.wait()
        await self._mouth.until_waiting(AHEAD_MS)

    def _tell(self, act: Callable[[], None]) -> None:
        if self._may_sound:
            act()
        else:
            self._kept.append(act)

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._mouth.begin(self.turn)
        kept, self._kept, self._kept_bytes = self._kept, [], 0
        for act in kept:
            act()
        self._flows.set()


def _between(begin: int | None, end: int | None) -> int | None:
    return None if begin is None or end is None else max(0, end - begin)
