"""What thinking may do and cost, whoever thinks."""

from __future__ import annotations

import pytest

from sidecar.domain.assistant.context import Context
from sidecar.domain.assistant.events import ToolUse
from sidecar.domain.assistant.floor_orders import Why
from sidecar.domain.assistant.tool_policy import Asker
from sidecar.domain.conference.values import Role
from sidecar.ports.chat_model import ChatMessage, ToolCall, Usage
from sidecar.runtime.assistant.tools import Budget, Spent, Tools
from sidecar.runtime.tally import AssistantTally
from tests.unit.runtime.assistant.test_realtime import AVA


def used_by(role: Role, words: str, name: str, arguments: str) -> tuple[Tools, list[str], list[ToolUse], ChatMessage]:
    notified: list[str] = []
    used: list[ToolUse] = []
    tools = Tools(Context(AVA), on_notify=notified.append, tally=AssistantTally())
    tools.begin_turn(Asker(why=Why.ADDRESSED, role=role, words=words))
    answer = tools.use(ToolCall("call_1", name, arguments), used)
    return tools, notified, used, answer


def test_what_the_policy_grants_is_done_and_the_model_reads_that() -> None:
    _, notified, used, answer = used_by(
        Role.AGENT, "Ava, call my supervisor.", "notify_supervisor", '{"reason": "He\\n wants\\tyou."}'
    )
    assert notified == ["He wants you."]
    assert used == [ToolUse(name="notify_supervisor", outcome="done")]
    assert (answer.role, answer.text, answer.tool_call_id) == ("tool", "Done.", "call_1")
    tools, *_ = used_by(Role.AGENT, "Ava, please leave.", "leave", "{}")
    assert tools.wants_to_leave


@pytest.mark.parametrize("name", ["leave", "rm", "x" * 1_000])
def test_what_it_refuses_comes_to_nothing_and_the_model_reads_why(name: str) -> None:
    tools, notified, used, answer = used_by(Role.CUSTOMER, "Ava, please leave.", name, "{}")
    assert not tools.wants_to_leave
    assert notified == []
    assert used == [ToolUse(name=name[:64], outcome="refused")]
    assert tools.tally.tools == {(name if name == "leave" else "unknown", "refused"): 1}
    assert answer.text.endswith(("Go on without it. The agent may ask for it.", "leave."))


def test_tokens_are_spent_up_to_a_limit() -> None:
    tally = AssistantTally()
    budget = Budget(100, tally)
    budget.pay("openai-compatible", Usage(40, 10))
    budget.estimate("scripted", 49)
    budget.check()
    assert (budget.tokens, budget.spent) == (99, False)
    budget.estimate("scripted", 1)
    assert budget.spent
    with pytest.raises(Spent, match="100 tokens"):
        budget.check()
    assert tally.tokens == {
        ("openai-compatible", "input"): 40, ("openai-compatible", "output"): 10, ("scripted", "estimated"): 50,
    }  # fmt: skip
