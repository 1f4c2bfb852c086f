"""A service that will be killed: appends to a conference in a loop and prints each event id once it is stored.

Usage: append_for_ever.py <database url> <conference> <fork> <participant> <session>
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime

from sidecar.adapters.sql import Database, SqlEventLog
from sidecar.domain.events import Draft, UtteranceFinal


async def append_for_ever(url: str, conference: str, fork: str, participant: str, session: str) -> None:
    """Three utterances per batch, as fast as the disk takes them."""
    log = SqlEventLog(Database(url))
    index = 0
    while True:
        batch = []
        for _ in range(3):
            name = f"{session}-{index}"
            utterance = UtteranceFinal(
                id=f"utt_{name}",
                participant=participant,
                fork=fork,
                session=session,
                result_index=index,
                revision=1,
                start_ms=index * 10,
                end_ms=index * 10 + 9,
                text=f"word {index}",
                engine="local",
                lag_ms=5,
            )
            moment = datetime(2026, 1, 1, tzinfo=UTC)
            batch.append(Draft(id=f"evt_{name}", conference=conference, timestamp=moment, data=utterance))
            index += 1
        for event in await log.append(batch):
            assert event is not None
            print(event.id, flush=True)  # noqa: T201


asyncio.run(append_for_ever(*sys.argv[1:]))
