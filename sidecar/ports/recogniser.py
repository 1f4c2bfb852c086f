"""Speech to text: a session that takes mu-law audio and gives partial and final results."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Literal, Protocol

import msgspec

from sidecar.domain.events import Word

# All *_ms of results count audio since the first byte sent to the session (8 bytes are 1 ms).


class SpeechStarted(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody began to speak. ``segment`` numbers the stretches of speech of a session, from 0."""

    segment: int
    start_ms: int


class PartialResult(msgspec.Struct, frozen=True, kw_only=True):
    """The whole present text of a segment; ``words``: where the engine tells them."""

    segment: int
    start_ms: int
    end_ms: int
    text: str
    words: Sequence[Word] = ()


class FinalResult(msgspec.Struct, frozen=True, kw_only=True):
    """The text of a finished segment. Empty text: it was not speech.

    ``told_to_ms``: all that was said up to here is told with this; None: up to ``end_ms``.
    """

    segment: int
    start_ms: int
    end_ms: int
    text: str
    words: Sequence[Word] = ()
    confidence: float | None = None
    told_to_ms: int | None = None


class Unrecognised(msgspec.Struct, frozen=True, kw_only=True):
    """A segment of which there will be no text. ``reason``: a key of domain.events.GAP_REASONS."""

    segment: int
    start_ms: int
    end_ms: int
    reason: str


Result = SpeechStarted | PartialResult | FinalResult | Unrecognised


class Figure(msgspec.Struct, frozen=True):
    """A number for operators. ``name`` in snake_case with its unit; a counter only grows, a gauge goes up and down."""

    name: str
    kind: Literal["counter", "gauge"]
    meaning: str
    value: float


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """What one has to know of an engine to let it hear old audio again, and to leave it before it leaves us.

    ``replay_speed``: it takes old audio so many times as fast as it was said; None: all at once. ``word_times``: finals
    tell their words. ``rotate_after_s``: a session is replaced in a pause of speech after so much audio; None: never.
    """

    replay_speed: float | None = None
    word_times: bool = False
    rotate_after_s: float | None = None


class RecogniserStream(Protocol):
    """One session for one participant. Every SpeechStarted is followed by one FinalResult or Unrecognised."""

    @property
    def noticed_ms(self) -> int:
        """Audio up to here holds no speech that is unknown: not begun as a segment, and not absent for certain.

        Never more than what was sent; what lies beyond it is lost when the session breaks.
        """
        ...

    def send(self, audio: bytes) -> None:
        """More mu-law 8 kHz audio, at most some 250 ms of it, in order. Takes it at once, and waits for nothing.

        Raises RecogniserUnavailable when so much is waiting in it that the engine must be stuck.
        """
        ...

    async def finish(self) -> None:
        """No more audio will come: speech in progress is finalised; ``results`` ends after its last result."""
        ...

    def results(self) -> AsyncIterator[Result]:
        """Results as they become known, finals in order of speech; to be iterated once.

        Ends after ``finish`` (behind the last result) or ``close``. Raises RecogniserUnavailable, behind what is still
        true, when the engine broke off.
        """
        ...

    async def close(self) -> None:
        """Let go at once; results not yet delivered are dropped. May be called twice."""
        ...


class Recogniser(Protocol):
    """An engine that opens sessions. Built once per process."""

    @property
    def engine(self) -> str:
        """Short stable name, stored with each utterance: ``local``, ``deepgram``."""
        ...

    @property
    def traits(self) -> Traits:
        """How it behaves."""
        ...

    def check(self) -> None:
        """Raises RecogniserUnavailable when it is known, without asking anybody, that ``open`` would fail now."""
        ...

    def figures(self) -> Sequence[Figure]:
        """What this engine counts, for operators; the names are those of its metrics."""
        ...

    async def open(self) -> RecogniserStream:
        """A new session. Raises RecogniserUnavailable."""
        ...

    async def close(self) -> None:
        """Free models and threads. Streams must be closed before."""
        ...
