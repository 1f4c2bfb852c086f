"""What a telephone returns of what it hears."""

from __future__ import annotations

import numpy as np

from sidecar.emulator.faults.echo import Echoing
from sidecar.emulator.faults.orders import Echo
from sidecar.emulator.frames import FRAME_BYTES
from sidecar.emulator.sound.track import SILENT_FRAME, AudioTrack
from sidecar.speech import g711

LOUD = g711.encode(np.full(FRAME_BYTES, 8000, np.int16))


def test_what_is_heard_comes_back_late_and_softer() -> None:
    """Added to what is said; nothing is left of it afterwards."""
    heard = {3: LOUD}
    echoing = Echoing(Echo(call="CA1", seconds=1, delay_ms=40, loss_db=20), lambda tick: heard.get(tick, SILENT_FRAME))
    track = AudioTrack()
    track.put(5, LOUD)
    track.under = echoing.under
    levels = []
    for tick in range(1, 8):
        echoing.on_tick(tick)
        levels.append(int(g711.decode(track.frame(tick))[0]))
    assert levels[:4] == [0, 0, 0, 0]
    assert abs(levels[4] - 8800) < 300  # said, and a tenth of what was heard two ticks before
    assert levels[5:] == [0, 0]


def test_an_echo_is_heard_where_nothing_is_said() -> None:
    """At its own level."""
    echoing = Echoing(Echo(call="CA1", seconds=1, delay_ms=20, loss_db=6), lambda _: LOUD)
    echoing.on_tick(1)
    assert abs(int(g711.decode(echoing.under(2, SILENT_FRAME))[0]) - 4000) < 200
    assert echoing.under(9, SILENT_FRAME) is SILENT_FRAME
