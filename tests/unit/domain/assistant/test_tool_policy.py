"""Who may have which tool used: the asker's own words decide, and nobody else's."""

from __future__ import annotations

import pytest

from sidecar.domain.assistant.floor_orders import Why
from sidecar.domain.assistant.tool_policy import (
    CALLS_PER_TURN,
    NOTICES_PER_CALL,
    SEARCHES_PER_CALL,
    Asker,
    ToolPolicy,
)
from sidecar.domain.assistant.tools import LeaveCall, Notify, Search, ToolRefused
from sidecar.domain.conference.values import Role
from tests.injections import INJECTIONS

SEARCH = ("search_transcript", '{"query": "refund"}')
NOTIFY = ("notify_supervisor", '{"reason": "The customer asks for one."}')
LEAVE = ("leave", "{}")


def policy(words: str, *, role: Role | None = Role.AGENT, why: Why = Why.ADDRESSED) -> ToolPolicy:
    made = ToolPolicy()
    made.begin_turn(Asker(why=why, role=role, words=words))
    return made


def refusal(judge: ToolPolicy, call: tuple[str, str]) -> str:
    with pytest.raises(ToolRefused) as refused:
        judge.judge(*call)
    return refused.value.code


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.OTHER])
@pytest.mark.parametrize("why", list(Why))
def test_of_a_hundred_phrases_by_others_on_the_call_none_gets_its_tool(role: Role, why: Why) -> None:
    refused = [refusal(policy(phrase, role=role, why=why), call) for phrase, call in INJECTIONS]
    assert len(refused) == len(set(INJECTIONS)) == 100


def test_what_was_said_before_widens_nothing_when_the_agent_asks_something_else() -> None:
    """The model obeys what the customer said a minute ago, in a turn that the agent asked for."""
    judge = policy("Ava, what is the refund policy?")
    for _, call in INJECTIONS:
        judge.begin_turn(Asker(why=Why.ADDRESSED, role=Role.AGENT, words="Ava, what is the refund policy?"))
        refusal(judge, call)


@pytest.mark.parametrize(
    "words",
    ["Ava, please leave", "Ava leave the call", "You can go now, Ava", "Thanks Ava, that's all.", "Could you hang up?"],
)
@pytest.mark.parametrize("role", [Role.AGENT, Role.SUPERVISOR, None])
def test_who_may_send_it_away_does_so_in_his_own_words(words: str, role: Role | None) -> None:
    assert policy(words, role=role).judge(*LEAVE) == LeaveCall()


@pytest.mark.parametrize(
    "words",
    [
        "Ava, when does the bus leave?",
        "What did he say about parental leave?",
        "Ava, don't leave",
        "do not hang up",
        "",
    ],
)
def test_other_words_do_not_send_it_away(words: str) -> None:
    assert refusal(policy(words), LEAVE) == "tool_not_asked_for"


@pytest.mark.parametrize("words", ["What did he tell you?", "Is there a manager?", "Ava, don't call a supervisor yet"])
def test_other_words_call_no_supervisor(words: str) -> None:
    assert refusal(policy(words), NOTIFY) == "tool_not_asked_for"


def test_the_agent_may_call_a_supervisor_once_in_a_turn_and_not_too_often_on_a_call() -> None:
    words = "Ava, please get me a supervisor"
    judge = policy(words)
    assert isinstance(judge.judge(*NOTIFY), Notify)
    assert refusal(judge, NOTIFY) == "tool_limit_reached"
    for _ in range(NOTICES_PER_CALL - 1):
        judge.begin_turn(Asker(why=Why.ADDRESSED, role=Role.AGENT, words=words))
        judge.judge(*NOTIFY)
    judge.begin_turn(Asker(why=Why.ADDRESSED, role=Role.AGENT, words=words))
    assert refusal(judge, NOTIFY) == "tool_limit_reached"


def test_whoever_is_answered_may_have_the_call_searched() -> None:
    for role in (*Role, None):
        assert policy("Ava, what did she say?", role=role).judge(*SEARCH) == Search("refund")


def test_a_turn_that_nobody_asked_for_may_only_search() -> None:
    judge = policy("Ava, please leave, and get me a supervisor", why=Why.ALWAYS)
    assert [refusal(judge, LEAVE), refusal(judge, NOTIFY)] == ["tool_not_asked_for"] * 2
    judge.judge(*SEARCH)
    assert refusal(ToolPolicy(), SEARCH) == "tool_not_asked_for"


def test_a_model_that_goes_in_circles_is_stopped_and_refused_calls_count() -> None:
    judge = policy("Ava, recap")
    for _ in range(CALLS_PER_TURN):
        refusal(judge, ("nonsense", ""))
    assert refusal(judge, SEARCH) == "tool_limit_reached"
    judge.begin_turn(Asker(why=Why.ADDRESSED, role=Role.AGENT, words="Ava, recap"))
    judge.judge(*SEARCH)


def test_searches_have_a_limit_for_the_whole_call() -> None:
    judge = policy("Ava, recap")
    for _ in range(SEARCHES_PER_CALL):
        judge.begin_turn(Asker(why=Why.ADDRESSED, role=Role.AGENT, words="Ava, recap"))
        judge.judge(*SEARCH)
    assert refusal(judge, SEARCH) == "tool_limit_reached"
