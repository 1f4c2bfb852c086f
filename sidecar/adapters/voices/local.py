"""The voice that needs no account: a model in threads, which the event loop never waits for. English.

A turn is spoken sentence by sentence: the first is out while the others are not begun, and whoever stops listening
stops all work behind the sentence under way. Turns share the threads, a sentence each in its turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

from sidecar.domain.errors import VoiceFailed
from sidecar.ports.engines import EngineSettings
from sidecar.speech import local_voice

# One thread makes some ten seconds of speech in a second; the second keeps a long sentence from holding up a short one.
WORKERS = 2
LOAD_TIMEOUT_S = 30.0
SENTENCE_TIMEOUT_S = 10.0  # a tenth of it at work, the rest in the queue behind other turns' sentences
_WARM_UP = "Hello."  # the first sentence pays for dictionaries and memory that later ones reuse
T = TypeVar("T")


class Model(Protocol):
    """What the threads need of a model. Several call it at once, of one turn's iterator only one at a time."""

    def sentences(self, text: str) -> Iterator[bytes]:
        """Mu-law audio of one sentence after another, none empty."""
        ...


class LocalVoice:
    """Behind the Voice port. Loading begins at once; what is to be spoken meanwhile waits for it."""

    engine = "local"

    def __init__(self, load: Callable[[], Model], *, sentence_timeout_s: float = SENTENCE_TIMEOUT_S) -> None:
        """``load`` is called in a thread; when it fails, every ``speak`` does."""
        self._timeout_s = sentence_timeout_s
        # Its queue holds one sentence of each turn under way, so it is as long as there are assistants that speak.
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="voice")
        self._loading = self._threads.submit(_loaded, load)
        self._closed = False

    async def speak(self, text: str) -> AsyncGenerator[bytes, None]:
        """A sentence at a time. Raises VoiceFailed."""
        model = await self._bounded(LOAD_TIMEOUT_S, self._loading)
        if isinstance(model, VoiceFailed):
            raise VoiceFailed(model.message, code=model.code, next_step=model.next_step, permanent=model.permanent)
        turn = model.sentences(text)
        while not self._closed:
            audio = await self._bounded(self._timeout_s, self._threads.submit(self._next, turn))
            if not audio:
                return
            yield audio

    async def close(self) -> None:
        """Wait for the sentences under way, a second at most; those that wait are not begun."""
        self._closed = True
        await asyncio.to_thread(self._threads.shutdown)

    def _next(self, turn: Iterator[bytes]) -> bytes:
        """In a thread: the next sentence's audio, nothing behind the last."""
        return b"" if self._closed else next(turn, b"")

    async def _bounded(self, timeout_s: float, work: Future[T]) -> T:
        """What a thread gives us. If we do not wait for it any more, it is not begun unless others wait for it too."""
        waiting = asyncio.wrap_future(work)
        try:
            async with asyncio.timeout(timeout_s):
                return await (asyncio.shield(waiting) if work is self._loading else waiting)
        except TimeoutError:
            raise VoiceFailed(
                f"The local voice did not get to a sentence within {timeout_s:g} s.",
                code="voice_overloaded",
                next_step="This machine has more to do than it can: use another voice, or fewer assistants at once.",
            ) from None
        except Exception as error:
            raise VoiceFailed(f"The local voice failed ({type(error).__name__}).") from error


def start_local_voice() -> LocalVoice:
    """Check what can be checked at once, begin to load, and return. Raises VoiceFailed for want of a wheel."""
    try:
        local_voice.check_local_voice()
    except local_voice.VoiceUnavailable as error:
        raise _unavailable(error) from None
    return LocalVoice(local_voice.load)


def _loaded(load: Callable[[], Model]) -> Model | VoiceFailed:
    """In a thread. A failure is handed over, not raised: perhaps nobody ever asks for it."""
    try:
        model = load()
        for _ in model.sentences(_WARM_UP):
            pass
    except local_voice.VoiceUnavailable as error:
        return _unavailable(error)
    return model


def _unavailable(error: local_voice.VoiceUnavailable) -> VoiceFailed:
    return VoiceFailed(error.message, code=error.code, next_step=error.next_step, permanent=True)


@asynccontextmanager
async def open_local(settings: EngineSettings) -> AsyncIterator[LocalVoice]:
    """The factory. Raises VoiceFailed for want of a wheel, and where another language than English is spoken."""
    if not settings.english:
        raise VoiceFailed(
            f"The local voice speaks English, not {settings.language}.",
            code="voice_language",
            next_step="Set DEEPGRAM_API_KEY or OPENAI_API_KEY, and SIDECAR_VOICE.",
            permanent=True,
        )
    voice = start_local_voice()
    try:
        yield voice
    finally:
        await voice.close()
