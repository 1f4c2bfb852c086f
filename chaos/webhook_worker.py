"""What is killed in ``chaos.webhooks``: a process that stores events and tells endpoints of them, as a service does.

    python -m chaos.webhook_worker sqlite:////tmp/x.sqlite3 cnf_1 --until 500 --rate 400 --lock 30

It goes on behind the last stored event. Events are numbered, so that whoever judges knows them: ``evt_00000012`` is the
twelfth of its call. Two of five are lines, which travel in batches.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from datetime import timedelta
from ipaddress import ip_network

from sidecar.adapters.clock import SystemClock
from sidecar.adapters.sql import Database, SqlEventLog, SqlOutbox, SqlWebhookQueue
from sidecar.adapters.webhook_http import HttpWebhookSender
from sidecar.domain.events import Draft, EventData, TranscriptResumed, UtteranceFinal
from sidecar.domain.webhooks.addresses import AddressPolicy
from sidecar.runtime.event_bus import EventBus
from sidecar.runtime.event_writer import EventWriter
from sidecar.runtime.webhook_dispatcher import WebhookDispatcher

LINES_OF_FIVE = 2
STEP_S = 0.02
FLUSH_S = 5.0
STOP_S = 2.0


def event_id(number: int) -> str:
    """Of the event that is to have this ``seq``."""
    return f"evt_{number:08}"


def is_line(number: int) -> bool:
    """Whether the event of this ``seq`` travels in a batch."""
    return number % 5 < LINES_OF_FIVE


def data(number: int) -> EventData:
    """What the event of this ``seq`` says."""
    if not is_line(number):
        return TranscriptResumed(by=f"number {number}", at_ms=number)
    return UtteranceFinal(
        id=f"utt_{number}", participant="par_1", fork="frk_1", session="ses_1", result_index=number, revision=1,
        start_ms=number, end_ms=number + 1, text=f"line {number}", engine="numbers", lag_ms=1,
    )  # fmt: skip


async def store(writer: EventWriter, clock: SystemClock, conference: str, numbers: range, rate: float) -> None:
    """So many a second, one after the other."""
    waiting = list(numbers)
    due = 0.0
    while waiting:
        due += rate * STEP_S
        batch, waiting = waiting[: int(due)], waiting[int(due) :]
        due -= len(batch)
        drafts = [Draft(id=event_id(n), conference=conference, timestamp=clock.now(), data=data(n)) for n in batch]
        if drafts:
            await writer.submit(drafts)
        await asyncio.sleep(STEP_S)


async def main() -> None:
    """Until SIGTERM or worse."""
    parser = argparse.ArgumentParser(prog="python -m chaos.webhook_worker")
    parser.add_argument("database")
    parser.add_argument("conference")
    parser.add_argument("--until", type=int, required=True, help="the last event to store")
    parser.add_argument("--rate", type=float, required=True, help="events a second")
    parser.add_argument("--lock", type=float, required=True, help="seconds after which a dead process's work is taken")
    args = parser.parse_args()
    database, clock, outbox = Database(args.database), SystemClock(), SqlOutbox()
    log = SqlEventLog(database, outbox)
    stored = 0
    while page := await log.read(args.conference, after=stored):
        stored = page[-1].seq or 0
    writer = EventWriter(log, EventBus(), clock)
    dispatcher = WebhookDispatcher(
        queue=SqlWebhookQueue(database, outbox, clock.new_id),
        sender=HttpWebhookSender(AddressPolicy(http=True, networks=(ip_network("127.0.0.0/8"),)), version="chaos"),
        clock=clock,
        kept=(timedelta(days=30), timedelta(days=7)),
        lock=timedelta(seconds=args.lock),
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(writer.run(), name="writer"),
            tasks.create_task(dispatcher.run(), name="webhooks"),
            tasks.create_task(
                store(writer, clock, args.conference, range(stored + 1, args.until + 1), args.rate), name="store"
            ),
        ]
        print("ready", flush=True)
        await stop.wait()
        await writer.flush(FLUSH_S)
        await dispatcher.shut_down(STOP_S)
        for task in running:
            task.cancel()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main())
