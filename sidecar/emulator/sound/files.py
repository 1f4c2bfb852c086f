"""Sound files for callers and for <Play>: read from disk or fetched, decoded in a thread. Never paces or plays."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import aiohttp

from sidecar.domain.errors import SidecarError
from sidecar.emulator.urls import request_url
from sidecar.speech.wav import AudioUnreadable, read_telephone_audio

FETCH_TIMEOUT_S = 15.0
MAX_FETCH_BYTES = 40 * 1024 * 1024  # https://www.twilio.com/docs/voice/twiml/play names 40 MB


class RecordingFailed(SidecarError):
    """The file behind a <Play> could not be had; the call goes on with the next verb (Twilio's 11200)."""

    code = "recording_failed"


class Recordings:
    """Telephone audio (mu-law, 8 kHz, mono) from sound files."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def read(self, path: Path) -> bytes:
        """From disk. Raises AudioUnreadable, in one line, naming the file."""
        return await asyncio.to_thread(read_telephone_audio, path)

    async def fetch(self, url: str) -> bytes:
        """From the web. Raises RecordingFailed."""
        try:
            target = request_url(url)
            async with asyncio.timeout(FETCH_TIMEOUT_S), self._http.get(target, allow_redirects=False) as response:
                if response.status != 200:
                    raise RecordingFailed(f"<Play>: {target.path} answered with status {response.status}.")
                body = await _limited(response)
        except (aiohttp.ClientError, ValueError) as error:
            raise RecordingFailed(f"<Play>: the file could not be reached: {type(error).__name__}.") from None
        except TimeoutError:
            raise RecordingFailed(f"<Play>: no file came within {FETCH_TIMEOUT_S:.0f} s.") from None
        return await asyncio.to_thread(_decode, body)


async def _limited(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_chunked(64 * 1024):
        body += piece
        if len(body) > MAX_FETCH_BYTES:
            raise RecordingFailed(f"<Play>: the file is larger than {MAX_FETCH_BYTES // 1024 // 1024} MB.")
    return bytes(body)


def _decode(body: bytes) -> bytes:
    with tempfile.NamedTemporaryFile(prefix="emulator-play-") as file:
        file.write(body)
        file.flush()
        try:
            return read_telephone_audio(Path(file.name))
        except AudioUnreadable:
            raise RecordingFailed("<Play>: the file holds no sound that can be read.") from None
