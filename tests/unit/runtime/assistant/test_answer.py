"""One answer on its way: what is made before there is room, when it sounds, the filler, failures. In virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from sidecar.domain.assistant.events import TurnLatency
from sidecar.domain.assistant.floor_orders import Answer, Why
from sidecar.domain.assistant.playback import Over
from sidecar.domain.errors import ChatModelFailed, VoiceFailed
from sidecar.ports.chat_model import TextPiece
from sidecar.ports.realtime import AudioPiece
from sidecar.runtime.assistant.answer import AHEAD_MS, FILLER, Answering
from sidecar.runtime.assistant.mind import Part
from sidecar.runtime.assistant.mouth import Mouth, Turn
from tests.fake_engines import TONE, FakeVoice

pytestmark = pytest.mark.virtual_time

MS_PER_CHARACTER = 60
FAILED = ChatModelFailed("It broke off.", code="chat_broken_off")
Script = Sequence[Part | float | ChatModelFailed]


class Line:
    """Plays in real time, and gives each mark back when it is reached. ``played_ms``: what sounded."""

    def __init__(self, speaking: Speaking) -> None:
        self._speaking = speaking
        self._free_at = 0.0
        self.played_ms = 0
        self.first_at_ms: int | None = None

    async def play(self, audio: bytes) -> None:
        if self.first_at_ms is None:
            self.first_at_ms = now_ms()
        self._free_at = max(self._free_at, asyncio.get_running_loop().time()) + len(audio) / 8_000
        self.played_ms += len(audio) // 8

    async def mark(self, name: str) -> None:
        asyncio.get_running_loop().call_at(self._free_at, self._speaking.mouth.marked, self, name)

    async def clear(self) -> None:
        raise AssertionError("nobody interrupts")

    async def close(self) -> None:
        """Nothing to close."""


def now_ms() -> int:
    return round(asyncio.get_running_loop().time() * 1000)


class Speaking:
    """A mouth on a line, and an answer to be thought over."""

    def __init__(self, voice: FakeVoice, *, exact: bool = False) -> None:
        self.ready: list[int] = []
        self.overs: list[Over] = []
        self.voice = voice
        self.mouth = Mouth(
            now_ms, on_sound=lambda _: None, on_heard=lambda _: None, on_over=self._over, stirred=self._stir
        )
        self.line = Line(self)
        order = Answer(turn="utt_1", why=Why.ADDRESSED, asked_by="par_1", prompt="", exact=exact)
        self.answering = Answering(order, mouth=self.mouth, voice=voice, chat_engine="fake", now_ms=now_ms)
        self.first_sound_ms: int | None = None
        self._stirred = asyncio.Event()

    async def say(self, *script: Part | float | ChatModelFailed) -> None:
        await self.answering.say(parts(script), lambda: self.ready.append(now_ms()))

    async def run(self) -> None:
        """As the conversation does: tick when it is due."""
        while True:
            self.mouth.tick()
            self._stirred.clear()
            due = self.mouth.next_ms()
            try:
                async with asyncio.timeout(None if due is None else max(0.001, (due - now_ms()) / 1000)):
                    await self._stirred.wait()
            except TimeoutError:
                pass

    def _stir(self) -> None:
        self._stirred.set()

    def _over(self, turn: Turn, over: Over) -> None:
        self.first_sound_ms = turn.first_sound_ms
        self.overs.append(over)


async def parts(script: Script) -> AsyncGenerator[Part, None]:
    """Parts of an answer, seconds to wait, and how it breaks off."""
    for step in script:
        match step:
            case ChatModelFailed():
                raise step
            case float():
                await asyncio.sleep(step)
            case _:
                yield step


@asynccontextmanager
async def speaking(voice: FakeVoice | None = None, *, exact: bool = False) -> AsyncIterator[Speaking]:
    one = Speaking(voice or FakeVoice(ms_per_character=MS_PER_CHARACTER), exact=exact)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(one.mouth.run(one.line)), tasks.create_task(one.run())]
        await asyncio.sleep(0)
        yield one
        for task in running:
            task.cancel()


async def test_what_is_ready_before_there_is_room_sounds_at_once_and_in_order_when_there_is() -> None:
    async with speaking() as one:
        await one.say("It takes five days.", "Not more.")
        await asyncio.sleep(2)
        assert one.line.played_ms == 0
        assert one.ready == [0]
        assert not one.answering.begun
        one.answering.may_sound()
        await asyncio.sleep(5)
        [over] = one.overs
        assert (over.heard, over.unheard) == ("It takes five days. Not more.", "")
        assert one.line.played_ms == MS_PER_CHARACTER * len("It takes five days.Not more.")
        latency = one.answering.latency(one.first_sound_ms)
        assert latency == TurnLatency(model=0, voice=0, waited=2_000, sent=0, total=2_000)


async def test_no_more_is_made_than_will_soon_be_sent() -> None:
    """What an interruption throws away was paid for."""
    sentence = "x" * (AHEAD_MS // MS_PER_CHARACTER)
    async with speaking() as one, asyncio.TaskGroup() as tasks:
        tasks.create_task(one.say(*[sentence] * 10))
        await asyncio.sleep(60)
        assert len(one.voice.spoken) == 2
        one.answering.may_sound()
        await asyncio.sleep(AHEAD_MS / 1000)
        assert len(one.voice.spoken) < 5
        await asyncio.sleep(60)
        assert len(one.voice.spoken) == 10
    assert one.overs[0].heard == " ".join([sentence] * 10)


async def test_what_it_says_meanwhile_goes_before_the_answer_and_is_no_part_of_the_model_s() -> None:
    async with speaking() as one, asyncio.TaskGroup() as tasks:
        tasks.create_task(one.say(5.0, "Five days."))
        await asyncio.sleep(4)
        await one.answering.fill(lambda: True)
        await asyncio.sleep(0.1)
        assert one.answering.begun
        assert one.line.first_at_ms == 4_000
        await asyncio.sleep(2)
        one.answering.may_sound()
    assert one.answering.text == f"{FILLER} Five days."
    assert one.answering.filler_ms == MS_PER_CHARACTER * len(FILLER)


@pytest.mark.parametrize("meanwhile", ["the answer came", "there was room", "the turn was dropped"])
async def test_a_filler_that_comes_too_late_is_not_heard(meanwhile: str) -> None:
    """A voice takes its time for it, too."""
    voice = FakeVoice(ms_per_character=MS_PER_CHARACTER, first_s=1.0)
    async with speaking(voice) as one, asyncio.TaskGroup() as tasks:
        tasks.create_task(one.say(0.0 if meanwhile == "the answer came" else 1.0, "Five days."))
        await asyncio.sleep(0.5)
        tasks.create_task(one.answering.fill(lambda: meanwhile != "the turn was dropped"))
        await asyncio.sleep(0.1)
        if meanwhile == "there was room":
            one.answering.may_sound()
        await asyncio.sleep(2)
        assert one.answering.begun == (meanwhile == "there was room")
        one.answering.may_sound()
        await asyncio.sleep(3)
        assert one.answering.text == "Five days."
        assert one.answering.filler_ms == 0
        assert one.line.played_ms == MS_PER_CHARACTER * len("Five days.")


async def test_words_and_sound_that_come_side_by_side_go_straight_through() -> None:
    """A realtime model's: no voice is asked."""
    async with speaking() as one:
        one.answering.may_sound()
        await one.say(TextPiece("Five "), AudioPiece(TONE * 4_000), TextPiece("days."), AudioPiece(TONE * 4_000))
        await asyncio.sleep(3)
        assert (one.overs[0].heard, one.line.played_ms) == ("Five days.", 1_000)
        assert one.voice.spoken == []


async def test_an_answer_without_a_sound_is_silent_and_exact_words_need_no_model() -> None:
    async with speaking(exact=True) as one:
        await one.say("…")
        assert one.answering.silent
        assert one.ready == []
        await one.say("Good morning.")
        assert not one.answering.silent
        assert one.answering.latency(None) == TurnLatency(model=None, voice=0, waited=None, sent=None, total=None)


async def test_a_model_or_voice_that_breaks_off_is_told_and_what_was_said_before_stands() -> None:
    """The turn has no end by itself then: whoever ordered it ends it."""
    voice = FakeVoice(ms_per_character=MS_PER_CHARACTER, failures=["This breaks off here."])
    async with speaking(voice) as one:
        one.answering.may_sound()
        with pytest.raises(ChatModelFailed):
            await one.say("Five days.", FAILED)
        with pytest.raises(VoiceFailed):
            await one.say("This breaks off here.", "And this is never said.")
        assert one.voice.spoken == ["Five days.", "This breaks off here."]
        await asyncio.sleep(3)
        assert one.overs == []
        assert one.mouth.sounding
        assert one.answering.text == "Five days. This breaks off here."
