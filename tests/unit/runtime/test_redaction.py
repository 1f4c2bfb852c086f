"""What is said in two or three goes is judged as a whole; what waits for its rest is not lost, nor told as stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from sidecar.adapters.sql import Database
from sidecar.adapters.sql.directory import SqlDirectory
from sidecar.adapters.sql.event_log import SqlEventLog
from sidecar.domain.assistant.events import AssistantTurn
from sidecar.domain.events import EventData, TranscriptGap, UtteranceFinal, UtterancePartial, Word
from sidecar.domain.redaction.rules import Kind, Policy, Rules
from sidecar.ports.directory import BoundFork, Directory
from sidecar.runtime.event_bus import EventBus, conference_topic
from sidecar.runtime.event_writer import EventWriter
from sidecar.runtime.recorder import Recorder
from sidecar.runtime.redaction import CONTINUES_WITHIN_S, REMEMBERED_S, WAITS_MOST_S
from tests.facts import NOON, open_call, utterance
from tests.fakes import FakeClock
from tests.virtual_time import timeless

pytestmark = pytest.mark.virtual_time

HALF = "my card is four one one one one one one one"
REST = "one one one one one one one one thank you"


class Rig:
    """A recorder on a real store, and everything that was told."""

    def __init__(self, recorder: Recorder, directory: Directory, log: SqlEventLog, bound: BoundFork) -> None:
        self.recorder = recorder
        self.bound = bound
        self.directory = directory
        self.log = log
        self.told: list[EventData] = []

    def say(self, index: int, text: str, **changes: object) -> None:
        """A final of the fork."""
        said = utterance(self.bound, index, text=text)
        self.recorder.record_soon(msgspec.structs.replace(said, **changes))

    def partly(self, text: str) -> None:
        """A partial of the fork."""
        who = self.bound.participant.id
        self.recorder.tell([UtterancePartial(id="utt_p", participant=who, start_ms=0, end_ms=0, text=text, lag_ms=0)])

    async def stored(self) -> list[str]:
        """The texts in the store; a gap is "gap"."""
        await asyncio.sleep(0.1)
        data = [event.data for event in await self.log.read(self.bound.conference.id)]
        return [fact.text if isinstance(fact, UtteranceFinal) else "gap" for fact in data]

    async def covered_ms(self) -> int:
        """What the store says of the fork."""
        await asyncio.sleep(1.0)
        [fork] = await self.directory.forks(self.bound.conference.id)
        return fork.covered_ms


@asynccontextmanager
async def recording(database: Database, policy: Policy | None = None) -> AsyncIterator[Rig]:
    """Everything that is told, by the bus, is in ``told``."""
    log, bus, clock = timeless(SqlEventLog(database)), EventBus(), FakeClock(NOON)
    directory = timeless(SqlDirectory(database))
    bound = await open_call(directory)
    writer = EventWriter(log, bus, clock)
    rules = Rules(policy or Policy())
    recorder = Recorder(bound.conference, writer=writer, bus=bus, clock=clock, rules=lambda: rules)
    rig = Rig(recorder, directory, log, bound)
    async with asyncio.TaskGroup() as tasks:
        storing = tasks.create_task(writer.run())
        listening = tasks.create_task(_listen(bus, rig))
        await asyncio.sleep(0)
        yield rig
        recorder.release(bound.fork.id)
        assert await writer.flush(5)
        storing.cancel()
        listening.cancel()


async def _listen(bus: EventBus, rig: Rig) -> None:
    with bus.subscribe([conference_topic(rig.bound.conference.id)]) as subscription:
        while True:
            rig.told += [told.event.data for told in await subscription.next_batch()]


async def test_a_whole_number_is_masked_in_text_and_words_at_once(database: Database) -> None:
    """The words keep their times."""
    spoken = ["pay", "with", "4111", "1111", "1111", "1111", "please"]
    words = [Word(text, n * 100, n * 100 + 80) for n, text in enumerate(spoken)]
    async with recording(database) as rig:
        rig.say(0, "Pay with 4111 1111 1111 1111, please.", words=words)
        assert await rig.stored() == ["Pay with [card number], please."]
        [final] = [event.data for event in await rig.log.read(rig.bound.conference.id)]
    assert isinstance(final, UtteranceFinal)
    assert [word.text for word in final.words] == ["pay", "with", *["[card number]"] * 4, "please"]
    assert [(word.start_ms, word.end_ms) for word in final.words] == [(w.start_ms, w.end_ms) for w in words]


async def test_a_number_said_in_two_goes_is_masked_in_both(database: Database) -> None:
    async with recording(database) as rig:
        rig.say(0, HALF)
        assert await rig.stored() == []
        rig.say(2, REST)
        assert await rig.stored() == ["my card is [card number]", "[card number] thank you"]


async def test_a_number_said_in_three_goes_with_a_correction_is_masked_in_all(database: Database) -> None:
    async with recording(database) as rig:
        for index, text in enumerate(
            ["four one one one one one", "one one one two no sorry", "one one one one one one one"]
        ):
            rig.say(index, text)
            await asyncio.sleep(CONTINUES_WITHIN_S * 0.9)
        assert await rig.stored() == ["[card number]"] * 3


async def test_what_goes_on_with_other_words_waits_no_longer(database: Database) -> None:
    """The first words of the next partial say so; digits instead make it wait for their end."""
    async with recording(database) as rig:
        rig.say(0, "it is order 4567")
        rig.partly("thank you")
        assert await rig.stored() == ["it is order 4567"]
        rig.say(1, HALF)
        for _ in range(3):
            await asyncio.sleep(CONTINUES_WITHIN_S * 0.9)
            rig.partly("one one one")
        rig.say(9, REST)
        assert (await rig.stored())[1:] == ["my card is [card number]", "[card number] thank you"]


async def test_without_continuation_it_is_told_after_three_seconds(database: Database) -> None:
    async with recording(database) as rig:
        rig.say(0, "it is order 4567")
        await asyncio.sleep(CONTINUES_WITHIN_S * 0.9)
        assert await rig.stored() == []
        await asyncio.sleep(CONTINUES_WITHIN_S * 0.2)
        assert await rig.stored() == ["it is order 4567"]


async def test_nothing_waits_for_ever(database: Database) -> None:
    """Somebody counts on and on."""
    async with recording(database) as rig:
        rig.say(0, "1234")
        for _ in range(round(WAITS_MOST_S)):
            await asyncio.sleep(1)
            rig.partly("five six seven")
        assert await rig.stored() == ["1234"]


async def test_the_rest_of_a_number_that_comes_too_late_is_masked_all_the_same(database: Database) -> None:
    """So the number is never whole anywhere. After half a minute it is something else."""
    async with recording(database) as rig:
        rig.say(0, HALF)
        await asyncio.sleep(CONTINUES_WITHIN_S * 2)
        rig.say(8, REST)
        assert await rig.stored() == [HALF, "[card number] thank you"]
        rig.say(10, HALF)
        await asyncio.sleep(CONTINUES_WITHIN_S + REMEMBERED_S + 1)
        rig.say(50, "and one one one one is my pin")
        assert (await rig.stored())[2:] == [HALF, "and one one one one is my pin"]


async def test_coverage_is_not_told_of_what_waits(database: Database) -> None:
    """Killed meanwhile, the next process finds it uncovered: heard again, or a gap, but never silently lost."""
    async with recording(database) as rig:
        rig.say(1, "it is order 4567")  # from 1,000 to 1,900 ms
        rig.recorder.cover(rig.bound.fork.id, 2_500)
        assert await rig.covered_ms() == 1_000
        assert await rig.stored() == []
        await asyncio.sleep(CONTINUES_WITHIN_S)
        assert await rig.covered_ms() == 2_500
        assert await rig.stored() == ["it is order 4567"]


async def test_a_gap_behind_what_waits_waits_too_and_covers_nothing_before(database: Database) -> None:
    async with recording(database) as rig:
        fork, who = rig.bound.fork.id, rig.bound.participant.id
        rig.say(0, HALF)
        gap = TranscriptGap(participant=who, fork=fork, from_ms=900, to_ms=1_000, reason="media_missing")
        rig.recorder.record_soon(gap)
        assert await rig.covered_ms() == 0
        rig.say(1, REST)
        assert await rig.stored() == ["my card is [card number]", "gap", "[card number] thank you"]
        rig.say(3, "it is order 4567")
        stored = rig.recorder.hand_in([gap])  # the conference machine's own: the stream was lost
        await stored
        assert (await rig.stored())[3:] == ["it is order 4567", "gap"]


async def test_the_end_of_a_call_waits_for_nothing(database: Database) -> None:
    """Settling, before the transcript is added up, stores what waits."""
    async with recording(database) as rig:
        rig.say(0, "it is order 4567")
        await rig.recorder.settle()
        assert await rig.stored() == ["it is order 4567"]


async def test_partials_show_no_four_digits_in_a_row(database: Database) -> None:
    async with recording(database) as rig:
        for text in ["my number is four one", "my number is four one one one", "at 10:30 for 250 dollars"]:
            rig.partly(text)
            await asyncio.sleep(0.5)
    texts = [fact.text for fact in rig.told if isinstance(fact, UtterancePartial)]
    assert texts == ["my number is four one", "my number is [number]", "at 10:30 for 250 dollars"]


async def test_an_answer_to_a_question_is_known_for_what_it_is(database: Database) -> None:
    """Nine digits in a row are many things, unless somebody has asked for the social security number."""
    async with recording(database) as rig:
        rig.say(0, "it is one two three four five six seven eight nine thanks")
        rig.say(1, "What is your social, please?")
        rig.say(2, "one two three four five six seven eight nine thanks")
        said = await rig.stored()
    assert said[0] == "it is one two three four five six seven eight nine thanks"
    assert said[2] == "[social security number] thanks"


async def test_the_assistant_s_words_are_redacted_too(database: Database) -> None:
    card = "4111 1111 1111 1111"
    async with recording(database) as rig:
        line = msgspec.structs.replace(utterance(rig.bound, 0), fork="", text=f"It is {card}.", cut=f"Or {card}?")
        turn = AssistantTurn(
            assistant="ast_1", participant=rig.bound.participant.id, utterance=line.id, start_ms=0, end_ms=1,
            text=f"It is {card}. Or {card}?", heard=f"It is {card}.", why="addressed", outcome="completed",
        )  # fmt: skip
        await rig.recorder.record(line, turn)
        [told_line, told_turn] = [event.data for event in await rig.log.read(rig.bound.conference.id)]
        assert rig.recorder.redacted(card) == "[card number]"
    assert isinstance(told_line, UtteranceFinal)
    assert isinstance(told_turn, AssistantTurn)
    assert (told_line.text, told_line.cut) == ("It is [card number].", "Or [card number]?")
    assert (told_turn.text, told_turn.heard) == ("It is [card number]. Or [card number]?", "It is [card number].")


@pytest.mark.parametrize("kinds", [frozenset[Kind](), frozenset({Kind.EMAIL})])
async def test_who_wants_no_numbers_hidden_waits_for_none(database: Database, kinds: frozenset[Kind]) -> None:
    async with recording(database, Policy(kinds=kinds)) as rig:
        rig.say(0, HALF)
        rig.partly(REST)
        assert await rig.stored() == [HALF]
    assert [fact.text for fact in rig.told if isinstance(fact, UtterancePartial)] == [REST]
