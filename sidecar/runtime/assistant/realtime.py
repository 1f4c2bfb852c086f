"""Has a realtime model take part: it hears the call and speaks its own answers. When it answers, others decide.

It hears the mix of the assistant's leg, and reads each line of the transcript, which tells it who spoke. What nobody
heard of its answers it is made to forget. While it cannot be had, answers fail at once or within WAIT_S, and whoever
asked turns to the cascade.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import structlog

from sidecar.domain.assistant.context import Context, Question
from sidecar.domain.assistant.events import ToolUse
from sidecar.domain.errors import RealtimeFailed
from sidecar.domain.replay import BYTES_PER_MS
from sidecar.ports.chat_model import ChatMessage, TextPiece, ToolCall, Usage
from sidecar.ports.realtime import AudioPiece, Brief, Found, Lost, RealtimeModel, RealtimeSession
from sidecar.runtime.assistant.tools import OFFERED, ROUNDS_MOST, Budget, Tools

log = structlog.get_logger()

# A first session that does not come about is tried again so long afterwards; one that was there repairs itself.
OPEN_AGAIN_S = 10.0
# An answer waits so long for a first session.
WAIT_S = 3.0
# An answer that goes on and on is no answer on a call; the rest is not said.
ANSWER_MAX_MS = 90_000

Spoken = AudioPiece | TextPiece


class Realtime:
    """Of one stay. ``run`` is its one task; ``begin`` lets the model hear, and nothing leaves this process before.

    ``problem``: why it cannot be had just now, a stable code, or "".
    """

    def __init__(
        self,
        model: RealtimeModel,
        context: Context,
        *,
        assistant_id: str,
        tools: Tools,
        budget: Budget,
        people: Callable[[], Sequence[str]],
        on_note: Callable[[str, str], None],
    ) -> None:
        """``people``: who is on the call. ``on_note``: people at the panel are to know this, and more to it."""
        self.engine = model.engine
        self.problem = ""
        self._assistant_id = assistant_id
        self._model = model
        self._context = context
        self._tools = tools
        self._budget = budget
        self._people = people
        self._on_note = on_note
        self._session: RealtimeSession | None = None
        self._told_since_brief: list[ChatMessage] | None = None  # while a session is being opened
        self._begun = asyncio.Event()
        self._known = asyncio.Event()  # whether there is a session, or will be none
        self._gone: RealtimeFailed | None = None
        self._answering = asyncio.Lock()
        self._heard_ms: int | None = None  # of the turn whose answer is being stopped

    # -- the session -------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """From now on it may hear."""
        self._begun.set()

    async def run(self) -> None:
        """Until it is cancelled, or the model is gone for good."""
        await self._begun.wait()
        while self._gone is None:
            try:
                async with self._model.open(self._brief) as session:
                    self._open(session)
                    async for news in session.news():
                        self._take(news)
            except RealtimeFailed as error:
                self._take(Lost(error.code, error.message, error.permanent))
            self._session = self._told_since_brief = None
            self._known.clear()
            if self._gone is None:
                await asyncio.sleep(OPEN_AGAIN_S)
        self._known.set()

    def _brief(self, away_ms: int) -> Brief:
        """All that was said so far; what comes from now on is told."""
        if self._session is None:
            self._told_since_brief = []
        if away_ms:
            log.info("assistant_model_briefed_again", assistant=self._assistant_id, away_ms=away_ms)
        return Brief(
            self._context.instructions(self._people(), hears=True),
            tuple(ChatMessage(told.role, told.text) for told in self._context.history()),
            OFFERED,
        )

    def _open(self, session: RealtimeSession) -> None:
        told, self._told_since_brief = self._told_since_brief or [], None
        self._session = session
        for message in told:
            session.tell(message)
        self._known.set()
        if self.problem:
            self._back()

    def _take(self, news: Lost | Found) -> None:
        match news:
            case Found() if self.problem:
                self._back()
            case Found():
                pass  # replaced before its time was over: nobody need know
            case Lost(code=code, message=message, permanent=permanent):
                log.warning("assistant_model_lost", assistant=self._assistant_id, code=code, permanent=permanent)
                if permanent:
                    self._gone = RealtimeFailed(message, code=code, permanent=True)
                    self._known.set()
                if code != self.problem or permanent:
                    self.problem = code
                    self._on_note("model_gone" if permanent else "model_lost", code)

    def _back(self) -> None:
        self.problem = ""
        self._on_note("model_back", "")

    # -- what it is told ---------------------------------------------------------------------------------------

    def hear(self, audio: bytes) -> None:
        """More of what its leg hears: mu-law, 8 kHz, in real time. Dropped while there is nobody to hear it."""
        if self._session is not None and self._begun.is_set() and not self._budget.spent:
            self._session.hear(audio)

    def tell(self, message: ChatMessage) -> None:
        """Something of the call that is in the context already."""
        if self._session is not None:
            self._session.tell(message)
        elif self._told_since_brief is not None:
            self._told_since_brief.append(message)

    def heard(self, ms: int) -> None:
        """A turn is over, and so much of its sound was heard: the model forgets the rest."""
        if self._answering.locked():  # it has to be stopped first, and that is under way
            self._heard_ms = ms if self._heard_ms is None else self._heard_ms
        elif self._session is not None:
            self._session.heard(ms)

    # -- answering ---------------------------------------------------------------------------------------------

    async def answer(
        self, question: Question, people: Sequence[str], used: list[ToolUse]
    ) -> AsyncGenerator[Spoken, None]:
        """Sound, and the words in it. ``used`` gets the tools that were asked for. Raises RealtimeFailed, Spent."""
        async with self._answering:
            try:
                session = await self._ready()
                async with aclosing(self._rounds(session, question, people, used)) as parts:
                    async for part in parts:
                        yield part
            finally:
                ms, self._heard_ms = self._heard_ms, None
                if ms is not None and self._session is not None:
                    self._session.heard(ms)

    async def _rounds(
        self, session: RealtimeSession, question: Question, people: Sequence[str], used: list[ToolUse]
    ) -> AsyncGenerator[Spoken, None]:
        """Answers until the model asks for no tool any more, or has done so too often."""
        instructions, spoken_ms = self._context.instructions_now(question, people), 0
        for round_ in range(ROUNDS_MOST + 1):
            self._budget.check()
            calls = list[ToolCall]()
            async with aclosing(session.answer(instructions=instructions)) as pieces:
                async for piece in pieces:
                    match piece:
                        case Usage():
                            self._budget.pay(self.engine, piece)
                        case ToolCall():
                            calls.append(piece)
                        case TextPiece():
                            yield piece
                        case AudioPiece(audio=audio):
                            spoken_ms += len(audio) // BYTES_PER_MS
                            yield piece
                    if spoken_ms > ANSWER_MAX_MS:
                        return
            for call in calls:
                session.tell(self._tools.use(call, used))
            if not calls or round_ == ROUNDS_MOST:
                return
            yield TextPiece(" ")

    async def _ready(self) -> RealtimeSession:
        try:
            async with asyncio.timeout(WAIT_S):
                await self._known.wait()
        except TimeoutError:
            code = self.problem or "realtime_timeout"
            raise RealtimeFailed(f"There is no session with {self.engine}.", code=code) from None
        if self._session is None:
            raise self._gone.again() if self._gone else RealtimeFailed(f"{self.engine} is gone.")
        return self._session
