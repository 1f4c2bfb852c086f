"""How engines are found and built: an entry point in one of four groups names a factory.

    [project.entry-points."sidecar.voices"]
    parrot = "parrot_voice:open_voice"

A factory takes EngineSettings and gives an asynchronous context manager: entered when the service starts, left when it
stops. It raises the error of its port when it is known that the engine cannot work here. Ours register the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

from sidecar.ports.chat_model import ChatModel
from sidecar.ports.realtime import RealtimeModel
from sidecar.ports.recogniser import Recogniser
from sidecar.ports.voice import Voice

RECOGNISERS = "sidecar.recognisers"
CHAT_MODELS = "sidecar.chat_models"
VOICES = "sidecar.voices"
REALTIME_MODELS = "sidecar.realtime_models"


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """What the operator has set, as far as engines want to know. docs/settings.md says what each means."""

    language: str = "en"
    keyterms: tuple[str, ...] = ()
    stt_max_sessions: int = 0
    local_model: Path | None = None
    local_workers: int = 0
    llm_base_url: str = ""
    llm_api_key: str = field(default="", repr=False)
    llm_model: str = ""
    realtime_model: str = ""
    voice_name: str = ""
    voice_model: str = ""
    deepgram_api_key: str = field(default="", repr=False)
    deepgram_base_url: str = "https://api.deepgram.com"
    openai_api_key: str = field(default="", repr=False)
    openai_base_url: str = "https://api.openai.com/v1"

    @property
    def english(self) -> bool:
        """Whether English is spoken: the local engines know no other language."""
        return self.language.lower().partition("-")[0] == "en"


RecogniserFactory = Callable[[EngineSettings], AbstractAsyncContextManager[Recogniser]]
ChatModelFactory = Callable[[EngineSettings], AbstractAsyncContextManager[ChatModel]]
VoiceFactory = Callable[[EngineSettings], AbstractAsyncContextManager[Voice]]
RealtimeModelFactory = Callable[[EngineSettings], AbstractAsyncContextManager[RealtimeModel]]
