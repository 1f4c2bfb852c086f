"""What ``sidecar doctor`` can see of the assistant's engines: keys, addresses, models, wheels. Nobody is billed."""

from __future__ import annotations

import aiohttp
import msgspec

from sidecar.config import Settings
from sidecar.domain.checkup import Check, Result

GROUP = "here"
ANSWER_TIMEOUT_S = 10.0
OPENAI = "OPENAI_BASE_URL"
_TRY = "Try it: invite the assistant, and ask it something."


class _Model(msgspec.Struct):
    id: str = ""


class _Models(msgspec.Struct):
    data: list[_Model] = []


async def checks(settings: Settings, http: aiohttp.ClientSession) -> list[Check]:
    """One check for each engine, where an assistant can be invited."""
    runtime = settings.assistant_runtime
    if runtime == "off" or not settings.twilio_twiml_app_sid:
        return []
    found = [await _chat_model(settings, http), await _voice(settings, http)]
    return found if runtime == "cascade" else [*found, await _realtime_model(settings, http)]


async def _chat_model(settings: Settings, http: aiohttp.ClientSession) -> Check:
    engine, name = settings.chat_model_engine, "chat model"
    if engine == "scripted":
        return _check(name, Result.OK, "scripted: it quotes the transcript, and says that no model is configured")
    if engine != "openai-compatible":
        return _check(name, Result.OK, f"{engine}; it is installed")
    if settings.llm_base_url:
        key, variable = settings.llm_api_key.get_secret_value(), "SIDECAR_LLM_BASE_URL"
        return await _models(http, name, settings.llm_base_url, key=key, model=settings.llm_model, variable=variable)
    key = settings.openai_api_key.get_secret_value()
    return await _models(http, name, settings.openai_base_url, key=key, model=settings.llm_model, variable=OPENAI)


async def _voice(settings: Settings, http: aiohttp.ClientSession) -> Check:
    engine, name = settings.voice_engine, "voice"
    if engine == "local":
        return _local_voice(settings)
    if engine == "openai":
        key = settings.openai_api_key.get_secret_value()
        return await _models(http, name, settings.openai_base_url, key=key, model=settings.voice_model, variable=OPENAI)
    if engine == "aura" and not settings.deepgram_api_key.get_secret_value():
        return _check(name, Result.FAIL, "aura has no key", "Set DEEPGRAM_API_KEY, or another SIDECAR_VOICE.")
    return _check(name, Result.OK, f"{engine}; {settings.voice_name or 'its default voice'}")


async def _realtime_model(settings: Settings, http: aiohttp.ClientSession) -> Check:
    engine, name = settings.assistant_runtime, "realtime model"
    if engine != "openai-realtime":
        return _check(name, Result.OK, f"{engine}; it is installed")
    key, model = settings.openai_api_key.get_secret_value(), settings.realtime_model
    return await _models(http, name, settings.openai_base_url, key=key, model=model, variable=OPENAI)


def _local_voice(settings: Settings) -> Check:
    from sidecar.speech.local_voice import VoiceUnavailable, check_local_voice

    if settings.language.lower().partition("-")[0] != "en":
        cure = "Set DEEPGRAM_API_KEY or OPENAI_API_KEY, and SIDECAR_VOICE."
        return _check("voice", Result.FAIL, f"the local voice speaks English, not {settings.language}", cure)
    try:
        check_local_voice()
    except VoiceUnavailable as error:
        return _check("voice", Result.FAIL, error.message, error.next_step)
    return _check("voice", Result.OK, "local, English; its model is here")


async def _models(http: aiohttp.ClientSession, name: str, base: str, *, key: str, model: str, variable: str) -> Check:
    """Servers list their models: https://platform.openai.com/docs/api-reference/models/list."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S)
    try:
        async with http.get(f"{base}/models", headers=headers, allow_redirects=False, timeout=timeout) as answer:
            status, body = answer.status, await answer.read()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        cure = f"Check the way there, and {variable}; most addresses end in /v1."
        return _check(name, Result.FAIL, f"{base} does not answer: {type(error).__name__}", cure)
    if status in {401, 403}:
        return _check(name, Result.FAIL, f"{base} refuses the key (status {status})", "Check the key.")
    try:
        models = [listed.id for listed in msgspec.json.decode(body, type=_Models).data] if status == 200 else []
    except msgspec.MsgspecError:
        models = []
    if not models:
        return _check(name, Result.WARN, f"{base} does not say which models it has (status {status})", _TRY)
    if model and model not in models:
        cure = f"It has, for example: {', '.join(sorted(models)[:5])}."
        return _check(name, Result.FAIL, f"{base} has no model {model}", cure)
    return _check(name, Result.OK, f"{base} knows the key{f' and the model {model}' if model else ''}")


def _check(name: str, result: Result, detail: str, cure: str = "") -> Check:
    return Check(group=GROUP, name=name, result=result, detail=detail, cure=cure)
