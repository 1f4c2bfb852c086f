"""A recogniser that hears numbered words (``tests.emulated_deepgram.ears``) and fails to order: an oracle for replay.

As real ones do, each of its sessions places words a little elsewhere and words them differently.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable

from sidecar.domain.errors import RecogniserUnavailable
from sidecar.domain.events import Word
from sidecar.ports.recogniser import Figure, FinalResult, PartialResult, Result, SpeechStarted, Traits
from tests.emulated_deepgram.ears import Heard, NumberedEar

PAUSE_MS = 300
WORDINGS = ("w{}", "W{}.", "word {}")


class NumberedStream:
    """One session. ``breaks_after``: words that it hears before the connection is gone; None: it never is."""

    def __init__(self, *, jitter: random.Random, jitter_ms: int, word_times: bool, breaks_after: int | None) -> None:
        self._jitter = jitter
        self._jitter_ms = jitter_ms
        self._word_times = word_times
        self._breaks_after = breaks_after
        self._wording = jitter.choice(WORDINGS)
        self._ear = NumberedEar()
        self._segment = -1
        self._said: list[Word] = []
        self._last_ms = 0  # the true end of the last word
        self._heard_words = 0
        self._results: asyncio.Queue[Result | RecogniserUnavailable | None] = asyncio.Queue()
        self.deaf = False  # takes audio, tells nothing more
        self.stuck = False  # lets nothing out of what it takes
        self._waiting_ms = 0
        self.heard_ms = self.longest_ms = 0

    @property
    def noticed_ms(self) -> int:
        return 0 if self.deaf else self._ear.settled_ms

    def send(self, audio: bytes) -> None:
        if self.stuck:
            self._waiting_ms += len(audio) // 8
            if self._waiting_ms > 3_000:
                raise RecogniserUnavailable("It takes no audio.", code="recogniser_stuck")
            return
        self.heard_ms += len(audio) // 8
        self.longest_ms = max(self.longest_ms, len(audio) // 8)
        if self.deaf:
            return
        for at in range(0, len(audio), 800):
            for heard in self._ear.feed(audio[at : at + 800]):
                self._hear(heard)
            if self._said and self._ear.settled_ms - self._last_ms >= PAUSE_MS:
                self._final()

    async def finish(self) -> None:
        if self._said:
            self._final()
        self._results.put_nowait(None)

    async def results(self) -> AsyncIterator[Result]:
        while (result := await self._results.get()) is not None:
            if isinstance(result, RecogniserUnavailable):
                raise result
            yield result

    async def close(self) -> None:
        self._results.put_nowait(None)

    def break_off(self) -> None:
        """The connection is gone, with all that was not final."""
        self._results.put_nowait(RecogniserUnavailable("The line was cut.", code="cut"))

    def _hear(self, heard: Heard) -> None:
        start_ms = max(0, heard.start_ms + self._jitter.randint(-self._jitter_ms, self._jitter_ms))
        word = Word(self._wording.format(heard.text[1:]), start_ms, start_ms + heard.end_ms - heard.start_ms)
        self._last_ms = heard.end_ms
        if not self._said:
            self._segment += 1
            self._results.put_nowait(SpeechStarted(segment=self._segment, start_ms=start_ms))
        self._said.append(word)
        text = " ".join(one.text for one in self._said)
        words = tuple(self._said) if self._word_times else ()
        first_ms = self._said[0].start_ms
        self._results.put_nowait(
            PartialResult(segment=self._segment, start_ms=first_ms, end_ms=word.end_ms, text=text, words=words)
        )
        self._heard_words += 1
        if self._breaks_after is not None and self._heard_words >= self._breaks_after:
            self.break_off()

    def _final(self) -> None:
        said, self._said = self._said, []
        self._results.put_nowait(
            FinalResult(
                segment=self._segment,
                start_ms=said[0].start_ms,
                end_ms=said[-1].end_ms,
                text=" ".join(word.text for word in said),
                words=said if self._word_times else (),
                told_to_ms=self._ear.settled_ms,
            )
        )


class NumberedRecogniser:
    """``breaks``: asked at each session after how many words it breaks. ``refusals``: raised first, one per session."""

    def __init__(
        self,
        engine: str = "numbered",
        *,
        traits: Traits | None = None,
        seed: int = 0,
        jitter_ms: int = 150,
        breaks: Callable[[], int | None] = lambda: None,
    ) -> None:
        self.engine = engine
        self.traits = traits or Traits(replay_speed=1.2, word_times=True)
        self._jitter = random.Random(seed)
        self._jitter_ms = jitter_ms
        self._breaks = breaks
        self.refusals: list[RecogniserUnavailable] = []
        self.away: RecogniserUnavailable | None = None  # raised for as long as it is set
        self.opens_deaf = self.opens_stuck = False
        self.streams: list[NumberedStream] = []

    def check(self) -> None:
        if self.away is not None:
            raise self.away.again()

    def figures(self) -> list[Figure]:
        return []

    async def open(self) -> NumberedStream:
        self.check()
        if self.refusals:
            raise self.refusals.pop(0)
        stream = NumberedStream(
            jitter=self._jitter,
            jitter_ms=self._jitter_ms,
            word_times=self.traits.word_times,
            breaks_after=self._breaks(),
        )
        stream.deaf, stream.stuck = self.opens_deaf, self.opens_stuck
        self.streams.append(stream)
        return stream

    async def close(self) -> None:
        """Nothing to free."""
