"""What an assistant knows and thinks with: one memory of the call, a cascade, and perhaps a realtime model.

Where there is a realtime model, it gives the answers that people hear. What it cannot do is done otherwise: exact words
are for the Voice, answers in words and summaries for the chat model. An answer that it does not give, the cascade does,
and the panel says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import msgspec
import structlog

from sidecar.domain.assistant.context import Context, Question, line_told, remark_told
from sidecar.domain.assistant.events import ToolUse
from sidecar.domain.assistant.said import Said
from sidecar.domain.assistant.stay import Assistant
from sidecar.domain.assistant.tool_policy import Asker
from sidecar.domain.errors import RealtimeFailed
from sidecar.domain.event_data import EventData
from sidecar.domain.events import TranscriptPaused, TranscriptResumed, UtteranceFinal
from sidecar.domain.spans import NEVER, Spans
from sidecar.ports.chat_model import ChatMessage, ChatModel, TextPiece
from sidecar.ports.realtime import AudioPiece, RealtimeModel
from sidecar.ports.voice import Voice
from sidecar.runtime.assistant.cascade import Cascade
from sidecar.runtime.assistant.realtime import Realtime
from sidecar.runtime.assistant.tools import Budget, Tools
from sidecar.runtime.tally import Tally
from sidecar.speech import g711

log = structlog.get_logger()

# The network mixes and buffers what a leg hears: a pause that is over goes on for so long there.
MIXED_WITHIN_MS = 1_000
SILENCE = bytes([g711.SILENCE])

Part = str | AudioPiece | TextPiece
"""Of an answer: words for a voice to speak, or sound that is spoken already, and the words in it."""


class Answered(msgspec.Struct):
    """How an answer comes about. ``engines``: what it is thought and spoken with."""

    engines: tuple[str, str]
    tools: list[ToolUse] = msgspec.field(default_factory=list)


class EngineNames(msgspec.Struct, frozen=True, kw_only=True):
    """``voice``: says exact words. ``realtime``: None without one; ``problem``: why it is away."""

    chat_model: str
    voice: str
    realtime: str | None = None
    problem: str = ""


class Mind:
    """Of one stay. ``run`` is its one task."""

    def __init__(
        self,
        assistant: Assistant,
        *,
        chat_model: ChatModel,
        voice: Voice,
        realtime: RealtimeModel | None,
        tokens: int,
        people: Callable[[], Sequence[str]],
        on_note: Callable[[str, str], None],
        tally: Tally,
    ) -> None:
        """``tokens``: what thinking may cost. ``people``: who is on the call, with their roles.

        ``on_note``: people at the panel are to know this, a stable word, and more to it.
        """
        self._context = context = Context(assistant)
        self._budget = budget = Budget(tokens, tally.assistants)
        self._tools = tools = Tools(
            context, on_notify=lambda line: on_note("supervisor_wanted", line), tally=tally.assistants
        )
        self._people = people
        self._on_note = on_note
        self._assistant_id = assistant.id
        self._tally = tally
        self._voice = voice.engine
        self._pauses = NEVER
        self._cascade = Cascade(chat_model, context, tools=tools, budget=budget)
        self._realtime = (
            Realtime(
                realtime,
                context,
                assistant_id=assistant.id,
                tools=tools,
                budget=budget,
                people=people,
                on_note=on_note,
            )
            if realtime is not None
            else None
        )
        self._grew = asyncio.Event()

    @property
    def tokens(self) -> int:
        """What thinking has cost so far."""
        return self._budget.tokens

    @property
    def wants_to_leave(self) -> bool:
        """Whether it was asked to go, and is to go."""
        return self._tools.wants_to_leave

    @property
    def engines(self) -> EngineNames:
        """What it thinks and speaks with."""
        realtime = self._realtime
        return EngineNames(
            chat_model=self._cascade.engine,
            voice=self._voice,
            realtime=realtime.engine if realtime else None,
            problem=realtime.problem if realtime else "",
        )

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            if self._realtime is not None:
                tasks.create_task(self._realtime.run(), name="realtime")
            while True:  # between turns, what is too old to be shown is summed up
                await self._grew.wait()
                self._grew.clear()
                await self._cascade.remember()

    # -- what it comes to know ---------------------------------------------------------------------------------

    def behave(self, assistant: Assistant) -> None:
        """It has other manners."""
        self._context.behave(assistant)

    def begin(self) -> None:
        """It takes part: from now on a realtime model may hear the call."""
        if self._realtime is not None:
            self._realtime.begin()

    def paused(self, pauses: Spans) -> None:
        """When nobody is to be heard."""
        self._pauses = pauses

    def recall(self, told: EventData) -> None:
        """What happened before it came: of that, only pauses matter here."""
        if isinstance(told, TranscriptPaused | TranscriptResumed):
            self._pauses = self._pauses.switched(isinstance(told, TranscriptPaused), told.at_ms)

    def hear(self, audio: bytes, now_ms: int) -> None:
        """What its leg hears: all others, mixed; mu-law, 8 kHz, in real time. Pauses are silence."""
        if self._realtime is not None:
            resting = self._pauses.touch(now_ms - MIXED_WITHIN_MS, now_ms + 1)
            self._realtime.hear(SILENCE * len(audio) if resting else audio)

    def read(self, said: UtteranceFinal, name: str, *, own: bool) -> None:
        """Words of somebody, or what was heard of its own."""
        self._context.hear(said, name, own=own)
        if self._realtime is None or (own and said.engine == self._realtime.engine):
            return  # a model knows what it said itself
        line = line_told(Said(name, said.text, said.start_ms))
        self._realtime.tell(ChatMessage("assistant", said.text) if own else ChatMessage("user", line))

    def forget(self, utterance: str, text: str) -> None:
        """Of this line only so much is left. What a realtime model was told, it keeps until its session ends."""
        self._context.forget(utterance, text)

    def note(self, at_ms: int, text: str) -> None:
        """A fact that nobody said, or what only the assistant is told."""
        self._context.note(at_ms, text)
        if self._realtime is not None:
            self._realtime.tell(ChatMessage("user", remark_told(text)))

    def away(self, away_ms: int, now_ms: int) -> None:
        """Its line was gone for so long, and is back."""
        seconds = max(1, round(away_ms / 1000))
        self.note(now_ms, f"You could neither hear nor be heard for {seconds} s; what was said then is above.")

    def heard(self, ms: int) -> None:
        """A turn is over, and so much of the sound that it came with was heard."""
        self._grew.set()
        if self._realtime is not None:
            self._realtime.heard(ms)

    # -- what it answers ---------------------------------------------------------------------------------------

    async def answer(self, question: Question, asker: Asker, answered: Answered) -> AsyncGenerator[Part, None]:
        """An answer to be heard. Raises ChatModelFailed, Spent; RealtimeFailed behind the parts that came before."""
        self._tools.begin_turn(asker)
        if self._realtime is not None:
            came, before = False, answered.engines
            answered.engines = (self._realtime.engine, self._realtime.engine)
            try:
                async with aclosing(self._realtime.answer(question, self._people(), answered.tools)) as parts:
                    async for part in parts:
                        came = True
                        yield part
                return
            except RealtimeFailed as error:
                if came:
                    raise
                log.warning("assistant_falls_back", assistant=self._assistant_id, code=error.code)
                self._tally.assistants.fallbacks[error.code] += 1
                self._on_note("fallback", error.code)
                answered.engines = before
        async with aclosing(self._cascade.answer(question, self._people(), answered.tools)) as sentences:
            async for sentence in sentences:
                yield sentence

    async def in_words(self, question: Question) -> str:
        """An answer as text, for the panel; without tools. Raises ChatModelFailed, Spent."""
        return await self._cascade.in_words(question, self._people())
