"""Recordings: whose, from when on, and how many."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from sidecar.emulator.frames import FRAME_BYTES
from sidecar.emulator.sound import recorder as recorder_module
from sidecar.emulator.sound.recorder import Recorder, RecordOrder, TooManyRecordings
from sidecar.emulator.sound.track import SILENT_FRAME
from sidecar.speech import g711
from tests.unit.emulator.sound.test_hearing import SPOKEN, Room


def samples(wav: bytes) -> bytes:
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        return g711.encode(np.frombuffer(file.readframes(file.getnframes()), "<i2"))


def test_each_recording_holds_its_own_side_from_its_first_tick_on() -> None:
    """The room, one who speaks, one who hears; silence is in it; who is muted says nothing."""
    room = Room()
    recorder = Recorder(room.hearing, room.ticker)
    orders = {
        "room": RecordOrder(of="CF1"),
        "ann says": RecordOrder(of="ann"),
        "ann hears": RecordOrder(of="ann", what="hears"),
        "ben hears": RecordOrder(of="ben", what="hears"),
    }
    recordings = {name: recorder.begin(order) for name, order in orders.items()}
    room.ticker.turn()
    room.conference.participants["ann"].muted = True
    room.ticker.turn()
    late = recorder.begin(RecordOrder(of="CF1"))
    recorder.forget(recordings["ben hears"])
    room.ticker.turn()
    quiet = SILENT_FRAME * 2
    assert {name: samples(one.wav()) for name, one in recordings.items()} == {
        "room": SPOKEN + quiet,
        "ann says": SPOKEN + quiet,
        "ann hears": SILENT_FRAME + quiet,
        "ben hears": SPOKEN + SILENT_FRAME,
    }
    assert (recordings["room"].first_tick, late.first_tick) == (1, 3)
    assert recorder.find(late.id) is late
    assert recorder.find(recordings["ben hears"].id) is None


def test_recordings_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In number and in length."""
    monkeypatch.setattr(recorder_module, "MAX_RECORDINGS", 1)
    monkeypatch.setattr(recorder_module, "MAX_BYTES", 2 * FRAME_BYTES)
    room = Room()
    recorder = Recorder(room.hearing, room.ticker)
    one = recorder.begin(RecordOrder(of="CF1"))
    with pytest.raises(TooManyRecordings):
        recorder.begin(RecordOrder(of="CF1"))
    for _ in range(5):
        room.ticker.turn()
    assert len(samples(one.wav())) == 2 * FRAME_BYTES
