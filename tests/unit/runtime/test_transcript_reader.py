"""What a transcript adds up to is told once it holds, whatever happens while it is added up. In virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sidecar.adapters.sql import Database, SqlDirectory, SqlEventLog
from sidecar.domain.events import Event, TranscriptCompleted
from sidecar.domain.manifest import Manifest
from sidecar.domain.note_events import NoteAdded
from sidecar.domain.redaction.events import UtteranceRedacted
from sidecar.ports.event_log import EventLog
from sidecar.runtime.event_bus import EventBus
from sidecar.runtime.event_writer import EventWriter
from sidecar.runtime.recorder import Recorder
from sidecar.runtime.transcript_reader import read_manifest, record_manifest
from tests.assistant_rig import LoopClock
from tests.facts import draft, fork_request, utterance
from tests.virtual_time import timeless

pytestmark = pytest.mark.virtual_time


@pytest.mark.parametrize("meanwhile", ["words were taken out", "a note was made", "nothing happened"])
async def test_a_manifest_that_no_longer_fits_when_it_is_stored_has_a_next_one(
    database: Database, meanwhile: str
) -> None:
    """A person may redact in the moment in which a call becomes complete."""
    log: EventLog = timeless(SqlEventLog(database))
    call = await SqlDirectory(database).open_fork(fork_request("CA1"))
    said = utterance(call, 0, text="My word is swordfish")
    await log.append([draft(call.conference.id, said)])
    facts: dict[str, Any] = {
        "words were taken out": UtteranceRedacted(
            id=said.id, participant=said.participant, revision=2, text="My word is [redacted]", by="Ana", at_ms=1
        ),
        "a note was made": NoteAdded(note="not_1", by="Ana", text="Well.", at_ms=1),
    }
    bus, clock = EventBus(), LoopClock()
    writer = EventWriter(log, bus, clock)
    recorder = Recorder(call.conference, writer=writer, bus=bus, clock=clock)
    manifest = await read_manifest(log, call.conference.id)
    if meanwhile in facts:
        await log.append([draft(call.conference.id, facts[meanwhile])])
    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(writer.run())
        await record_manifest(log, recorder, manifest)
        writing.cancel()
    stored = await log.read(call.conference.id)
    told = [event.data for event in stored if isinstance(event.data, TranscriptCompleted)]
    assert len(told) == (2 if meanwhile == "words were taken out" else 1)
    assert told[-1].sha256 == _digest(stored)


def _digest(events: list[Event]) -> str:
    manifest = Manifest()
    manifest.add(events)
    return manifest.completed().sha256
