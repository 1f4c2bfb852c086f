"""The table of twenty situations, each played over sockets: what is said into calls, and what sounds in them.

Recogniser and voice know the phrases of a book, so words are exact and times are true; service and small Twilio are
real. Several calls go on at the same time. (The rules alone: tests/unit/domain/assistant/test_manners.py. Row 20's time
limit is an hour or so and is looked at in tests/unit/runtime/assistant/test_desk.py.)
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from sidecar.domain import notice
from sidecar.ports.chat_model import ChatMessage, Piece, TextPiece, Tool
from sidecar.runtime.assistant.answer import FILLER
from sidecar.runtime.assistant.desk import Engines
from sidecar.runtime.assistant.turns import GOODBYE
from tests.assisted_room import TICK_MS, Room
from tests.line import running_line
from tests.phrase_book import MS_PER_WORD, BookRecogniser, BookVoice, PhraseBook

pytestmark = pytest.mark.traced(False)  # its parts are shown one by one elsewhere

SHORT = "Returns are free within thirty days."
LONG = "Within thirty days we send all of the money back to your card in at most five days."
ASKS = "Ava, what is the refund policy?"
ASKS_AT_THE_END = "What is the policy, Ava?"
ASKS_ALL = "Ava, tell us the whole policy."
ASKS_LATE = "Ava, can you look it up later?"
ASKS_SLOW = "Ava, can you look it up slowly?"
ASKS_NEVER = "Ava, will it never come?"
MENTIONS = "Ava said five days."
GOES_ON = "And what about bikes?"
OTHER = "That is fine with me."
ANSWERS = "It is thirty days."
LISTENS = "Mm-hm, okay."
STOPS = "Hold on please."
OBJECTS = "But that is wrong."
NOISE = "~ ~ ~ ~"
PARCEL = "My parcel has not come."
TALKS = "So I went to the shop and they told me to come back"
TALKS_LONG = f"{TALKS} on some other day because nobody there had the key for the box"
NO_AI = "No AI please."
PHRASES = (
    SHORT, LONG, ASKS, ASKS_AT_THE_END, ASKS_ALL, ASKS_LATE, ASKS_SLOW, ASKS_NEVER, MENTIONS, GOES_ON, OTHER, ANSWERS,
    LISTENS, STOPS, OBJECTS, NOISE, PARCEL, TALKS, TALKS_LONG, NO_AI, FILLER, GOODBYE,
)  # fmt: skip
# Everybody is quiet so long before it speaks (600 ms), less what a detector of speech is late by.
QUIET_MS = 500
# More calls at a time would be no quicker: the network dials one a second.
CALLS_AT_ONCE = 5
# It is silent so soon, also on a machine that has a lot to do: what is sent ahead is half a second at most.
SILENT_WITHIN_MS = 2_500


class Model:
    """Knows by a word of the question how long to think, and how much to say."""

    engine = "topics"

    async def answer(
        self, messages: Sequence[ChatMessage], *, tools: Sequence[Tool] = ()
    ) -> AsyncGenerator[Piece, None]:
        """One sentence."""
        asked = messages[-1].text.splitlines()[-1]
        for word, seconds in (("later", 3.5), ("slowly", 5.0), ("never", 60.0)):
            if word in asked:
                await asyncio.sleep(seconds)
        yield TextPiece(LONG if "whole" in asked else SHORT)

    async def close(self) -> None:
        """Nothing to free."""


def ms(ticks: int) -> int:
    return ticks * TICK_MS


def lasts_s(phrase: str) -> float:
    return MS_PER_WORD * len(phrase.split()) / 1000


async def rows_1_to_4(room: Room) -> None:
    """Who addresses it is answered, who mentions it is not; the same one may go on, unless somebody spoke between."""
    await room.invite()
    await room.says("agent", ASKS)
    assert (await room.turn(1))["heard"] == SHORT
    await room.says("agent", GOES_ON)
    turn = await room.turn(2)
    assert (turn["why"], turn["to"]) == ("follow_up", room.people["agent"]["id"])
    await room.says("customer", OTHER)
    await room.until("utterance.final", lambda said: said["text"] == OTHER)
    await room.says("agent", GOES_ON)
    await room.until("utterance.final", lambda said: said["text"] == GOES_ON and said["start_ms"] > turn["end_ms"])
    await room.says("agent", MENTIONS)
    await room.until("utterance.final", lambda said: said["text"] == MENTIONS)
    await room.says("customer", ASKS_AT_THE_END)
    turn = await room.turn(3)
    assert (turn["why"], turn["to"], turn["heard"]) == ("addressed", room.people["customer"]["id"], SHORT)
    assert len((await room.recorded()).sounds()) == 3


async def rows_5_and_6(room: Room) -> None:
    """It waits until all are quiet; a human who answers first is left the last word."""
    await room.invite()
    behind_it_s = lasts_s(ASKS) + 0.3
    ends = [
        (await room.says("customer", (behind_it_s, TALKS)))[1],
        (await room.says("agent", ASKS, (behind_it_s, TALKS)))[1],
    ]
    assert (await room.turn(1))["outcome"] == "completed"
    [(begin, _)] = (await room.recorded()).sounds()
    assert ms(begin - max(ends)) >= QUIET_MS
    await room.says("agent", ASKS_LATE)
    await room.says("customer", (lasts_s(ASKS_LATE) + 0.8, ANSWERS))
    await room.until("utterance.final", lambda said: said["text"] == ANSWERS)
    late_ms = next(said["end_ms"] for said in room.all("utterance.final") if said["text"] == ASKS_LATE)
    thinks = [told["at_ms"] for told in room.all("assistant.state") if told["state"] == "thinking"]
    assert thinks[-1] >= late_ms
    _, asked = await room.says("agent", ASKS)
    await room.turn(2)
    [_, (begin, _)] = (await room.recorded()).sounds()
    assert begin > asked


async def rows_7_and_8(room: Room) -> None:
    """Signs of listening do not stop it, a stop word does."""
    await room.invite()
    await room.says("agent", ASKS_ALL)
    await room.speaking(1)
    await room.says("customer", LISTENS)
    turn = await room.turn(1)
    assert (turn["outcome"], turn["heard"]) == ("completed", LONG)
    await room.says("agent", ASKS_ALL)
    await room.speaking(2)
    _, stopped = await room.says("customer", STOPS)
    await ends_early(room, 2, "stop_word", stopped)


async def rows_9_and_10(room: Room) -> None:
    """Two other words end its turn at the heard word; noise without words is a short pause."""
    await room.invite()
    await room.says("agent", ASKS_ALL)
    await room.speaking(1)
    _, stopped = await room.says("customer", OBJECTS)
    await ends_early(room, 1, "interrupted", stopped)
    begin, _ = await room.says("agent", ASKS_ALL)
    await room.speaking(2)
    await asyncio.sleep(0.5)
    await room.says("customer", NOISE)
    turn = await room.turn(2)
    assert (turn["outcome"], turn["heard"]) == ("completed", LONG)
    sounds = (await room.recorded()).sounds(begin, apart_ms=0)
    assert any(ms(after[0] - before[1]) > 100 for before, after in itertools.pairwise(sounds))


async def ends_early(room: Room, nth: int, outcome: str, said: int) -> None:
    """The turn is over soon behind those words, at a word that was played."""
    turn = await room.turn(nth)
    assert turn["outcome"] == outcome
    assert LONG.startswith(turn["heard"])
    assert turn["heard"] != LONG
    begin, end = (await room.recorded()).sounds()[-1]
    assert ms(end - said) < SILENT_WITHIN_MS
    words = ms(end - begin) / 300  # what sounded before its hold sounded too
    assert len(turn["heard"].split()) <= words + 4


async def row_11(room: Room) -> None:
    """Its own voice comes back by a loudspeaker: nobody's words, and no interruption."""
    await room.invite()
    call = room.people["customer"]["call_sid"]
    await room.line.order("echo", call=call, seconds=60, delay_ms=200, loss_db=3)
    await room.says("agent", ASKS)
    turn = await room.turn(1)
    assert (turn["outcome"], turn["heard"]) == ("completed", SHORT)
    await room.says("agent", OTHER)
    await room.until("utterance.final", lambda said: said["text"] == OTHER)
    told = [
        said["text"] for said in room.all("utterance.final") if said["participant"] == room.people["customer"]["id"]
    ]
    assert not [text for text in told if text in SHORT]


async def rows_12_and_13(room: Room) -> None:
    """A coach is ignored; muted it is silent, and the panel is told why."""
    await room.invite()
    conference = room.told[0]["conference_sid"]
    coach = room.people["supervisor"]["call_sid"]
    form = {"Coaching": "true", "CallSidToCoach": room.people["agent"]["call_sid"]}
    await room.line.rest(f"/Conferences/{conference}/Participants/{coach}", **form)
    await room.until("participant.updated", lambda told: told["coaching"])
    await room.says("supervisor", ASKS)
    await room.until("utterance.final", lambda said: said["text"] == ASKS)
    await room.ask("POST", "/mute")
    await room.says("customer", ASKS_AT_THE_END)
    await room.until("assistant.state", lambda told: told["note"] == "muted")
    assert not (await room.recorded()).sounds()
    await room.ask("POST", "/unmute")
    await room.says("agent", ASKS)
    assert (await room.turn(1))["to"] == room.people["agent"]["id"]
    assert len((await room.recorded()).sounds()) == 1


async def rows_14_and_16(room: Room) -> None:
    """Asked only: not by its name, but by the panel; then it waits for a pause, five seconds at most."""
    await room.invite(speaks="asked")
    await room.says("agent", ASKS)
    await room.until("utterance.final", lambda said: said["text"] == ASKS)
    _, end = await room.says("customer", TALKS)
    await room.until("utterance.partial", lambda said: said["text"].startswith("So I"))
    await room.ask("POST", "/prompts", {"text": "Say the policy."})
    assert (await room.turn(1))["why"] == "asked"
    [(begin, _)] = (await room.recorded()).sounds()
    assert ms(begin - end) >= QUIET_MS
    begin, end = await room.says("customer", TALKS_LONG)
    await room.until(
        "utterance.partial",
        lambda said: said["text"].startswith("So I went") and said["id"] != first_said(room, TALKS),
    )
    await room.ask("POST", "/prompts", {"text": "Say the policy."})
    await room.turn(2)
    [(sounded, _)] = (await room.recorded()).sounds(begin)
    assert ms(sounded - begin) > 4_500
    assert sounded < end


async def row_15(room: Room) -> None:
    """Always: at the end of any human's turn, when it is quiet."""
    await room.invite(speaks="always")
    _, end = await room.says("customer", PARCEL)
    assert (await room.turn(1))["why"] == "always"
    [(begin, _)] = (await room.recorded()).sounds()
    assert ms(begin - end) >= QUIET_MS


async def row_17(room: Room) -> None:
    """Coaching the agent: the customer is not answered, and hears nothing of it."""
    await room.invite(announce="none", audience="agent")
    await room.says("customer", ASKS_AT_THE_END)
    await room.until("utterance.final", lambda said: said["text"] == ASKS_AT_THE_END)
    for label in ("agent", "customer"):
        await room.record(room.people[label]["call_sid"], "hears")
    _, asked = await room.says("agent", ASKS)
    turn = await room.turn(1)
    assert (turn["to"], turn["heard"]) == (room.people["agent"]["id"], SHORT)
    heard = {
        label: (await room.recorded(room.people[label]["call_sid"], "hears")).sounds(asked + 5) for label in room.people
    }
    assert (len(heard["agent"]), heard["customer"]) == (1, [])


async def row_18(room: Room) -> None:
    """Who does not want it is rid of it, with a goodbye."""
    await room.invite()
    await room.says("customer", NO_AI)
    assert (await room.until("assistant.left"))["reason"] == "not_wanted"
    turn = await room.turn(1)
    assert (turn["why"], turn["heard"]) == ("goodbye", GOODBYE)
    assert len((await room.recorded()).sounds()) == 1


async def row_19(room: Room) -> None:
    """Thinking for long is covered by a word; for very long it is given up, and the panel is told."""
    await room.invite()
    _, asked = await room.says("agent", ASKS_SLOW)
    assert (await room.turn(1))["heard"] == f"{FILLER} {SHORT}"
    filler, answer, *_ = (await room.recorded()).sounds(apart_ms=0)
    assert ms(filler[0] - asked) >= 4_000
    assert answer[0] > filler[1]
    await room.says("agent", ASKS_NEVER)
    await room.until("assistant.state", lambda told: told["note"] == "gave_up")
    assert (await room.turn(2))["heard"] == FILLER


async def row_20(room: Room) -> None:
    """With the last human it goes."""
    await room.invite()
    for label in ("agent", "customer"):
        await room.line.hang_up(room.people[label]["call_sid"])
    assert (await room.until("assistant.left"))["reason"] in ("last_human_left", "conference_ended")


def first_said(room: Room, phrase: str) -> str:
    """The id of that utterance."""
    return str(next(said["id"] for said in room.all("utterance.final") if said["text"] == phrase))


# The longest first, so that nothing is left over at the end.
ROWS: tuple[tuple[Callable[[Room], Awaitable[None]], tuple[str, ...]], ...] = (
    (rows_12_and_13, ("agent", "customer", "supervisor")),
    *(
        (rows, ("agent", "customer"))
        for rows in (
            row_19, rows_14_and_16, rows_1_to_4, rows_5_and_6, rows_9_and_10, rows_7_and_8, row_17, row_11, row_15,
            row_18, row_20,
        )
    ),
)  # fmt: skip


@pytest.mark.timeout(240)
async def test_the_twenty_situations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Announcements take no time; what fails is told row by row."""
    monkeypatch.setattr(notice, "BEFORE_IT_STARTS_S", 0.0)
    monkeypatch.setattr(notice, "SPOKEN_CHARS_PER_S", 1_000)
    book = PhraseBook(tmp_path, *PHRASES)
    failures: list[Exception] = []
    at_once = asyncio.Semaphore(CALLS_AT_ONCE)
    async with running_line(tmp_path, BookRecogniser(book), Engines(Model(), BookVoice(book))) as line:

        async def play(rows: Callable[[Room], Awaitable[None]], labels: tuple[str, ...]) -> None:
            room = Room(line, book, rows.__name__.replace("_", "-"))
            try:
                async with at_once, room.there(*labels):
                    await rows(room)
            except* Exception as failed:  # noqa: BLE001 - all rows are played, and then what failed is told
                failed.add_note(f"{rows.__name__}: {[(one['type'], one['data']) for one in room.told[-12:]]}")
                failures.append(failed)

        async with asyncio.TaskGroup() as tasks:
            for rows, labels in ROWS:
                tasks.create_task(play(rows, labels), name=rows.__name__)
    if failures:
        raise ExceptionGroup("rows that failed", failures)
