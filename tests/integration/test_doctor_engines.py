"""The doctor on the assistant's engines: a wrong key, a misspelt model and a missing wheel are found before a call."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sidecar.cli.children import free_ports
from sidecar.cli.doctor import engines as doctor_engines
from sidecar.config import Settings, load
from sidecar.domain.checkup import Check, Result

APP = {"TWILIO_TWIML_APP_SID": "AP" + "1" * 32}


@asynccontextmanager
async def models(answer: Any, status: int = 200) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that lists its models, and the keys that it was shown."""
    shown: list[str] = []

    async def listing(request: web.Request) -> web.Response:
        shown.append(request.headers.get("Authorization", ""))
        return web.json_response(answer, status=status)

    app = web.Application()
    app.router.add_get("/v1/models", listing)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = free_ports(1)
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/v1", shown
    finally:
        await runner.cleanup()


def settings_of(monkeypatch: pytest.MonkeyPatch, **given: str) -> Settings:
    for name, value in (APP | given).items():
        monkeypatch.setenv(name, value)
    return load()


async def examined(settings: Settings) -> dict[str, Check]:
    async with aiohttp.ClientSession() as http:
        return {check.name: check for check in await doctor_engines.checks(settings, http)}


async def test_where_nobody_can_invite_an_assistant_nothing_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await examined(load()) == {}
    assert await examined(settings_of(monkeypatch, SIDECAR_ASSISTANT="off")) == {}


async def test_without_any_key_the_engines_of_this_machine_are_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    settings = settings_of(monkeypatch)
    assert {name: check.result for name, check in (await examined(settings)).items()} == {
        "chat model": Result.OK,
        "voice": Result.OK,
    }
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "sanotts" else object())
    assert (await examined(settings))["voice"].result is Result.FAIL
    spanish = settings.model_copy(update={"language": "es"})
    assert "English" in (await examined(spanish))["voice"].detail


LISTED = {"data": [{"id": "llama3.2"}, {"id": "qwen3"}]}


@pytest.mark.parametrize(
    ("answer", "status", "model", "result", "told"),
    [
        (LISTED, 200, "llama3.2", Result.OK, "llama3.2"),
        (LISTED, 200, "llama3", Result.FAIL, "llama3.2, qwen3"),
        (LISTED, 401, "llama3.2", Result.FAIL, "refuses the key"),
        ({"object": "error"}, 404, "llama3.2", Result.WARN, "status 404"),
        ([1, 2], 200, "llama3.2", Result.WARN, "does not say"),
    ],
)
async def test_a_server_of_the_operator_s_is_asked_for_its_models(
    answer: Any, status: int, model: str, *, result: Result, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its own key, never with OpenAI's."""
    async with models(answer, status) as (base, shown):
        settings = settings_of(
            monkeypatch,
            SIDECAR_LLM_BASE_URL=base,
            SIDECAR_LLM_MODEL=model,
            SIDECAR_VOICE="local",
            OPENAI_API_KEY="sk-1",
        )
        check = (await examined(settings))["chat model"]
    assert check.result is result
    assert told in f"{check.detail} {check.cure}"
    assert shown == [""]


async def test_openai_is_asked_with_its_key_for_both(monkeypatch: pytest.MonkeyPatch) -> None:
    async with models({"data": [{"id": "gpt-5.4-mini"}]}) as (base, shown):
        settings = settings_of(monkeypatch, OPENAI_BASE_URL=base, OPENAI_API_KEY="sk-1", SIDECAR_VOICE_MODEL="tts-9")
        found = await examined(settings)
        assert shown == ["Bearer sk-1"] * 2
        hears = settings.model_copy(update={"assistant": "openai-realtime", "realtime_model": "gpt-realtime-9"})
        found |= {"realtime model": (await examined(hears))["realtime model"]}
    assert (found["chat model"].result, found["voice"].result) == (Result.OK, Result.FAIL)
    assert "no model gpt-realtime-9" in found["realtime model"].detail
    gone = settings.model_copy(update={"openai_base_url": f"http://127.0.0.1:{free_ports(1)}/v1"})
    assert "does not answer" in (await examined(gone))["voice"].detail


async def test_aura_needs_deepgram_s_key(monkeypatch: pytest.MonkeyPatch) -> None:
    without = settings_of(monkeypatch, SIDECAR_VOICE="aura")
    assert (await examined(without))["voice"].result is Result.FAIL
    assert (await examined(settings_of(monkeypatch, DEEPGRAM_API_KEY="k")))["voice"].result is Result.OK
