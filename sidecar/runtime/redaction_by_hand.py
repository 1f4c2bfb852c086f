"""A person takes words out of a line that was told: out of the store first, then everybody is told what is left."""

from __future__ import annotations

import asyncio

from sidecar.domain.conference.values import Conference
from sidecar.domain.errors import NotFound
from sidecar.domain.events import Event, UtteranceFinal
from sidecar.domain.redaction.by_hand import TAKEN_OUT, UtteranceChanged, without
from sidecar.domain.redaction.events import UtteranceRedacted
from sidecar.ports.clock import Clock
from sidecar.ports.event_log import EventLog
from sidecar.ports.transcripts import Transcripts
from sidecar.runtime.event_bus import EventBus
from sidecar.runtime.event_writer import EventWriter
from sidecar.runtime.recorder import Recorder
from sidecar.runtime.transcript_reader import read_manifest, record_manifest


class RedactionByHand:
    """One per process."""

    def __init__(
        self, *, transcripts: Transcripts, event_log: EventLog, writer: EventWriter, bus: EventBus, clock: Clock
    ) -> None:
        self._transcripts = transcripts
        self._log = event_log
        self._writer = writer
        self._bus = bus
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()  # so that each manifest counts the redaction before it

    async def redact(
        self,
        conference: Conference,
        utterance_id: str,
        *,
        by: str,
        span: tuple[int, int] | None = None,
        seen: int | None = None,
    ) -> Event:
        """Take out these characters of a line, or all of it. The event, when nothing stored says them any more.

        ``seen``: the line's revision that somebody looked at; None: whatever it is now.

        Of a transcript that is complete there is a new manifest, too. Raises NotFound, ValueError for a span that the
        line has not, UtteranceChanged, StoreUnavailable, StoreOverloaded.
        """
        async with self._one_at_a_time:
            found = await self._transcripts.utterance(conference.id, utterance_id)
            if found is None or not isinstance(found[0].data, UtteranceFinal):
                raise NotFound(f"Conference {conference.id} has no utterance {utterance_id[:64]}.")
            line, revision = found[0].data, found[1]
            if seen not in (None, revision):
                raise UtteranceChanged(f"Utterance {line.id} was redacted meanwhile.", next_step="Read it again.")
            recorder = Recorder(conference, writer=self._writer, bus=self._bus, clock=self._clock)
            [event] = await recorder.record(
                UtteranceRedacted(
                    id=line.id,
                    participant=line.participant,
                    revision=revision + 1,
                    text=TAKEN_OUT if span is None else without(line.text, *span),
                    by=by,
                    at_ms=recorder.now_ms(),
                )
            )
            assert event is not None  # noqa: S101 - its id is new, so it was stored
            manifest = await read_manifest(self._log, conference.id)
            if manifest.revision > 1:  # it was complete
                await record_manifest(self._log, recorder, manifest)
        return event
