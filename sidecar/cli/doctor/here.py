"""What ``sidecar doctor`` can see on this machine: settings, store, disk, recogniser."""

from __future__ import annotations

import asyncio

import aiohttp

from sidecar.cli.settings import unknown
from sidecar.config import Settings
from sidecar.domain.checkup import Check, Result
from sidecar.domain.errors import RecogniserUnavailable, SidecarError

GROUP = "here"
ANSWER_TIMEOUT_S = 10.0
DISK_LOW_BYTES = (
    1 << 30
)  # an hour of a busy contact centre's transcripts is some megabytes; logs and the rest need more


async def checks(settings: Settings, http: aiohttp.ClientSession) -> list[Check]:
    """One check for each."""
    return [_settings(), *await _store(settings), await _recogniser(settings, http)]


def _settings() -> Check:
    strange = unknown()
    if not strange:
        return _check("settings", Result.OK, "all are understood")
    names = ", ".join(f"{name} (meant: {meant}?)" if meant else name for name, meant in strange.items())
    return _check(
        "settings", Result.WARN, f"unknown: {names}", "Correct or remove them; sidecar config show has all names."
    )


async def _store(settings: Settings) -> list[Check]:
    from sidecar.adapters.sql import Database, is_migrated
    from sidecar.adapters.sql.engine import sqlite_file

    cure = "It needs a folder where this user may write, or a server that runs; or set SIDECAR_DATABASE_URL."
    try:
        database = Database(settings.database_url)
        name, file, free = str(database), sqlite_file(database.url), database.free_bytes()
        if file is not None and not file.is_file():
            start = "Start the service in this folder (sidecar serve), or: sidecar migrate"
            return [_check("store", Result.FAIL, f"there is no {name} yet", start)]
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            migrated = await is_migrated(settings.database_url)
    except (SidecarError, TimeoutError) as error:
        return [_check("store", Result.FAIL, str(error) or "it does not answer", cure)]
    if not migrated:
        return [_check("store", Result.FAIL, f"{name} has another version's schema", "sidecar migrate")]
    found = [_check("store", Result.OK, f"{name} takes what is written and has this version's schema")]
    if free is not None:
        low = free < DISK_LOW_BYTES
        found.append(
            _check(
                "disk",
                Result.WARN if low else Result.OK,
                f"{free / (1 << 30):.1f} GiB are free beside it",
                "Make room, or move the database: SIDECAR_DATABASE_URL." if low else "",
            )
        )
    return found


async def _recogniser(settings: Settings, http: aiohttp.ClientSession) -> Check:
    if settings.uses_deepgram:
        return await _deepgram(settings, http)
    if settings.recogniser_engine != "local":
        return _check("recogniser", Result.OK, f"{settings.recogniser_engine}; it is installed")
    from sidecar.speech.moonshine import check_local_speech

    try:
        check_local_speech(settings.language, settings.local_model)
    except RecogniserUnavailable as error:
        return _check("recogniser", Result.FAIL, error.message, error.next_step)
    return _check("recogniser", Result.OK, f"local, language {settings.language}; its model is here")


async def _deepgram(settings: Settings, http: aiohttp.ClientSession) -> Check:
    """Deepgram says whose key it is: https://developers.deepgram.com/reference/auth/tokens/details."""
    headers = {"Authorization": f"Token {settings.deepgram_api_key.get_secret_value()}"}
    url = settings.deepgram_base_url + "/v1/auth/token"
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S), http.get(url, headers=headers, allow_redirects=False) as answer:
            status = answer.status
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        cure = "Check the way to the internet, and DEEPGRAM_BASE_URL."
        return _check("recogniser", Result.FAIL, f"Deepgram does not answer: {type(error).__name__}", cure)
    if status == 200:
        return _check("recogniser", Result.OK, f"Deepgram knows the key; language {settings.language}")
    if status in {401, 403}:
        cure = "Set DEEPGRAM_API_KEY to a key of your project: console.deepgram.com, API Keys."
        return _check("recogniser", Result.FAIL, f"Deepgram refuses the key (status {status})", cure)
    cure = "Try a call: the transcript says whether speech is understood."
    return _check("recogniser", Result.WARN, f"Deepgram answered with status {status}; that says nothing", cure)


def _check(name: str, result: Result, detail: str, cure: str = "") -> Check:
    return Check(group=GROUP, name=name, result=result, detail=detail, cure=cure)
