"""How emulated vendors speak over HTTP: in bursts, faster than real time, and every way in which it goes wrong."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np
from aiohttp import web
from numpy.typing import NDArray

MS_PER_CHARACTER = 60  # some 16 characters a second, as people speak
TONE_HZ = 440


@dataclass(frozen=True)
class Speech:
    """How one request is answered. ``burst``, ``stall_at``, ``drop_at`` in bytes of audio."""

    burst: int = 9_601  # odd on purpose: samples of two bytes are torn apart
    first_byte_s: float = 0.0
    burst_every_s: float = 0.0
    stall_at: int | None = None
    drop_at: int | None = None
    wav: bool = False  # a header before the samples, as some servers send whatever was asked for
    silent: bool = False  # no audio at all
    status: int = 200
    code: str = ""


def tone(text: str, rate: int) -> NDArray[np.int16]:
    """As long as it takes to say the text; half of full scale."""
    at = np.arange(len(text) * MS_PER_CHARACTER * rate // 1000)
    samples: NDArray[np.int16] = (np.sin(at * (2 * np.pi * TONE_HZ / rate)) * 16_000).astype("<i2")
    return samples


async def speak(request: web.Request, audio: bytes, fault: Speech) -> web.StreamResponse:
    """Answer with the audio."""
    await asyncio.sleep(fault.first_byte_s)
    response = web.StreamResponse(headers={"Content-Type": "audio/basic"})
    await response.prepare(request)
    audio = b"" if fault.silent else audio
    if fault.wav:
        audio = b"RIFF\xff\xff\xff\xffWAVEfmt " + audio
    for at in range(0, len(audio), fault.burst):
        if fault.stall_at is not None and at >= fault.stall_at:
            await asyncio.Event().wait()
        if fault.drop_at is not None and at >= fault.drop_at:
            assert request.transport is not None
            request.transport.abort()
            return response
        await response.write(audio[at : at + fault.burst])
        await asyncio.sleep(fault.burst_every_s)
    await response.write_eof()
    return response
