"""The scripted chat model: four answers out of the transcript, and honesty about everything else."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sidecar.adapters.chat_models import scripted
from sidecar.adapters.chat_models.scripted import GOODBYE, NO_MODEL, NOTHING_YET, ScriptedChatModel
from sidecar.domain.assistant.context import Context, Question
from sidecar.domain.assistant.said import Said, line_of
from sidecar.domain.assistant.stay import Announce, Assistant, Audience, Speaks
from sidecar.domain.events import UtteranceFinal
from sidecar.ports.chat_model import ChatMessage, Piece, TextPiece, Tool, ToolCall
from tests.facts import NOON

CALL = [
    Said("Maya (agent)", "Thank you for calling Harbor Bikes. This is Maya.", 600),
    Said("Daniel Baker (customer)", "Hello. I ordered a city bike from you, and it's late.", 3_800),
    Said("Maya (agent)", "Do you have the order number?", 15_580),
    Said("Daniel Baker (customer)", "The order number is 7 3 5 2 9.", 23_000),
    Said("Daniel Baker (customer)", "That's right.", 30_120),
    Said("Maya (agent)", "Our driver can be with you on Saturday.", 81_180),
    Said("Maya (agent)", "I will send the refund back to your card today.", 108_820),
]
LEAVE = Tool("leave", "Leave the call.", {"type": "object", "properties": {}})


def conversation(question: str, call: Sequence[Said] = CALL) -> list[ChatMessage]:
    said = [ChatMessage("user", "\n".join(map(line_of, call)))] if call else []
    return [ChatMessage("system", "You are Ava. 99 bottles."), *said, ChatMessage("user", question)]


async def pieces(messages: Sequence[ChatMessage], tools: Sequence[Tool] = ()) -> list[Piece]:
    return [piece async for piece in ScriptedChatModel().answer(messages, tools=tools)]


async def answer(question: str, call: Sequence[Said] = CALL, tools: Sequence[Tool] = ()) -> str:
    given = await pieces(conversation(question, call), tools)
    assert all(isinstance(piece, TextPiece) for piece in given)
    return "".join(piece.text for piece in given if isinstance(piece, TextPiece))


@pytest.mark.parametrize("asked", ["Hey Ava, recap.", "Ava, what did I miss?", "can you summarize this for us"])
async def test_a_recap_names_who_is_here_and_quotes_how_it_began_and_what_is_new(asked: str) -> None:
    assert await answer(asked) == (
        "On this call I have heard Maya and Daniel Baker. "
        "Maya said: Thank you for calling Harbor Bikes. This is Maya. "
        "Daniel Baker said: The order number is 7 3 5 2 9. "
        "Maya said: Our driver can be with you on Saturday. "
        "Maya said: I will send the refund back to your card today."
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("Ava, what did Maya say about the refunds?", "Maya said: I will send the refund back to your card today."),
        ("what did the customer say about a bike",
         "Daniel Baker said: Hello. I ordered a city bike from you, and it's late."),
        ("What has Daniel said about the driver?", "I haven't heard Daniel Baker say anything about the driver."),
        ("what did Tom say about the bike?", "I haven't heard anybody called Tom."),
        ("what did Maya say?", "Maya said: Our driver can be with you on Saturday. "
         "Maya said: I will send the refund back to your card today."),
    ],
)  # fmt: skip
async def test_what_somebody_said_about_something_is_quoted_or_not_known(asked: str, said: str) -> None:
    assert await answer(asked) == said


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("The order number is 7 3 5 2 9.", "7 3 5 2 9"),
        ("Call (415) 555-0100, please.", "4 1 5 5 5 5 0 1 0 0"),
        ("It is $42.50.", "$42.50"),
        ("At 9:30 then", "9:30"),
        ("four one five, oh one", "four one five, oh one"),
        ("Only thirty dollars, one moment.", "thirty"),
        ("First 12, then 1,250", "1,250"),
    ],
)
async def test_the_last_number_is_read_back_as_it_was_said_and_long_ones_by_digits(text: str, number: str) -> None:
    call = [Said("Tom", "It was 5.", 0), Said("Tom", text, 1), Said("Ann", "One moment.", 2)]
    assert await answer("Ava, read back the last number", call) == f"The last number, from Tom, was {number}."


async def test_a_call_without_a_number_and_a_call_without_words_are_said_to_be_so() -> None:
    assert "haven't heard a number" in await answer("read that number back", [Said("Tom", "Hello.", 0)])
    assert await answer("recap", []) == NOTHING_YET


@pytest.mark.parametrize("asked", ["Ava, leave.", "please leave the call, please", "you can go now", "Leave, Ava"])
async def test_asked_to_leave_it_says_goodbye_and_asks_for_the_tool(asked: str) -> None:
    assert await pieces(conversation(asked), [LEAVE]) == [TextPiece(GOODBYE), ToolCall("call_1", "leave", "{}")]


async def test_without_the_tool_it_does_not_pretend_to_leave() -> None:
    assert await answer("leave") == NO_MODEL


@pytest.mark.parametrize(
    "asked", ["Ava, what is the refund policy?", "", "we leave it at that for now and see", "Why is the bike late?"]
)
async def test_whatever_else_is_asked_it_says_that_no_model_is_configured(asked: str) -> None:
    assert await answer(asked, tools=[LEAVE]) == NO_MODEL


async def test_the_question_may_be_the_last_line_of_what_was_said() -> None:
    """As the cascade shows it: labelled like everything else; the question is no part of the transcript."""
    asked = Said("Daniel Baker (customer)", "Ava, read back the last number, not 12.", 120_000)
    told = ChatMessage("user", "\n".join(map(line_of, [*CALL, asked])))
    [piece] = await pieces([told])
    assert piece == TextPiece("The last number, from Daniel Baker, was 7 3 5 2 9.")


async def test_a_long_quote_is_cut_between_words() -> None:
    recap = await answer("recap", [Said("Tom", "word " * 100, 0)])
    assert recap.endswith("word …")
    assert len(recap) < scripted.QUOTE_CHARACTERS + 100


async def test_after_a_tool_there_is_nothing_more_to_say() -> None:
    called = ToolCall("call_1", "leave", "{}")
    messages = [
        *conversation("leave"),
        ChatMessage("assistant", "", (called,)),
        ChatMessage("tool", "ok", (), "call_1"),
    ]
    assert await pieces(messages, [LEAVE]) == []
    assert await pieces([]) == []


@pytest.mark.parametrize("private", [False, True])
async def test_it_reads_what_a_call_s_context_makes_of_the_same_words(private: bool) -> None:
    """Asked on the call, and at the panel; a question that is also in the transcript is not quoted."""
    ava = Assistant(
        id="ast_1", conference_id="cnf_1", participant_id="par_ava", tenant="default", name="Ava", by="Maya", prompt="",
        speaks=Speaks.ADDRESSED, announce=Announce.ANNOUNCE, audience=Audience.ALL, requested_at=NOON,
    )  # fmt: skip
    context = Context(ava)
    question = Said("Maya (agent)", "Ava, what did Daniel say about the number?", 130_000)
    for at, said in enumerate([*CALL, question]):
        context.hear(
            UtteranceFinal(
                id=f"utt_{at}", participant="par_1", fork="frk_1", session="ses_1", result_index=at, revision=1,
                start_ms=said.start_ms, end_ms=said.start_ms + 500, text=said.text, engine="local", lag_ms=0,
            ),
            said.name,
            own=False,
        )  # fmt: skip
    told = context.messages(Question(question, private=private), ["Maya (agent)", "Daniel Baker (customer)"])
    given = await pieces([ChatMessage(one.role, one.text) for one in told])
    assert given == [TextPiece("Daniel Baker said: The order number is 7 3 5 2 9.")]
