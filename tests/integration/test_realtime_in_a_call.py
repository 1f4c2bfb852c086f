"""A realtime model that takes part, through the real SDK, while its vendor misbehaves: what it knows afterwards.

The runtime is real, and so are SDK and sockets; what is said on the call is put into its memory by hand.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sidecar.adapters.openai_account import OpenaiAccount
from sidecar.adapters.realtime.openai import VENDOR, OpenaiRealtimeModel
from sidecar.adapters.realtime.openai_session import Limits
from sidecar.domain.assistant.context import Context, Question, line_told
from sidecar.domain.assistant.floor_orders import Why
from sidecar.domain.assistant.said import Said
from sidecar.domain.assistant.tool_policy import Asker
from sidecar.domain.conference.values import Role
from sidecar.domain.errors import RealtimeFailed
from sidecar.domain.events import UtteranceFinal
from sidecar.ports.chat_model import ChatMessage, TextPiece
from sidecar.ports.realtime import AudioPiece
from sidecar.runtime.assistant.realtime import Realtime
from sidecar.runtime.assistant.tools import Budget, Tools
from sidecar.runtime.tally import AssistantTally
from tests.emulated_openai.realtime import RealtimeFault, Talk
from tests.emulated_openai.server import KEY, EmulatedOpenai, running
from tests.emulated_speech import MS_PER_CHARACTER
from tests.integration.test_openai_realtime import FAST
from tests.unit.runtime.assistant.test_realtime import AVA, PEOPLE, QUESTION

pytestmark = pytest.mark.traced(False)  # its parts are shown one by one elsewhere

PATIENT = 30.0
ORDER = "The order number is seven three five."
ANSWER = "It is seven three five, and there is nothing else to say about it."


class Call:
    """A call on which Daniel speaks, and the model's part in it. ``notes``: what the panel was told."""

    def __init__(self, server: EmulatedOpenai, url: str, limits: Limits) -> None:
        self.server = server
        self.model = OpenaiRealtimeModel(OpenaiAccount(url, KEY, VENDOR), limits=limits)
        self.context = Context(AVA)
        self.notes: list[tuple[str, str]] = []
        self._at_ms = 0
        self.news = asyncio.Event()
        tools = Tools(self.context, on_notify=lambda _: None, tally=AssistantTally())
        tools.begin_turn(Asker(why=Why.ADDRESSED, role=Role.CUSTOMER, words=QUESTION.said.text))
        self.realtime = Realtime(
            self.model,
            self.context,
            assistant_id=AVA.id,
            tools=tools,
            budget=Budget(100_000, AssistantTally()),
            people=lambda: PEOPLE,
            on_note=self._noted,
        )

    def says(self, text: str, *, own: bool = False) -> None:
        """Words of Daniel, or what was heard of the assistant's, stored and told."""
        self._at_ms += 1_000
        said = UtteranceFinal(
            id=f"utt_{self._at_ms}", participant="par_1", fork="" if own else "frk_1", session="ses_1",
            result_index=self._at_ms, revision=1, start_ms=self._at_ms, end_ms=self._at_ms + 900, text=text,
            engine="local", lag_ms=0,
        )  # fmt: skip
        name = "Ava (assistant)" if own else "Daniel (customer)"
        self.context.hear(said, name, own=own)
        if not own:  # a model knows what it said itself
            self.realtime.tell(ChatMessage("user", line_told(Said(name, text, self._at_ms))))

    async def answers(self) -> tuple[str, int, str]:
        """What it says, how long that is, and the code with which it broke off, or ""."""
        text, audio = "", 0
        try:
            async for part in self.realtime.answer(Question(QUESTION.said), PEOPLE, []):
                match part:
                    case TextPiece():
                        text += part.text
                    case AudioPiece():
                        audio += len(part.audio)
        except RealtimeFailed as error:
            return text, audio // 8, error.code
        return text, audio // 8, ""

    @property
    def talk(self) -> Talk:
        """On the newest connection."""
        return self.server.realtime.talks[-1]

    async def connected(self, times: int) -> None:
        """That it is connected for the nth time, and has its settings."""
        talks = self.server.realtime.talks
        await self.server.until(lambda: len(talks) >= times and bool(talks[-1].settings))

    async def noted(self, *notes: str) -> None:
        """That the panel was told so much."""
        while [note for note, _ in self.notes] != list(notes):
            self.news.clear()
            await self.news.wait()

    def _noted(self, note: str, more: str) -> None:
        self.notes.append((note, more))
        self.news.set()


@asynccontextmanager
async def taking_part(*faults: RealtimeFault, limits: Limits = FAST) -> AsyncIterator[Call]:
    async with running() as (server, url):
        server.realtime.faults.extend(faults)
        server.realtime.brain = lambda *_: [ANSWER]
        call = Call(server, url, limits)
        async with asyncio.timeout(PATIENT), asyncio.TaskGroup() as tasks:
            taking = tasks.create_task(call.realtime.run())
            call.realtime.begin()
            await call.connected(1)
            yield call
            taking.cancel()
        await call.model.close()


def knows(talk: Talk, text: str) -> bool:
    return any(text in told for told in talk.texts)


async def test_a_connection_replaced_before_its_hour_knows_all_that_was_said_and_nobody_is_bothered() -> None:
    """What was said before stands in its brief, its own words as they were heard; it goes on hearing the call."""
    async with taking_part(limits=dataclasses.replace(FAST, rotate_s=0.3)) as call:
        call.says(ORDER)
        text, ms, _ = await call.answers()
        assert text == ANSWER
        call.says(ANSWER, own=True)
        call.realtime.heard(ms)
        await call.connected(2)
        assert knows(call.talk, f"Daniel (customer): {ORDER}")
        assert f"assistant: {ANSWER}" in call.talk.texts
        call.realtime.hear(b"\x90" * 800)
        call.says("And when does it come?")
        await call.server.until(lambda: knows(call.talk, "And when does it come?") and bool(call.talk.audio))
        assert call.notes == []


async def test_of_a_socket_that_is_lost_amid_an_answer_the_next_one_knows_what_was_heard_and_no_more() -> None:
    """The panel is told that it is away and that it is back; nothing is repeated by itself."""
    async with taking_part(RealtimeFault(drop_at=1_000)) as call:
        call.says(ORDER)
        text, ms, code = await call.answers()
        assert code == "realtime_unreachable"
        assert 1_000 <= ms < len(ANSWER) * MS_PER_CHARACTER
        heard = text[: len(text) // 2].rpartition(" ")[0]
        call.realtime.heard(ms // 2)
        call.says(heard, own=True)
        call.says("Are you still there?")
        await call.noted("model_lost", "model_back")
        told = "\n".join(call.talk.texts)
        assert f"assistant: {heard}" in call.talk.texts
        assert "Are you still there?" in told
        assert ANSWER not in told
        assert call.talk.responses == []
        assert (await call.answers())[0] == ANSWER
        assert call.talk.problems == []


@pytest.mark.parametrize("way", ["error", "done"])
async def test_over_a_rate_limit_an_answer_fails_and_the_session_keeps_what_it_knows(way: str) -> None:
    """Either way in which it is told. Whoever asked turns to the cascade; no connection is lost over it."""
    async with taking_part(RealtimeFault(limited=(way,))) as call:
        call.says(ORDER)
        assert await call.answers() == ("", 0, "realtime_too_many_requests")
        call.realtime.heard(0)
        call.says("Ava, once more.")
        assert (await call.answers())[0] == ANSWER
        assert knows(call.talk, ORDER)
        assert knows(call.talk, "Ava, once more.")
        assert len(call.server.realtime.talks) == 1
        assert call.notes == []


async def test_a_vendor_that_refuses_for_a_rate_limit_while_it_is_away_is_asked_again_and_told_all() -> None:
    async with taking_part(RealtimeFault(), *[RealtimeFault(refuse=429)] * 2) as call:
        call.says(ORDER)
        call.server.realtime.drop()
        await call.noted("model_lost", "model_lost", "model_back")
        assert [more for _, more in call.notes] == ["realtime_unreachable", "realtime_too_many_requests", ""]
        assert knows(call.talk, ORDER)
        assert (await call.answers())[2] == ""


@pytest.mark.parametrize(
    ("code", "close_code"),
    [
        pytest.param("session_expired", 1001, id="its hour is over"),
        pytest.param("internal_error", 1011, id="the vendor failed"),
        pytest.param("server_shutting_down", 1012, id="the vendor restarts"),
        pytest.param("whatever", 1000, id="closed as if all were well"),
    ],
)
async def test_a_session_that_the_vendor_ends_begins_anew_with_all_that_was_said(code: str, close_code: int) -> None:
    async with taking_part() as call:
        call.says(ORDER)
        await call.answers()
        call.says(ANSWER, own=True)
        await call.server.realtime.end(code, close_code)
        await call.noted("model_lost", "model_back")
        assert call.notes[0] == ("model_lost", "realtime_broken_off")
        assert knows(call.talk, ORDER)
        assert f"assistant: {ANSWER}" in call.talk.texts
        assert (await call.answers())[2] == ""
