"""Recordings of what is said in a conference, or said or heard by one of its calls. For testers; no caller knows.

Every tick is in it from the first on, silence too, so that a place in the recording is a moment of the call.
"""

from __future__ import annotations

import io
import secrets
import wave
from collections.abc import Callable
from typing import Literal

import msgspec

from sidecar.domain.errors import SidecarError
from sidecar.emulator.frames import SAMPLE_RATE_HZ
from sidecar.emulator.sound.hearing import Hearing
from sidecar.emulator.sound.ticker import Ticker
from sidecar.speech import g711

MAX_RECORDINGS = 20
MAX_BYTES = 30 * 60 * SAMPLE_RATE_HZ  # half an hour each, 14 MB; what comes later is not recorded
PCM_BYTES = 2  # a sample


class RecordOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``of`` is a conference's id, or a call's: then ``what`` it says, as others could hear it, or what it hears."""

    of: str
    what: Literal["says", "hears"] = "says"


class TooManyRecordings(SidecarError):
    """So many are kept that no other is begun."""

    code = "too_many_recordings"


class Recording:
    """One of them; ``first_tick`` is the tick of its first 20 ms."""

    def __init__(self, first_tick: int, frame_of: Callable[[int], bytes]) -> None:
        self.id = f"rec_{secrets.token_hex(8)}"
        self.first_tick = first_tick
        self._frame_of = frame_of
        self._audio = bytearray()

    def on_tick(self, tick: int) -> None:
        """Take what is to be heard in that tick."""
        if len(self._audio) < MAX_BYTES:
            self._audio += self._frame_of(tick)

    def wav(self) -> bytes:
        """So far, as 16-bit WAV at 8 kHz: each sample is exactly what its mu-law code stands for."""
        file = io.BytesIO()
        with wave.open(file, "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(PCM_BYTES)
            out.setframerate(SAMPLE_RATE_HZ)
            out.writeframes(g711.decode(self._audio).astype("<i2").tobytes())
        return file.getvalue()


class Recorder:
    """Begins, keeps and forgets recordings."""

    def __init__(self, hearing: Hearing, ticker: Ticker) -> None:
        self._hearing, self._ticker = hearing, ticker
        self._recordings: dict[str, Recording] = {}

    def begin(self, order: RecordOrder) -> Recording:
        """From the next tick on. Raises TooManyRecordings."""
        if len(self._recordings) >= MAX_RECORDINGS:
            raise TooManyRecordings(f"{MAX_RECORDINGS} recordings are kept; forget one first.")
        recording = Recording(self._ticker.tick + 1, self._source(order))
        self._recordings[recording.id] = recording
        self._ticker.add(recording.on_tick)
        return recording

    def find(self, recording_id: str) -> Recording | None:
        """One that is kept."""
        return self._recordings.get(recording_id)

    def forget(self, recording: Recording) -> None:
        """Stop it and throw it away."""
        self._ticker.remove(recording.on_tick)
        del self._recordings[recording.id]

    def _source(self, order: RecordOrder) -> Callable[[int], bytes]:
        if order.of.startswith("CF"):
            return lambda tick: self._hearing.room(order.of, tick)
        frame_of = self._hearing.said if order.what == "says" else self._hearing.frame
        return lambda tick: frame_of(order.of, tick)
