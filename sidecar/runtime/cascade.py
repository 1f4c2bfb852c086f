"""Thinks answers over: what was said and asked goes to a chat model, sentences come back, tools in between.

Which tools are used is for ``domain.tool_policy``, never for the model. What it costs is counted, and has an end.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import structlog

from sidecar.domain.assistant_events import ToolUse
from sidecar.domain.context import Context, Question, Told
from sidecar.domain.errors import ChatModelFailed
from sidecar.domain.sentences import Sentences
from sidecar.domain.tool_policy import Asker, ToolPolicy
from sidecar.domain.tools import TOOLS, LeaveCall, Notify, Search, ToolName, ToolRefused
from sidecar.ports.chat_model import ChatMessage, ChatModel, TextPiece, Tool, ToolCall, Usage

log = structlog.get_logger()

# Where a vendor does not tell what an answer cost, it is estimated: English has about so many characters a token.
CHARACTERS_PER_TOKEN = 4
# An answer that goes on and on is no answer on a call; the rest is not said.
ANSWER_MAX_CHARACTERS = 1_500

# A model that asks for tools again and again is not answering.
ROUNDS_MOST = 3

_TOOLS = tuple(Tool(tool.name, tool.description, tool.parameters) for tool in TOOLS)


class Spent(ChatModelFailed):
    """This stay has cost as much as it may."""

    code = "assistant_spent"


class Cascade:
    """Of one stay. ``tokens``: what it cost so far; ``most_tokens``: and may cost."""

    def __init__(
        self,
        chat_model: ChatModel,
        context: Context,
        *,
        most_tokens: int,
        on_notify: Callable[[str], None],
    ) -> None:
        """``on_notify``: supervisors are to see this line."""
        self.engine = chat_model.engine
        self.tokens = 0
        self.wants_to_leave = False
        self._chat_model = chat_model
        self._context = context
        self._most_tokens = most_tokens
        self._on_notify = on_notify
        self._policy = ToolPolicy()

    async def answer(
        self,
        question: Question,
        people: Sequence[str],
        *,
        asker: Asker,
        tools: list[ToolUse],
    ) -> AsyncGenerator[str, None]:
        """Pieces to be spoken. ``tools`` gets what was asked for. Raises ChatModelFailed, Spent."""
        self._policy.begin_turn(asker)
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
            messages += [self._use(call, tools) for call in calls]

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
        if self.tokens >= self._most_tokens:
            raise Spent(
                f"The assistant has used {self.tokens} tokens, and that is the limit.",
                next_step="SIDECAR_ASSISTANT_TOKENS sets it.",
                permanent=True,
            )
        told, characters = False, sum(len(message.text) for message in messages)
        answer = self._chat_model.answer(messages, tools=_TOOLS if tools else ())
        try:
            async with aclosing(answer):
                async for piece in answer:
                    match piece:
                        case Usage():
                            told = True
                            self.tokens += piece.input_tokens + piece.output_tokens
                        case TextPiece(text=text):
                            characters += len(text)
                            yield piece
                        case ToolCall():
                            yield piece
        finally:
            if not told:
                self.tokens += characters // CHARACTERS_PER_TOKEN

    def _use(self, call: ToolCall, tools: list[ToolUse]) -> ChatMessage:
        """Do what the model asks for, if it may. What comes of it is for the model to read."""
        outcome, told = "done", "Done."
        try:
            match self._policy.judge(call.name, call.arguments):
                case Search(query=query, limit=limit):
                    told = self._context.search(query, limit)
                case Notify(reason=reason):
                    self._on_notify(" ".join(reason.split()))
                case LeaveCall():
                    self.wants_to_leave = True
        except ToolRefused as refused:
            outcome, told = "refused", str(refused)
            tool = call.name if call.name in set(ToolName) else "unknown"
            log.info("assistant_tool_refused", tool=tool, code=refused.code)
        tools.append(ToolUse(name=call.name[:64], outcome=outcome))
        return ChatMessage("tool", told, tool_call_id=call.id)


def _as_messages(told: Sequence[Told]) -> list[ChatMessage]:
    return [ChatMessage(one.role, one.text) for one in told]
