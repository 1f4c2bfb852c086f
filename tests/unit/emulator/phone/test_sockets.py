"""What waits for a browser that does not read."""

from __future__ import annotations

from sidecar.emulator.phone.sockets import MAX_WAITING_FRAMES, Earpiece


async def test_a_browser_that_does_not_read_loses_the_oldest_frames_and_they_are_counted() -> None:
    """What it hears when it reads again is as late as the queue is long, and no later."""
    earpiece = Earpiece()
    frames = [n.to_bytes(2, "big") for n in range(MAX_WAITING_FRAMES + 7)]
    for frame in frames:
        earpiece.take(frame)
    assert earpiece.skipped == 7
    assert [await earpiece.next() for _ in range(MAX_WAITING_FRAMES)] == frames[7:]
