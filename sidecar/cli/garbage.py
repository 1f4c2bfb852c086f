"""When the garbage collector looks at everything: seldom, and not amid calls if that can be helped.

A full collection stops the process for about a microsecond per object. What was loaded at the start are 170,000
objects, a fork has some 200, so with 400 calls no frame went on for a quarter of a second, again and again. So what
lives at the start is never looked at again (``gc.freeze``), and full collections come when we say so. What they find
is little: a stream that ended leaves 100 to 300 objects in circles, none of them large.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

# Young objects are looked at after so many more of them, and again after so many such times; the last number only
# makes Python's own full collections so rare that they are a last resort.
THRESHOLDS = (2_000, 20, 1_000)
LOOK_EVERY_S = 15.0
AFTER_STREAMS = 200
AT_LATEST_S = 600.0


@asynccontextmanager
async def rare_collections(*, live: Callable[[], int], ended: Callable[[], int]) -> AsyncIterator[None]:
    """For a process that is ready to serve: while the block runs, full collections are rare.

    ``live``: streams just now; ``ended``: streams that have ended so far. As soon as nobody is on a line, what ended is
    cleared up; amid calls after 200 of them, and every ten minutes.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    try:
        async with asyncio.TaskGroup() as tasks:
            collecting = tasks.create_task(_collect(live, ended), name="garbage")
            yield
            collecting.cancel()
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


async def _collect(live: Callable[[], int], ended: Callable[[], int]) -> None:
    clock = asyncio.get_running_loop().time
    cleared, cleared_at = ended(), clock()
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        new = ended() - cleared
        if new >= AFTER_STREAMS or (new and not live()) or clock() - cleared_at >= AT_LATEST_S:
            gc.collect()
            cleared, cleared_at = ended(), clock()
