"""Text to speech: a sentence in, telephone audio out while it is spoken."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol


class Voice(Protocol):
    """An engine that speaks. Built once per process; several turns may be spoken at once."""

    @property
    def engine(self) -> str:
        """Short stable name, stored with each turn: ``local``, ``aura``, ``openai``."""
        ...

    def speak(self, text: str) -> AsyncGenerator[bytes, None]:
        """Audio of the text: mu-law, 8 kHz, no header, pieces of any size but empty, as fast as they are made.

        Plain text, one sentence or several. Text without anything to say yields nothing. Nothing happens before the
        first iteration; ``aclose`` stops the engine at once, and so does cancelling whoever iterates. Raises
        VoiceFailed, behind the audio that came before; every wait inside is bounded.
        """
        ...

    async def close(self) -> None:
        """Free models and connections. Nothing may be spoken any more. May be called twice."""
        ...
