"""What the assistant said, on its way into the store, in order: while it speaks what was heard so far, then the turn.

What was heard so far is a row that is written over, so that a process that dies leaves behind how far it had come.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import msgspec
import structlog

from sidecar.domain.assistant.events import AssistantTurn, ToolUse, TurnLatency
from sidecar.domain.assistant.stay import Assistant, Audience, Spoken
from sidecar.domain.errors import SidecarError, StoreUnavailable
from sidecar.domain.event_data import EventData
from sidecar.domain.events import UtteranceFinal, UtterancePartial
from sidecar.ports.assistants import Assistants
from sidecar.runtime.recorder import Recorder

log = structlog.get_logger()


class TurnRecords:
    """``run`` is its one task. One writer, so that a late note never comes back after the turn it belongs to."""

    def __init__(self, assistant: Assistant, *, recorder: Recorder, rows: Assistants) -> None:
        self.assistant = assistant
        self._recorder = recorder
        self._rows = rows
        self._noted: Spoken | None = None  # only the newest counts
        self._turns: deque[Sequence[EventData]] = deque()  # one every few seconds at most: it needs no bound
        self._more = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def note(self, spoken: Spoken) -> None:
        """So much of the present turn was heard."""
        self._noted = spoken
        self._wake()

    def turn_over(
        self,
        spoken: Spoken,
        *,
        cut: str,
        outcome: str,
        engines: tuple[str, str],
        to: str | None = None,
        tools: Sequence[ToolUse] = (),
        latency: TurnLatency | None = None,
    ) -> None:
        """What the turn came to: its line in the transcript, if anything of it was heard, and all else about it.

        ``cut``: what nobody heard. ``engines``: what it was thought and spoken with.
        """
        facts: list[EventData] = [self._line(spoken, cut, engines[1])] if spoken.heard else []
        facts.append(
            AssistantTurn(
                assistant=self.assistant.id,
                participant=self.assistant.participant_id,
                utterance=spoken.utterance if spoken.heard else None,
                start_ms=spoken.start_ms,
                end_ms=spoken.end_ms,
                text=spoken.text,
                heard=spoken.heard,
                why=spoken.why,
                outcome=outcome,
                to=to,
                tools=list(tools),
                latency=latency or TurnLatency(),
                chat_model=engines[0],
                voice=engines[1],
            )
        )
        self._noted = None
        self._turns.append(facts)
        self._wake()

    def partial(self, spoken: Spoken) -> UtterancePartial:
        """So much of the present turn was heard, for who looks on."""
        return UtterancePartial(
            id=spoken.utterance,
            participant=self.assistant.participant_id,
            start_ms=spoken.start_ms,
            end_ms=spoken.end_ms,
            text=spoken.heard,
            lag_ms=0,
            coaching=self.assistant.audience is Audience.AGENT,
        )

    def _line(self, spoken: Spoken, cut: str, voice: str) -> UtteranceFinal:
        return UtteranceFinal(
            id=spoken.utterance,
            participant=self.assistant.participant_id,
            fork="",
            session=self.assistant.id,
            result_index=spoken.start_ms,
            revision=1,
            start_ms=spoken.start_ms,
            end_ms=spoken.end_ms,
            text=spoken.heard,
            engine=voice,
            lag_ms=0,
            coaching=self.assistant.audience is Audience.AGENT,
            cut=cut,
        )

    async def settle(self) -> None:
        """Returns when all is stored."""
        await self._idle.wait()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._more.wait()
            self._more.clear()
            while self._turns:
                await self._record(self._turns.popleft())
            if self._noted is not None:
                await self._note(self._noted)
            if not self._more.is_set():
                self._idle.set()

    def _wake(self) -> None:
        self._idle.clear()
        self._more.set()

    async def _record(self, facts: Sequence[EventData]) -> None:
        try:
            await self._recorder.record(*facts)
        except SidecarError as error:  # no room, or the store will never take it
            self._recorder.tally.facts_lost += len(facts)
            log.error("turn_lost", assistant=self.assistant.id, code=error.code)
            await self._note(None)

    async def _note(self, spoken: Spoken | None) -> None:
        self._noted = None
        if spoken is not None:
            heard, text = self._recorder.redacted(spoken.heard), self._recorder.redacted(spoken.text)
            spoken = msgspec.structs.replace(spoken, heard=heard, text=text)
        try:
            await self._rows.note_speaking(self.assistant.id, spoken)
        except StoreUnavailable as error:
            log.warning("speaking_not_noted", assistant=self.assistant.id, code=error.code)
