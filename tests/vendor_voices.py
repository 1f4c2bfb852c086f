"""The vendors' voices, each with the emulator that it talks to, for tests that hold for all of them."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sidecar.adapters.deepgram_account import DeepgramAccount
from sidecar.adapters.openai_account import OpenaiAccount
from sidecar.adapters.voices.aura import AuraVoice
from sidecar.adapters.voices.openai import OpenaiVoice
from sidecar.adapters.voices.remote import Limits
from sidecar.ports.voice import Voice
from tests.emulated_deepgram import server as emulated_deepgram
from tests.emulated_openai import server as emulated_openai
from tests.emulated_speech import Speech

VENDORS = ("aura", "openai")


@dataclass
class Vendor:
    """``asked``: the texts so far, and how each request went; ``until``: waits for such a thing to be so."""

    voice: Voice
    speeches: deque[Speech]
    asked: Callable[[], list[tuple[str, str]]]
    until: Callable[[Callable[[], bool]], Awaitable[None]]


@asynccontextmanager
async def speaking(
    name: str, *speeches: Speech, key: str | None = None, limits: Limits | None = None
) -> AsyncIterator[Vendor]:
    """A vendor that answers the next requests as ordered, and all others well."""
    async with (_aura if name == "aura" else _openai)(key, limits) as vendor:
        vendor.speeches.extend(speeches)
        try:
            yield vendor
        finally:
            await vendor.voice.close()


@asynccontextmanager
async def _aura(key: str | None, limits: Limits | None) -> AsyncIterator[Vendor]:
    async with emulated_deepgram.running() as (server, url):
        speaker = server.speaker
        voice = AuraVoice(DeepgramAccount(key or emulated_deepgram.KEY, url), limits=limits)
        yield Vendor(
            voice,
            speaker.speeches,
            lambda: [(request.text, request.ended) for request in speaker.requests],
            server.until,
        )


@asynccontextmanager
async def _openai(key: str | None, limits: Limits | None) -> AsyncIterator[Vendor]:
    async with emulated_openai.running() as (server, url):
        voice = OpenaiVoice(OpenaiAccount(url, key or emulated_openai.KEY), limits=limits)
        yield Vendor(
            voice,
            server.speeches,
            lambda: [(request.body["input"], request.ended) for request in server.requests],
            server.until,
        )
