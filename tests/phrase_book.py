"""Phrases as sounds: callers play them, and a recogniser that knows the book gives the words back. No model, no voice.

Each phrase has a pitch of its own, so who says what, and when, is decided by the audio alone, as with real speech.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import soundfile

from sidecar.ports.recogniser import Figure, FinalResult, PartialResult, Result, SpeechStarted, Traits
from sidecar.speech import g711

MS_PER_WORD = 300
CHUNK_MS = 100
FIRST_HZ, STEP_HZ = 260, 20  # lower ones are no voice to a detector; multiples of 10 have whole periods in 100 ms
LOUD = 2_000.0


class PhraseBook:
    """``phrases`` are numbered by their order."""

    def __init__(self, folder: Path, *phrases: str) -> None:
        self.phrases = phrases
        self._folder = folder

    def wav(self, phrase: str) -> str:
        """A recording of it, as a path; it lasts MS_PER_WORD a word."""
        number = self.phrases.index(phrase)
        path = self._folder / f"phrase{number}.wav"
        at = np.arange(8 * MS_PER_WORD * len(phrase.split())) / 8_000
        pitch = FIRST_HZ + STEP_HZ * number
        waves = [np.sin(2 * np.pi * pitch * harmonic * at) / harmonic for harmonic in range(1, 6)]
        soundfile.write(path, 0.25 * np.sum(waves, axis=0), 8_000)
        return str(path)

    def number_of(self, audio: bytes) -> int | None:
        """Which phrase this chunk of CHUNK_MS is of; None: silence."""
        samples = g711.decode(audio).astype(float)
        if np.sqrt(np.mean(samples**2)) < LOUD:
            return None
        spectrum = np.abs(np.fft.rfft(samples))
        loudest = [spectrum[(FIRST_HZ + STEP_HZ * n) // 10] for n in range(len(self.phrases))]
        return int(np.argmax(loudest))


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

    async def send(self, audio: bytes) -> None:
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
            self._results.put_nowait(SpeechStarted(segment=self._segment, start_ms=self._saying[1]))
        since = self._saying[1]
        words = self._book.phrases[number].split()[: (self._heard_ms - since) // MS_PER_WORD]
        if words:
            self._results.put_nowait(
                PartialResult(segment=self._segment, start_ms=since, end_ms=self._heard_ms, text=" ".join(words))
            )

    def _final(self, number: int, since: int) -> None:
        end = self._heard_ms - CHUNK_MS
        self._saying = None
        share = (end - since + CHUNK_MS) // MS_PER_WORD
        text = " ".join(self._book.phrases[number].split()[: max(1, share)])
        self._results.put_nowait(FinalResult(segment=self._segment, start_ms=since, end_ms=end, text=text))

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
