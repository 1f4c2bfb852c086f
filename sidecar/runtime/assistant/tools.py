"""What thinking may do and cost, whoever thinks: tools by a policy outside of the model, tokens up to a limit."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from sidecar.domain.assistant.context import Context
from sidecar.domain.assistant.events import ToolUse
from sidecar.domain.assistant.tool_policy import Asker, ToolPolicy
from sidecar.domain.assistant.tools import TOOLS, LeaveCall, Notify, Search, ToolName, ToolRefused
from sidecar.domain.errors import ChatModelFailed
from sidecar.ports.chat_model import ChatMessage, Tool, ToolCall, Usage
from sidecar.runtime.tally import AssistantTally

log = structlog.get_logger()

# A model that asks for tools again and again is not answering.
ROUNDS_MOST = 3

OFFERED = tuple(Tool(tool.name, tool.description, tool.parameters) for tool in TOOLS)


class Spent(ChatModelFailed):
    """This stay has cost as much as it may."""

    code = "assistant_spent"


class Budget:
    """Of one stay: ``tokens`` spent so far, of at most ``most``."""

    def __init__(self, most: int, tally: AssistantTally) -> None:
        self.tokens = 0
        self._most = most
        self._tally = tally

    @property
    def spent(self) -> bool:
        """Whether nothing is left."""
        return self.tokens >= self._most

    def check(self) -> None:
        """Before anything is asked. Raises Spent."""
        if self.spent:
            raise Spent(
                f"The assistant has used {self.tokens} tokens, and that is the limit.",
                next_step="SIDECAR_ASSISTANT_TOKENS sets it.",
                permanent=True,
            )

    def pay(self, engine: str, usage: Usage) -> None:
        """What an answer cost."""
        self._spend(engine, "input", usage.input_tokens)
        self._spend(engine, "output", usage.output_tokens)

    def estimate(self, engine: str, tokens: int) -> None:
        """What it cost, where nobody tells."""
        self._spend(engine, "estimated", tokens)

    def _spend(self, engine: str, kind: str, tokens: int) -> None:
        self.tokens += tokens
        self._tally.tokens[engine, kind] += tokens


class Tools:
    """Of one stay. ``wants_to_leave``: the tool of that name was used. ``tally``: where uses are counted."""

    def __init__(self, context: Context, *, on_notify: Callable[[str], None], tally: AssistantTally) -> None:
        """``on_notify``: supervisors are to see this line."""
        self.wants_to_leave = False
        self._context = context
        self._on_notify = on_notify
        self.tally = tally
        self._policy = ToolPolicy()

    def begin_turn(self, asker: Asker) -> None:
        """A turn begins, for this one."""
        self._policy.begin_turn(asker)

    def use(self, call: ToolCall, used: list[ToolUse]) -> ChatMessage:
        """Do what the model asks for, if it may; noted in ``used``. What comes of it is for the model to read."""
        outcome, told = "done", "Done."
        tool = call.name if call.name in set(ToolName) else "unknown"
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
            log.info("assistant_tool_refused", tool=tool, code=refused.code)
        self.tally.tools[tool, outcome] += 1
        used.append(ToolUse(name=call.name[:64], outcome=outcome))
        return ChatMessage("tool", told, tool_call_id=call.id)
