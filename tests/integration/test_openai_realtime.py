"""OpenAI's realtime model through the real SDK and a socket: what it is told, what it says, and all that goes wrong."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
import structlog

from sidecar.adapters.openai_account import OpenaiAccount
from sidecar.adapters.realtime import openai_answer
from sidecar.adapters.realtime.openai import VENDOR, OpenaiRealtimeModel
from sidecar.adapters.realtime.openai_session import Limits
from sidecar.cli.children import free_ports
from sidecar.domain.errors import RealtimeFailed
from sidecar.ports.chat_model import ChatMessage, TextPiece, Tool, ToolCall, Usage
from sidecar.ports.realtime import AudioPiece, Brief, Found, Lost, RealtimePiece, RealtimeSession
from tests.emulated_openai.realtime import RealtimeFault, Talk
from tests.emulated_openai.server import KEY, EmulatedOpenai, running
from tests.emulated_speech import MS_PER_CHARACTER

PATIENT = 30.0
# Everything in a fraction of its time, so that no test waits for seconds.
FAST = Limits(
    connect_s=0.5, send_s=0.3, first_s=0.5, stall_s=0.5, free_s=0.3, wait_s=5.0, retry_s=(0.0, 0.05), rotate_s=3600.0
)
SEARCH = Tool("search_transcript", "Search it.", {"type": "object", "properties": {}})
BRIEF = Brief("You are Ava.", (ChatMessage("user", "Tom: The order number is 5."),), (SEARCH,))


@dataclasses.dataclass
class Conversation:
    """A session, the server on its other side, and how long the model was away each time that it was briefed."""

    session: RealtimeSession
    server: EmulatedOpenai
    model: OpenaiRealtimeModel
    aways: list[int]

    @property
    def talk(self) -> Talk:
        """On the newest connection."""
        return self.server.realtime.talks[-1]

    async def until(self, true: Callable[[], bool]) -> None:
        await self.server.until(true)

    def counted(self, name: str) -> float:
        return next(figure.value for figure in self.model.figures() if figure.name == name)


@asynccontextmanager
async def conversation(
    *faults: RealtimeFault, limits: Limits = FAST, key: str = KEY, brief: Brief = BRIEF
) -> AsyncIterator[Conversation]:
    aways: list[int] = []

    def briefed(away_ms: int) -> Brief:
        aways.append(away_ms)
        return brief

    async with running() as (server, url):
        server.realtime.faults.extend(faults)
        model = OpenaiRealtimeModel(OpenaiAccount(url, key, VENDOR), limits=limits)
        try:
            async with asyncio.timeout(PATIENT), model.open(briefed) as session:
                yield Conversation(session, server, model, aways)
        finally:
            await model.close()


async def outcome(session: RealtimeSession, **options: str) -> tuple[list[RealtimePiece], RealtimeFailed | None]:
    """All pieces, and how they ended."""
    pieces: list[RealtimePiece] = []
    try:
        async for piece in session.answer(**options):
            pieces.append(piece)  # noqa: PERF401 - what came before an error is wanted too
    except RealtimeFailed as error:
        return pieces, error
    return pieces, None


def said(pieces: Sequence[RealtimePiece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, TextPiece))


def played_ms(pieces: Sequence[RealtimePiece]) -> int:
    return sum(len(piece.audio) for piece in pieces if isinstance(piece, AudioPiece)) // 8


def user(text: str) -> ChatMessage:
    return ChatMessage("user", text)


async def refusal(*faults: RealtimeFault, key: str = KEY) -> RealtimeFailed:
    with pytest.raises(RealtimeFailed) as failed:
        async with conversation(*faults, key=key):
            pass
    return failed.value


async def test_it_is_briefed_told_and_asked_in_this_order_and_never_answers_by_itself() -> None:
    """GA settings: mu-law both ways, no automatic answer or interruption; instructions for one answer are added."""
    async with conversation() as talking:
        talking.session.tell(user("Ann: Where is it?"))
        pieces, error = await outcome(talking.session, instructions="Be brief.")
        assert error is None
        assert said(pieces) == "You said: Ann: Where is it?"
        assert played_ms(pieces) == len(said(pieces)) * MS_PER_CHARACTER
        assert pieces[-1] == Usage(30, 20)
        talk = talking.talk
    assert talk.query == {"model": "gpt-realtime-2.1"}
    assert "OpenAI-Beta" not in talk.headers
    assert talk.texts[:2] == ["user: Tom: The order number is 5.", "user: Ann: Where is it?"]
    assert [asked["instructions"] for asked in talk.responses] == ["You are Ava.\n\nBe brief."]
    [settings] = talk.settings
    assert settings["instructions"] == "You are Ava."
    assert settings["tools"] == [
        {"type": "function", "name": SEARCH.name, "description": SEARCH.description, "parameters": SEARCH.parameters}
    ]
    assert (talk.problems, talking.aways) == ([], [0])


async def test_what_the_leg_hears_goes_straight_through() -> None:
    """Bytes as they are, in order, together where they waited together, and before what is told behind them."""
    async with conversation() as talking:
        for frame in range(10):
            talking.session.hear(bytes([frame]) * 160)
        talking.session.tell(user("behind"))
        await talking.until(lambda: len(talking.talk.items) == 2)
        assert talking.talk.audio == b"".join(bytes([frame]) * 160 for frame in range(10))
        assert talking.talk.appends == 1


async def test_audio_comes_while_the_model_still_speaks_and_closing_stops_it_at_once() -> None:
    async with conversation() as talking:
        talking.session.tell(user("word " * 100))
        answer = talking.session.answer()
        pieces = [await anext(answer) for _ in range(4)]
        await answer.aclose()
        await talking.until(lambda: talking.talk.cancelled != [])
        talking.session.heard(played_ms(pieces) // 2)
        await talking.until(lambda: talking.talk.truncated != {})
        assert list(talking.talk.truncated.values()) == [played_ms(pieces) // 2]
        assert not any("word" in text for text in talking.talk.texts if text.startswith("assistant"))
        assert talking.talk.problems == []


async def test_whoever_is_cancelled_while_waiting_stops_the_model_and_the_next_answer_waits_its_turn() -> None:
    """The server is slow to stop: asking again at once would be refused by it."""
    async with conversation(RealtimeFault(stall_at=0, cancel_is_slow_s=0.1)) as talking:
        for number in (1, 2):
            async with asyncio.TaskGroup() as tasks:
                waiting = tasks.create_task(outcome(talking.session), name="answer")
                await talking.until(lambda number=number: len(talking.talk.responses) == number)  # type: ignore[misc]
                waiting.cancel()
        await talking.until(lambda: len(talking.talk.cancelled) == 2)
        assert talking.talk.problems == []


async def test_of_several_items_one_is_cut_and_those_behind_it_go() -> None:
    """Heard to the end: nothing is forgotten. Never more than there was, or the server would object."""
    async with conversation() as talking:
        talking.server.realtime.brain = lambda *_: ["one one one", "two two two", "three three"]
        pieces, _ = await outcome(talking.session)
        lengths = [len(text) * MS_PER_CHARACTER for text in ("one one one", "two two two", "three three")]
        talking.session.heard(played_ms(pieces))
        talking.session.heard(10)  # once is enough
        pieces, _ = await outcome(talking.session)
        talking.session.heard(lengths[0] + 100)
        await talking.until(lambda: talking.talk.deleted != [])
        assert list(talking.talk.truncated.values()) == [100]
        assert len(talking.talk.deleted) == 1
        assert talking.talk.problems == []


async def test_what_was_heard_is_of_all_answers_since_it_was_said_last() -> None:
    """A turn may have several, with tools in between: the first was heard in part, and the second not at all."""
    async with conversation() as talking:
        talking.server.realtime.brain = lambda *_: ["one one one"]
        length_ms = played_ms((await outcome(talking.session))[0])
        await outcome(talking.session)
        talking.session.heard(length_ms - 100)
        await talking.until(lambda: talking.talk.deleted != [])
        assert list(talking.talk.truncated.values()) == [length_ms - 100]
        await outcome(talking.session)
        await outcome(talking.session)
        talking.session.heard(length_ms + 100)
        await talking.until(lambda: len(talking.talk.truncated) == 2)
        assert list(talking.talk.truncated.values()) == [length_ms - 100, 100]
        assert (len(talking.talk.deleted), talking.talk.problems) == (1, [])


async def test_a_tool_is_asked_for_and_its_answer_goes_back() -> None:
    async with conversation() as talking:
        talking.session.tell(user("use the tool"))
        pieces, error = await outcome(talking.session)
        [call] = [piece for piece in pieces if isinstance(piece, ToolCall)]
        assert (call.name, call.arguments, error) == (SEARCH.name, '{"query": "refund"}', None)
        talking.session.tell(ChatMessage("tool", "Nothing found.", (), call.id))
        talking.session.tell(user("and now?"))
        assert said((await outcome(talking.session))[0]) == "You said: and now?"
        assert talking.talk.problems == []


async def test_beta_names_strange_events_and_answers_that_nobody_asked_for_do_no_harm() -> None:
    """Events without their fields and no JSON are counted; what the model says by itself is stopped, and not heard."""
    faults = RealtimeFault(beta_names=True, strange_events=True, answers_by_itself=True)
    async with conversation(faults) as talking:
        await talking.until(lambda: talking.talk.cancelled in (["resp_1"], ["resp_2"]))
        talking.session.tell(user("hello"))
        pieces, error = await outcome(talking.session)
        assert (said(pieces), error) == ("You said: hello", None)
        assert talking.counted("events_unreadable") > 10


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        pytest.param(RealtimeFault(stall_at=400), "realtime_timeout", id="stalled"),
        pytest.param(RealtimeFault(drop_at=400), "realtime_unreachable", id="dropped"),
        pytest.param(RealtimeFault(close_at=400), "realtime_broken_off", id="closed at the end of its hour"),
        pytest.param(RealtimeFault(fail_at=400), "realtime_vendor_failed", id="failed"),
        pytest.param(RealtimeFault(incomplete="max_output_tokens"), "realtime_cut_off", id="cut off"),
        pytest.param(RealtimeFault(incomplete="content_filter"), "realtime_filtered", id="filtered"),
    ],
)
async def test_an_answer_that_breaks_off_fails_behind_its_audio_and_the_next_one_is_whole(
    fault: RealtimeFault, code: str
) -> None:
    async with conversation(fault) as talking:
        pieces, error = await outcome(talking.session)
        assert error is not None
        assert (error.code, error.permanent) == (code, False)
        assert played_ms(pieces) >= 400
        talking.session.heard(300)
        talking.server.realtime.brain = lambda *_: ["Short"]
        pieces, error = await outcome(talking.session)
        assert said(pieces) == "Short"
        assert (error is None) == (not fault.incomplete)


async def test_a_lost_connection_is_found_again_with_a_new_brief_and_nothing_of_the_past() -> None:
    """Audio of the time between is dropped, not sent late; text of it is the brief's to tell; nothing is truncated."""
    async with conversation(RealtimeFault(drop_at=400), RealtimeFault(refuse=503)) as talking:
        news = talking.session.news()
        await outcome(talking.session)
        lost = await anext(news)
        talking.session.hear(b"\xff" * 800)
        talking.session.tell(user("said while away"))
        talking.session.heard(200)
        assert isinstance(lost, Lost)
        assert (lost.code, lost.permanent) == ("realtime_unreachable", False)
        refused = await anext(news)
        assert isinstance(refused, Lost)
        assert refused.code == "realtime_vendor_failed"
        found = await anext(news)
        assert isinstance(found, Found)
        assert len(talking.aways) == 2
        assert 0 < talking.aways[1] <= found.away_ms
        assert said((await outcome(talking.session))[0]) == "You said: Tom: The order number is 5."
        assert talking.talk.texts[0] == "user: Tom: The order number is 5."
        assert "user: said while away" not in talking.talk.texts
        assert (bytes(talking.talk.audio), talking.talk.problems, talking.talk.truncated) == (b"", [], {})
        assert talking.counted("audio_dropped_seconds") == 0.1
        assert talking.counted("connections_lost") == 2


async def test_an_answer_asked_for_while_the_model_is_away_waits_a_while() -> None:
    faults = [RealtimeFault(drop_at=0), *[RealtimeFault(refuse=500)] * 3]
    async with conversation(*faults) as talking:
        await outcome(talking.session)
        assert said((await outcome(talking.session))[0]).startswith("You said")
    faults = [RealtimeFault(drop_at=0), *[RealtimeFault(refuse=500)] * 99]
    async with conversation(*faults, limits=dataclasses.replace(FAST, wait_s=0.2)) as talking:
        await outcome(talking.session)
        _, error = await outcome(talking.session)
        assert error is not None
        assert error.code == "realtime_timeout"


async def test_a_refusal_that_no_second_try_mends_ends_the_session() -> None:
    async with conversation(RealtimeFault(drop_at=0), RealtimeFault(refuse=401)) as talking:
        await outcome(talking.session)
        told = [item async for item in talking.session.news()]
        assert [(item.code, item.permanent) for item in told if isinstance(item, Lost)] == [
            ("realtime_unreachable", False),
            ("realtime_unauthorized", True),
        ]
        _, error = await outcome(talking.session)
        assert error is not None
        assert (error.code, error.permanent) == ("realtime_unauthorized", True)
        assert len(talking.server.realtime.talks) == 2


async def test_before_its_hour_is_over_a_connection_is_replaced_in_a_pause() -> None:
    """Not while an answer is under way, nor before it is known how much of it was heard; at last, anyway."""
    limits = dataclasses.replace(FAST, rotate_s=0.3)
    async with conversation(limits=limits) as talking:
        talks = talking.server.realtime.talks
        talking.session.tell(user("word " * 20))
        pieces, error = await outcome(talking.session)  # takes longer than rotate_s
        assert error is None
        assert len(talks) == 1
        talking.session.heard(played_ms(pieces))
        await talking.until(lambda: len(talks) == 2 and talks[1].settings != [])
        assert talks[0].truncated == {}
        assert said((await outcome(talking.session))[0]) == "You said: Tom: The order number is 5."
        assert (talking.counted("connections_lost"), talking.counted("connections_rotated")) == (0, 1)
    async with conversation(limits=dataclasses.replace(limits, rotate_anyway_s=0.1)) as talking:
        talking.session.tell(user("word " * 100))
        _, error = await outcome(talking.session)
        assert error is not None
        assert error.code == "realtime_broken_off"


@pytest.mark.parametrize(
    ("fault", "code", "permanent"),
    [
        (RealtimeFault(refuse=401), "realtime_unauthorized", True),
        (RealtimeFault(refuse=404), "realtime_unknown_model", True),
        (RealtimeFault(refuse=429), "realtime_too_many_requests", False),
        (RealtimeFault(stall_handshake=True), "realtime_timeout", False),
        (RealtimeFault(mute=True), "realtime_timeout", False),
        (RealtimeFault(ignore_settings=True), "realtime_timeout", False),
        (RealtimeFault(refuse_settings="invalid_value"), "realtime_bad_request", False),
        (RealtimeFault(refuse_settings="insufficient_quota"), "realtime_out_of_credit", True),
        (RealtimeFault(other_format=True), "realtime_unreadable", False),
    ],
)
async def test_a_session_that_cannot_begin_says_why(fault: RealtimeFault, code: str, permanent: bool) -> None:
    """At once, and is not tried again: whoever invited the assistant is waiting."""
    failed = await refusal(fault)
    assert (failed.code, failed.permanent) == (code, permanent)
    assert "secret" not in str(failed).lower()


async def test_no_server_and_a_wrong_key_are_told_apart() -> None:
    assert (await refusal(key="sk-wrong-7e")).code == "realtime_unauthorized"
    nobody = OpenaiRealtimeModel(OpenaiAccount(f"http://127.0.0.1:{free_ports(1)}/v1", KEY, VENDOR), limits=FAST)
    with pytest.raises(RealtimeFailed) as failed:
        async with nobody.open(lambda _: BRIEF):
            pass
    await nobody.close()
    assert failed.value.code == "realtime_unreachable"


async def test_a_server_that_reads_nothing_more_is_left_and_the_audio_that_waits_is_bounded() -> None:
    async with conversation(RealtimeFault(stuck=True)) as talking:
        news = talking.session.news()
        while len(talking.server.realtime.talks) == 1:
            talking.session.hear(b"\xff" * 160_000)
            await asyncio.sleep(0.001)
        lost = await anext(news)
        assert isinstance(lost, Lost)
        assert lost.code == "realtime_timeout"
        assert talking.counted("audio_dropped_seconds") > 0


async def test_an_answer_without_an_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_answer, "MAX_AUDIO_BYTES", 8_000)
    async with conversation() as talking:
        talking.session.tell(user("word " * 100))
        pieces, error = await outcome(talking.session)
        assert error is not None
        assert (error.code, played_ms(pieces)) == ("realtime_endless", 1_000)
        await talking.until(lambda: talking.talk.cancelled != [])


async def test_what_goes_wrong_in_the_caller_s_hands_comes_out_as_it_is() -> None:
    with pytest.raises(ValueError, match="mine"):
        async with conversation():
            raise ValueError("mine")
    async with conversation() as talking:
        answer = talking.session.answer()
        await anext(answer)
        with pytest.raises(RuntimeError, match="under way"):
            await anext(talking.session.answer())
        await answer.aclose()


async def test_nothing_of_what_is_said_and_no_key_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Not even at the level debug, with every library's logger open."""
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as ours:
        async with conversation(RealtimeFault(strange_events=True, drop_at=400)) as talking:
            talking.session.tell(user("Ann: Where is it?"))
            errors = [(await outcome(talking.session))[1] for _ in range(2)]
        errors.append(await refusal(key="sk-wrong-7e"))
    records = [record.getMessage() for record in caplog.records if not record.name.startswith("asyncio")]
    assert ours
    for secret in ("order number", "Where is it", KEY, "sk-wrong-7e", "You are Ava"):
        assert secret not in "\n".join([*records, *map(str, ours), *map(str, errors)])
