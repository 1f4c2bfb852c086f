"""Finds engines by name among the entry points of what is installed, ours and others'. Loads only the one asked for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from importlib.metadata import entry_points
from typing import Any

from sidecar.domain.errors import SidecarError
from sidecar.ports.chat_model import ChatModel
from sidecar.ports.engines import CHAT_MODELS, REALTIME_MODELS, RECOGNISERS, VOICES, EngineSettings
from sidecar.ports.realtime import RealtimeModel
from sidecar.ports.recogniser import Recogniser
from sidecar.ports.voice import Voice


class EngineMissing(SidecarError):
    """No engine of that name is installed, or it cannot be loaded: ``engine_unknown``, ``engine_not_loaded``."""

    code = "engine_unknown"


def open_recogniser(name: str, settings: EngineSettings) -> AbstractAsyncContextManager[Recogniser]:
    """Raises EngineMissing; entering it may raise RecogniserUnavailable."""
    return _opened(RECOGNISERS, name, settings)


def open_chat_model(name: str, settings: EngineSettings) -> AbstractAsyncContextManager[ChatModel]:
    """Raises EngineMissing; entering it may raise ChatModelFailed."""
    return _opened(CHAT_MODELS, name, settings)


def open_voice(name: str, settings: EngineSettings) -> AbstractAsyncContextManager[Voice]:
    """Raises EngineMissing; entering it may raise VoiceFailed."""
    return _opened(VOICES, name, settings)


def open_realtime_model(name: str, settings: EngineSettings) -> AbstractAsyncContextManager[RealtimeModel]:
    """Raises EngineMissing; entering it may raise RealtimeFailed."""
    return _opened(REALTIME_MODELS, name, settings)


def _opened(group: str, name: str, settings: EngineSettings) -> AbstractAsyncContextManager[Any]:
    """Any: what a group's entry points make is for the group to promise (docs/assistant-engines.md)."""
    found = entry_points(group=group)
    if name not in found.names:
        raise EngineMissing(
            f"No engine {name} is installed in {group}; there are: {', '.join(sorted(found.names)) or 'none'}.",
            next_step="Install what brings it, or name another.",
        )
    try:
        open_engine: Callable[[EngineSettings], AbstractAsyncContextManager[Any]] = found[name].load()
    except (ImportError, AttributeError) as error:
        raise EngineMissing(
            f"The engine {name} of {group} cannot be loaded: {error}".rstrip(". ") + ".",
            next_step="Install what brings it anew.",
            code="engine_not_loaded",
        ) from error
    return open_engine(settings)
