"""Thinks answers over: what was said and asked goes to a chat model, sentences come back, tools in between.

The other runtime is ``realtime``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import structlog

from sidecar.domain.assistant.context import Context, Question, Told
from sidecar.domain.assistant.events import ToolUse
from sidecar.domain.assistant.sentences import Sentences
from sidecar.domain.errors import ChatModelFailed
from sidecar.ports.chat_model import ChatMessage, ChatModel, TextPiece, ToolCall, Usage
from sidecar.runtime.assistant.tools import OFFERED, ROUNDS_MOST, Budget, Tools

log = structlog.get_logger()

# Where a vendor does not tell what an answer cost, it is estimated: English has about so many characters a token.
CHARACTERS_PER_TOKEN = 4
# An answer that goes on and on is no answer on a call; the rest is not said.
ANSWER_MAX_CHARACTERS = 1_500


class Cascade:
    """Of one stay."""

    def __init__(self, chat_model: ChatModel, context: Context, *, tools: Tools, budget: Budget) -> None:
        self.engine = chat_model.engine
        self._chat_model = chat_model
        self._context = context
        self._tools = tools
        self._budget = budget

    async def answer(self, question: Question, people: Sequence[str], used: list[ToolUse]) -> AsyncGenerator[str, None]:
        """Pieces to be spoken. ``used`` gets the tools that were asked for. Raises ChatModelFailed, Spent."""
        messages = _as_messages(self._context.messages(question, people))
        said = 0
        for round_ in range(ROUNDS_MOST + 1):
            sentences, text, calls = Sentences(), "", list[ToolCall]()
            async with aclosing(self._pieces(messages, tools=round_ < ROUNDS_MOST)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, ToolCall):
                        calls.append(piece)
                        continue
                    text += piece.text
                    for sentence in sentences.add(piece.text):
                        yield sentence
                    if said + len(text) > ANSWER_MAX_CHARACTERS:
                        return
            for sentence in sentences.close():
                yield sentence
            said += len(text)
            if not calls:
                return
            messages.append(ChatMessage("assistant", text, tool_calls=tuple(calls)))
            messages += [self._tools.use(call, used) for call in calls]

    async def in_words(self, question: Question, people: Sequence[str]) -> str:
        """An answer as text, for the panel; without tools. Raises ChatModelFailed, Spent."""
        messages = _as_messages(self._context.messages(question, people))
        async with aclosing(self._pieces(messages, tools=False)) as pieces:
            return "".join([piece.text async for piece in pieces if isinstance(piece, TextPiece)]).strip()

    async def remember(self) -> None:
        """Make a summary of what is too old to be shown, if there is enough of it."""
        wanted = self._context.to_summarise()
        if wanted is None:
            return
        told, until = wanted
        try:
            async with aclosing(self._pieces(_as_messages(told), tools=False)) as pieces:
                summary = "".join([piece.text async for piece in pieces if isinstance(piece, TextPiece)])
        except ChatModelFailed as error:
            log.warning("assistant_summary_failed", code=error.code)
            return
        self._context.summarised(summary, until)

    async def _pieces(
        self, messages: Sequence[ChatMessage], *, tools: bool
    ) -> AsyncGenerator[TextPiece | ToolCall, None]:
        self._budget.check()
        told, characters = False, sum(len(message.text) for message in messages)
        answer = self._chat_model.answer(messages, tools=OFFERED if tools else ())
        try:
            async with aclosing(answer):
                async for piece in answer:
                    match piece:
                        case Usage():
                            told = True
                            self._budget.pay(self.engine, piece)
                        case TextPiece(text=text):
                            characters += len(text)
                            yield piece
                        case ToolCall():
                            yield piece
        finally:
            if not told:
                self._budget.estimate(self.engine, characters // CHARACTERS_PER_TOKEN)


def _as_messages(told: Sequence[Told]) -> list[ChatMessage]:
    return [ChatMessage(one.role, one.text) for one in told]
