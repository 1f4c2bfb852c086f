"""Thinks answers over: what was said and asked goes to a chat model, sentences come back, tools in between.

Which tools are done is for ``domain.assistant_tools``, never for the model. What it costs is counted, and has an end.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import structlog

from sidecar.domain.assistant_events import ToolUse
from sidecar.domain.assistant_tools import (
    CALLS_MOST,
    ROUNDS_MOST,
    Leave,
    Notices,
    Notify,
    Refused,
    Search,
    ToolName,
    judge,
)
from sidecar.domain.conference import Role
from sidecar.domain.errors import ChatModelFailed
from sidecar.domain.sentences import Sentences
from sidecar.ports.chat_model import ChatMessage, ChatModel, TextPiece, Tool, ToolCall, Usage
from sidecar.runtime.assistant_memory import Memory

log = structlog.get_logger()

# Where a vendor does not tell what an answer cost, it is estimated: English has about so many characters a token.
CHARACTERS_PER_TOKEN = 4
# An answer that goes on and on is no answer on a call; the rest is not said.
ANSWER_MAX_CHARACTERS = 1_500

_TEXT = {"type": "string"}
TOOLS = (
    Tool(
        ToolName.SEARCH,
        "Find lines of this call's transcript in which these words occur.",
        {"type": "object", "properties": {"query": _TEXT}, "required": ["query"]},
    ),
    Tool(
        ToolName.NOTIFY,
        "Show the supervisors one line of text. Only when somebody on the call needs their help now.",
        {"type": "object", "properties": {"message": _TEXT}, "required": ["message"]},
    ),
    Tool(ToolName.LEAVE, "Leave the call after this answer.", {"type": "object", "properties": {}}),
)


class Spent(ChatModelFailed):
    """This stay has cost as much as it may."""

    code = "assistant_spent"


class Cascade:
    """Of one stay. ``tokens``: what it cost so far; ``most_tokens``: and may cost."""

    def __init__(
        self,
        chat_model: ChatModel,
        memory: Memory,
        *,
        most_tokens: int,
        now_ms: Callable[[], int],
        on_notify: Callable[[str], None],
    ) -> None:
        """``on_notify``: supervisors are to see this line."""
        self.engine = chat_model.engine
        self.tokens = 0
        self.wants_to_leave = False
        self._chat_model = chat_model
        self._memory = memory
        self._most_tokens = most_tokens
        self._now_ms = now_ms
        self._on_notify = on_notify
        self._notices = Notices()

    async def answer(
        self,
        question: Sequence[ChatMessage],
        people: Sequence[str],
        *,
        asked_by: Role | None,
        tools: list[ToolUse],
    ) -> AsyncGenerator[str, None]:
        """Pieces to be spoken. ``question``: behind what is known of the call. ``asked_by``: None: the panel.

        ``tools`` gets what was asked for. Raises ChatModelFailed, Spent.
        """
        messages = [*self._memory.messages(people), *question]
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
            messages += [self._use(call, i, asked_by, tools) for i, call in enumerate(calls)]

    async def in_words(self, question: Sequence[ChatMessage], people: Sequence[str]) -> str:
        """An answer as text, for the panel; without tools. Raises ChatModelFailed, Spent."""
        messages = [*self._memory.messages(people), *question]
        async with aclosing(self._pieces(messages, tools=False)) as pieces:
            return "".join([piece.text async for piece in pieces if isinstance(piece, TextPiece)]).strip()

    async def remember(self) -> None:
        """Make a summary of what is too old to be shown, if there is enough of it."""
        wanted = self._memory.to_summarise()
        if wanted is None:
            return
        messages, until = wanted
        try:
            async with aclosing(self._pieces(messages, tools=False)) as pieces:
                summary = "".join([piece.text async for piece in pieces if isinstance(piece, TextPiece)])
        except ChatModelFailed as error:
            log.warning("assistant_summary_failed", code=error.code)
            return
        self._memory.summarised(summary, until)

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
        answer = self._chat_model.answer(messages, tools=TOOLS if tools else ())
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

    def _use(self, call: ToolCall, number: int, asked_by: Role | None, tools: list[ToolUse]) -> ChatMessage:
        """Do what the model asks for, if it may. What comes of it is for the model to read."""
        judgement = (
            judge(call.name, call.arguments, asked_by=asked_by, notices=self._notices, now_ms=self._now_ms())
            if number < CALLS_MOST
            else Refused("That is too many requests at once.")
        )
        outcome, told = "done", "Done."
        match judgement:
            case Refused(why=why):
                outcome, told = "refused", f"Refused: {why}"
                log.info("assistant_tool_refused", tool=call.name if call.name in set(ToolName) else "unknown")
            case Search(query=query):
                told = self._memory.search(query)
            case Notify(message=message):
                self._notices = Notices(self._notices.count + 1, self._now_ms())
                self._on_notify(message)
            case Leave():
                self.wants_to_leave = True
        tools.append(ToolUse(name=call.name[:64], outcome=outcome))
        return ChatMessage("tool", told, tool_call_id=call.id)
