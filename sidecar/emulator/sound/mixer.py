"""What each person in a conference hears: everybody else. One tick of 20 ms at a time, mu-law in and out. Pure.

Rules: https://www.twilio.com/docs/voice/api/conference-participant-resource (Muted, Hold, Coaching). Each speaker is
decoded once per tick, however many hear; samples are summed in 32 bits, so that taking one's own voice out is exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sidecar.emulator.frames import FRAME_BYTES, FRAME_MS, SAMPLE_RATE_HZ
from sidecar.emulator.sound.track import SILENT_FRAME
from sidecar.emulator.state import Conference, ConferenceStatus
from sidecar.speech import g711

Samples = NDArray[np.int32]

# Somebody who listens in from outside the call, and is no participant.
LISTENER = ""

_FULL = 32767
_HOLD_NOTES_HZ = (392.0, 494.0, 587.0, 494.0)
_HOLD_NOTE_FRAMES = 600 // FRAME_MS
_HOLD_AMPLITUDE = 1600.0  # about -26 dBFS: there, and no trouble


def mix(conference: Conference, said: Mapping[str, bytes], hearers: Iterable[str], tick: int) -> dict[str, bytes]:
    """What each hearer (a call's id, or LISTENER) hears in this tick, as a frame of 160 bytes.

    ``said``: each call's frame; whoever is missing is silent. SILENT_FRAME itself comes back where nothing is heard.
    """
    people = conference.participants
    started = conference.status is ConferenceStatus.IN_PROGRESS
    voices = _voices(conference, said) if started else {}
    room = _sum(voice for sid, voice in voices.items() if not people[sid].coaching)
    whole = _frame(room)
    heard: dict[str, bytes] = {}
    for hearer in hearers:
        person = people.get(hearer)
        if hearer == LISTENER:
            heard[hearer] = whole
        elif person is None:
            heard[hearer] = SILENT_FRAME
        elif person.hold or not started:
            heard[hearer] = _hold_music()[tick % len(_hold_music())]
        else:
            whispers = [
                v for sid, v in voices.items() if people[sid].coaching and people[sid].call_sid_to_coach == hearer
            ]
            own = [voices[hearer]] if hearer in voices and not person.coaching else []
            heard[hearer] = _frame(room + _sum(whispers) - _sum(own)) if own or whispers else whole
    return heard


def _voices(conference: Conference, said: Mapping[str, bytes]) -> dict[str, Samples]:
    """The samples of everybody who can be heard by somebody and is not silent."""
    return {
        sid: g711.decode(said[sid]).astype(np.int32)
        for sid, person in conference.participants.items()
        if not (person.muted or person.hold) and said.get(sid, SILENT_FRAME) is not SILENT_FRAME
    }


def _sum(voices: Iterable[Samples]) -> Samples:
    return sum(voices, start=np.zeros(FRAME_BYTES, np.int32))


def _frame(samples: Samples) -> bytes:
    if not samples.any():
        return SILENT_FRAME
    return g711.encode(np.clip(samples, -_FULL, _FULL).astype(np.int16))


@cache
def _hold_music() -> tuple[bytes, ...]:
    """A few soft notes, over and over: frames of one round."""
    length = _HOLD_NOTE_FRAMES * FRAME_BYTES
    time = np.arange(length) / SAMPLE_RATE_HZ
    swell = np.sin(np.pi * np.arange(length) / length)  # each note comes and goes without a click
    notes = [_HOLD_AMPLITUDE * swell * np.sin(2 * np.pi * hz * time) for hz in _HOLD_NOTES_HZ]
    audio = g711.encode(np.concatenate(notes).astype(np.int16))
    return tuple(audio[at : at + FRAME_BYTES] for at in range(0, len(audio), FRAME_BYTES))
