"""Reads a whole transcript from the log, in pages, without blocking it for long: calls go on meanwhile.

What it adds up to is told here, too, for that is read from the log and nowhere else.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from sidecar.domain.errors import NotFound
from sidecar.domain.events import Event, TranscriptCompleted
from sidecar.domain.exports import Export, read_export
from sidecar.domain.manifest import Manifest
from sidecar.ports.directory import Directory
from sidecar.ports.event_log import EventLog
from sidecar.runtime.recorder import Recorder

# A page is decoded at once: some milliseconds.
PAGE_EVENTS = 250


async def export_of(directory: Directory, log: EventLog, id_or_sid: str) -> Export:
    """The transcript of a conference, by our id or the provider's, as it is stored now.

    NotFound for an unknown id, StoreUnavailable when the store does not answer.
    """
    conference = await directory.conference(id_or_sid)
    if conference is None:
        raise NotFound(f"There is no conference {id_or_sid[:64]}.", next_step="List them: GET /v1/conferences.")
    roster = await directory.participants(conference.id)
    events = await _events(log, conference.id)
    # In a thread: thousands of lines take longer to sort than a media frame may wait.
    return await asyncio.to_thread(read_export, conference, roster, events)


async def envelopes_of(directory: Directory, log: EventLog, id_or_sid: str) -> list[dict[str, Any]]:
    """All events of a conference as any receiver has them. NotFound, StoreUnavailable as ``export_of``."""
    conference = await directory.conference(id_or_sid)
    if conference is None:
        raise NotFound(f"There is no conference {id_or_sid[:64]}.", next_step="List them: GET /v1/conferences.")
    events: list[dict[str, Any]] = msgspec.to_builtins(await _events(log, conference.id))
    return events


async def read_manifest(log: EventLog, conference_id: str) -> TranscriptCompleted:
    """What all events so far add up to. StoreUnavailable when the store does not answer."""
    manifest, after = Manifest(), 0
    while page := await log.read(conference_id, after=after, limit=PAGE_EVENTS):
        manifest.add(page)
        after = page[-1].seq or 0
    return manifest.completed()


async def record_manifest(log: EventLog, recorder: Recorder, manifest: TranscriptCompleted) -> TranscriptCompleted:
    """Store and tell what was just read; once more, as its next revision, if words were taken out meanwhile.

    Raises StoreUnavailable, StoreOverloaded.
    """
    while True:
        [event] = await recorder.record(manifest)
        if event is None or event.seq == manifest.last_seq + 1:
            return manifest
        present = await read_manifest(log, recorder.conference.id)
        if present.sha256 == manifest.sha256:
            return manifest
        manifest = present


async def _events(log: EventLog, conference_id: str) -> list[Event]:
    events: list[Event] = []
    while True:
        page = await log.read(conference_id, after=(events[-1].seq or 0) if events else 0, limit=PAGE_EVENTS)
        events += page
        if len(page) < PAGE_EVENTS:
            return events
