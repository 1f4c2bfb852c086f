"""Answers of a chat model as sentences: when they come, tools in between, limits, failures. In virtual time."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from sidecar.domain.assistant.context import SHOWN_CHARACTERS, Context, Question
from sidecar.domain.assistant.events import ToolUse
from sidecar.domain.assistant.floor_orders import Why
from sidecar.domain.assistant.said import Said
from sidecar.domain.assistant.tool_policy import Asker
from sidecar.domain.conference.values import Role
from sidecar.domain.errors import ChatModelFailed
from sidecar.domain.events import UtteranceFinal
from sidecar.ports.chat_model import ToolCall, Usage
from sidecar.runtime.assistant.cascade import ANSWER_MAX_CHARACTERS, CHARACTERS_PER_TOKEN, Cascade
from sidecar.runtime.assistant.tools import ROUNDS_MOST, Budget, Spent, Tools
from sidecar.runtime.tally import AssistantTally
from tests.fake_engines import Answer, FakeChatModel
from tests.unit.runtime.assistant.test_realtime import AVA, PEOPLE

pytestmark = pytest.mark.virtual_time

QUESTION = Question(Said("Maya (agent)", "Ava, what about the refund?", 5_000))
FAILED = ChatModelFailed("It broke off.", code="chat_broken_off")
SEARCH = ToolCall("call_1", "search_transcript", '{"query": "parcel"}')


class Thinking:
    """A cascade on a call in which a parcel was spoken of."""

    def __init__(self, *answers: Answer, tokens: int = 10_000) -> None:
        self.model = FakeChatModel(*answers)
        self.tally = AssistantTally()
        self.context = Context(AVA)
        self.hears("My parcel has not come.", 1_000)
        tools = Tools(self.context, on_notify=lambda _: None, tally=self.tally)
        tools.begin_turn(Asker(why=Why.ADDRESSED, role=Role.AGENT, words=QUESTION.said.text))
        self.used: list[ToolUse] = []
        self.cascade = Cascade(self.model, self.context, tools=tools, budget=Budget(tokens, self.tally))

    def hears(self, text: str, at_ms: int) -> None:
        """The customer says this."""
        said = UtteranceFinal(
            id=f"utt_{at_ms}", participant="par_1", fork="frk_1", session="ses_1", result_index=at_ms, revision=1,
            start_ms=at_ms, end_ms=at_ms + 900, text=text, engine="local", lag_ms=0,
        )  # fmt: skip
        self.context.hear(said, "Daniel (customer)", own=False)

    async def answer(self) -> list[str]:
        """All of it."""
        return [piece async for piece in self.cascade.answer(QUESTION, PEOPLE, self.used)]


async def test_a_sentence_is_told_as_soon_as_it_is_whole_and_stopping_stops_the_vendor() -> None:
    """The voice need not wait for the end, and nobody pays for what nobody will hear."""
    thinking = Thinking(["The refund takes five days. ", 60.0, "Never heard."])
    loop = asyncio.get_running_loop()
    async with aclosing(thinking.cascade.answer(QUESTION, PEOPLE, thinking.used)) as pieces:
        assert await anext(pieces) == "The refund takes five days."
    assert loop.time() == 0.0
    assert thinking.model.stopped == 1
    assert thinking.tally.tokens.keys() == {("fake", "estimated")}


async def test_what_it_is_told_ends_with_the_question_and_has_the_call_before() -> None:
    thinking = Thinking(["Five days.", Usage(120, 30)])
    assert await thinking.answer() == ["Five days."]
    [messages] = thinking.model.asked
    assert messages[0].role == "system"
    assert "My parcel has not come." in messages[-1].text
    assert messages[-1].text.endswith("Ava, what about the refund?")
    assert thinking.tally.tokens == {("fake", "input"): 120, ("fake", "output"): 30}


async def test_a_tool_is_used_between_two_rounds_and_the_model_reads_what_came_of_it() -> None:
    """What it said before the call is said, and stands in what it is shown."""
    thinking = Thinking(["Let me look that up. ", SEARCH], ["It has not come."])
    assert await thinking.answer() == ["Let me look that up.", "It has not come."]
    assert thinking.used == [ToolUse(name="search_transcript", outcome="done")]
    *_, asked, told = thinking.model.asked[1]
    assert (asked.role, asked.text, asked.tool_calls) == ("assistant", "Let me look that up. ", (SEARCH,))
    assert (told.role, told.tool_call_id) == ("tool", "call_1")
    assert "My parcel has not come." in told.text


async def test_a_model_that_wants_nothing_but_tools_is_offered_none_in_the_end() -> None:
    thinking = Thinking(*[[SEARCH]] * ROUNDS_MOST, ["I cannot find it."])
    assert await thinking.answer() == ["I cannot find it."]
    assert [bool(offered) for offered in thinking.model.tools] == [True] * ROUNDS_MOST + [False]
    assert len(thinking.used) == ROUNDS_MOST


async def test_an_answer_without_end_is_ended_for_it() -> None:
    """Also one that goes on over several rounds."""
    sentence = "And there is yet another thing to say. "
    thinking = Thinking([*[sentence] * 20, SEARCH], [sentence] * 1_000)
    said = sum(len(piece) for piece in await thinking.answer())
    assert ANSWER_MAX_CHARACTERS - 2 * len(sentence) < said <= ANSWER_MAX_CHARACTERS + len(sentence)
    assert thinking.model.stopped == 1


async def test_what_was_whole_before_a_failure_is_told_and_the_rest_is_the_failure() -> None:
    """Half a sentence is not said; it is paid for, by estimate."""
    thinking = Thinking(["The refund takes five days. And then ", FAILED])
    pieces = thinking.cascade.answer(QUESTION, PEOPLE, thinking.used)
    assert await anext(pieces) == "The refund takes five days."
    with pytest.raises(ChatModelFailed, match="broke off"):
        await anext(pieces)
    asked = sum(len(message.text) for message in thinking.model.asked[0])
    answered = len("The refund takes five days. And then ")
    assert thinking.tally.tokens["fake", "estimated"] == (asked + answered) // CHARACTERS_PER_TOKEN


async def test_who_has_spent_its_tokens_asks_nothing_any_more() -> None:
    thinking = Thinking(["Once.", Usage(9_000, 1_000)], tokens=10_000)
    await thinking.answer()
    with pytest.raises(Spent):
        await thinking.answer()
    with pytest.raises(Spent):
        await thinking.cascade.in_words(QUESTION, PEOPLE)
    assert len(thinking.model.asked) == 1


async def test_an_answer_in_words_is_one_text_and_has_no_tools() -> None:
    """Whoever reads it at the panel asked a question, and did not send the assistant away."""
    thinking = Thinking(["  It takes ", "five days.\n"])
    assert await thinking.cascade.in_words(QUESTION, PEOPLE) == "It takes five days."
    assert thinking.model.tools == [()]


async def test_what_is_too_old_to_be_shown_is_summed_up_once_and_a_failure_is_no_harm() -> None:
    """The next chance is behind the next turn."""
    thinking = Thinking([FAILED], ["Daniel waits for his\n parcel."], ["Yes."], tokens=100_000)
    await thinking.cascade.remember()
    assert thinking.model.asked == [], "there is nothing to sum up yet"
    for n in range(40):
        thinking.hears("word " * (SHOWN_CHARACTERS // 100), 10_000 + n)
    await thinking.cascade.remember()
    await thinking.cascade.remember()
    await thinking.cascade.remember()
    assert len(thinking.model.asked) == 2
    await thinking.answer()
    assert "Daniel waits for his parcel." in thinking.model.asked[-1][1].text
