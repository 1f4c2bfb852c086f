"""Phrases as sounds: callers play them, and a recogniser that knows the book gives the words back. No model, no voice.

Each phrase has a pitch of its own, so who says what, and when, is decided by the audio alone, as with real speech.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from sidecar.ports.recogniser import Figure, FinalResult, PartialResult, Result, SpeechStarted, Traits
from sidecar.speech import g711

MS_PER_WORD = 300
CHUNK_MS = 100
FIRST_HZ, STEP_HZ = 260, 20  # lower ones are no voice to a detector; multiples of 10 have whole periods in 100 ms
LOUD = 2_000.0
NOISE = "~"  # a phrase of these is sound without words


class PhraseBook:
    """``phrases`` are numbered by their order."""

    def __init__(self, folder: Path, *phrases: str) -> None:
        self.phrases = phrases
        self._folder = folder

    def wav(self, phrase: str) -> str:
        """A recording of it, as a path; it lasts MS_PER_WORD a word."""
        path = self._folder / f"phrase{self.phrases.index(phrase)}.wav"
        if not path.exists():
            soundfile.write(path, self.sound(phrase), 8_000)
        return str(path)

    def sound(self, phrase: str) -> NDArray[np.float64]:
        """Its samples, of full scale 1."""
        at = np.arange(8 * MS_PER_WORD * len(phrase.split())) / 8_000
        pitch = FIRST_HZ + STEP_HZ * self.phrases.index(phrase)
        waves = [np.sin(2 * np.pi * pitch * harmonic * at) / harmonic for harmonic in range(1, 6)]
        samples: NDArray[np.float64] = 0.25 * np.sum(waves, axis=0)
        return samples

    def number_of(self, audio: bytes) -> int | None:
        """Which phrase this chunk of CHUNK_MS is of; None: silence, or noise."""
        samples = g711.decode(audio).astype(float)
        if np.sqrt(np.mean(samples**2)) < LOUD:
            return None
        spectrum = np.abs(np.fft.rfft(samples))
        loudest = [spectrum[(FIRST_HZ + STEP_HZ * n) // 10] for n in range(len(self.phrases))]
        found = int(np.argmax(loudest))
        return None if self.phrases[found].startswith(NOISE) else found


class BookStream:
    """One session."""

    def __init__(self, book: PhraseBook) -> None:
        self._book = book
        self._rest = b""
        self._heard_ms = 0
        self._segment = -1
        self._saying: tuple[int, int] | None = None  # which phrase, since when
        self._results: asyncio.Queue[Result | None] = asyncio.Queue()

    @property
    def noticed_ms(self) -> int:
        return self._heard_ms

    def send(self, audio: bytes) -> None:
        self._rest += audio
        while len(self._rest) >= 8 * CHUNK_MS:
            chunk, self._rest = self._rest[: 8 * CHUNK_MS], self._rest[8 * CHUNK_MS :]
            self._heard_ms += CHUNK_MS
            self._hear(self._book.number_of(chunk))

    def _hear(self, number: int | None) -> None:
        if self._saying is not None and number != self._saying[0]:
            self._final(*self._saying)
        if number is None:
            return
        if self._saying is None:
            self._segment += 1
            self._saying = (number, self._heard_ms - CHUNK_MS)
            self.tell(SpeechStarted(segment=self._segment, start_ms=self._saying[1]))
        since = self._saying[1]
        words = self._book.phrases[number].split()[: (self._heard_ms - since) // MS_PER_WORD]
        if words:
            self.tell(PartialResult(segment=self._segment, start_ms=since, end_ms=self._heard_ms, text=" ".join(words)))

    def tell(self, result: Result) -> None:
        """It is known from now on."""
        self._results.put_nowait(result)

    def _final(self, number: int, since: int) -> None:
        end = self._heard_ms - CHUNK_MS
        self._saying = None
        share = (end - since + CHUNK_MS) // MS_PER_WORD
        text = " ".join(self._book.phrases[number].split()[: max(1, share)])
        self.tell(FinalResult(segment=self._segment, start_ms=since, end_ms=end, text=text))

    async def finish(self) -> None:
        if self._saying is not None:
            self._final(*self._saying)
        self._results.put_nowait(None)

    async def results(self) -> AsyncIterator[Result]:
        while (result := await self._results.get()) is not None:
            yield result

    async def close(self) -> None:
        self._results.put_nowait(None)


class BookRecogniser:
    """Hears the phrases of its book."""

    engine = "book"
    traits = Traits()

    def __init__(self, book: PhraseBook) -> None:
        self._book = book

    def check(self) -> None:
        """It always works."""

    def figures(self) -> list[Figure]:
        return []

    async def open(self) -> BookStream:
        return BookStream(self._book)

    async def close(self) -> None:
        """Nothing to free."""


class BookVoice:
    """Speaks the phrases of the book as callers play them; what it says else has the sound of the last phrase."""

    engine = "book"

    def __init__(self, book: PhraseBook) -> None:
        self._book = book

    async def speak(self, text: str) -> AsyncGenerator[bytes, None]:
        """All of it at once."""
        phrase = text if text in self._book.phrases else self._book.phrases[-1]
        samples = np.resize(self._book.sound(phrase), 8 * MS_PER_WORD * len(text.split()))
        yield g711.encode((samples * 32_767).astype(np.int16))

    async def close(self) -> None:
        """Nothing to free."""
