"""One stay of the assistant: it is invited, its leg opens a line, it takes part, it leaves.

The line may break and come back while it stays; so may this process. What it hears and says in between is for
``conversation``. It ends in one way only: ``finish`` says why, and then its leg is put out, the line closed.
"""

from __future__ import annotations

import asyncio

import msgspec
import structlog

from sidecar.domain.assistant.events import AssistantDoing, AssistantFailed, AssistantJoined, AssistantLeft
from sidecar.domain.assistant.stay import (
    PROBLEMS,
    Announce,
    Assistant,
    AssistantRefused,
    Audience,
    Doing,
    Problem,
    Speaks,
    Stage,
)
from sidecar.domain.errors import TelephonyFailed
from sidecar.domain.events import ConferenceEnded, ParticipantLeft
from sidecar.ports.event_log import EventLog
from sidecar.runtime.assistant.conversation import Conversation
from sidecar.runtime.assistant.leg import Leg
from sidecar.runtime.assistant.line import Line, LineLost
from sidecar.runtime.event_bus import EventBus, SubscriberTooSlow, Subscription, conference_topic
from sidecar.runtime.recorder import Recorder

log = structlog.get_logger()

# From the invitation to its line; calls that are dialled wait in the provider's queue, one a second.
JOIN_TIMEOUT_S = 30.0
# A line that broke is back within the five seconds of its leg's pause, perhaps a second round of them, and what the
# provider needs to ask us again.
REJOIN_TIMEOUT_S = 15.0
# A line that was open for so long held; after some that did not, its leg gets no other.
HELD_AFTER_S = 10.0
RENDERINGS_MOST = 5
# Who dismisses it politely waits for the end of what it says, but not for ever.
POLITE_TIMEOUT_S = 15.0


class End(msgspec.Struct, frozen=True, kw_only=True):
    """Why it goes. ``failed``: it did not come, or could not stay. ``gone``: its leg is no more."""

    reason: str
    failed: bool = False
    detail: str = ""
    by: str = ""
    gone: bool = False


class AssistantSession:
    """``run`` is its one task; the other methods are called by request handlers while it runs."""

    def __init__(
        self,
        assistant: Assistant,
        *,
        leg: Leg,
        conversation: Conversation,
        recorder: Recorder,
        event_log: EventLog,
        bus: EventBus,
    ) -> None:
        self.assistant = assistant
        self.leg = leg
        self.conversation = conversation
        conversation.on_change = self.tell
        conversation.on_leave = lambda reason: self.finish(End(reason=reason))
        self.recorder = recorder
        self._event_log = event_log
        self._bus = bus
        self._joined = assistant.stage is Stage.JOINED
        self._present: Doing | None = Doing.INVITING  # while there is no line; else what it does is the conversation's
        self._told: tuple[Doing, bool, Speaks, Audience] | None = None
        self.since_ms = recorder.now_ms()  # it has been doing what it does
        self.problem: Problem | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._lines: dict[Line, asyncio.Task[None]] = {}
        self._lines_changed = asyncio.Event()
        self._away_since_ms: int | None = None
        self._end: End | None = None
        self._ending = asyncio.Event()
        self.done = asyncio.Event()  # nothing more will be recorded of it

    # -- what handlers tell ------------------------------------------------------------------------------------

    @property
    def doing(self) -> Doing:
        """What it does just now."""
        return self._present or self.conversation.doing

    def call_known(self, call_sid: str) -> None:
        """Its leg asked for TwiML: now its call is known."""
        self.leg.call_sid = self.leg.call_sid or call_sid
        if self._present is Doing.INVITING:
            self._show(Doing.JOINING)

    def line_came(self, line: Line) -> bool:
        """Its leg opened a line; False: it is not wanted any more. An older line is closed: the newer one goes on."""
        if self._tasks is None or self._ending.is_set():
            return False
        for older in self._lines.values():
            older.cancel()
        holding = self._tasks.create_task(self._hold_line(line), name=f"line:{self.assistant.id}")
        holding.add_done_callback(lambda _: self._line_over(line))  # one that is cancelled at once never runs
        self._lines[line] = holding
        self._lines_changed.set()
        return True

    def line_went(self, line: Line) -> None:
        """The line is over, from the other side."""
        if line in self._lines:
            self._lines[line].cancel()

    def call_ended(self, call_sid: str, status: str, problem: str) -> None:
        """The provider says that a call of it is over. ``problem``: its reason, or ""."""
        if self.leg.call_sid not in (None, call_sid):
            return
        if self._joined:
            self.finish(End(reason="call_ended", gone=True))
        else:
            detail = f"Twilio says {status}" + (f": {problem}" if problem else "")
            self.finish(End(reason="call_failed", failed=True, detail=detail, gone=True))

    def set_manners(self, assistant: Assistant) -> None:
        """It is to behave otherwise from now on."""
        self.assistant = assistant
        self.conversation.behave(assistant)
        self.tell()

    async def set_audience(self, audience: Audience) -> None:
        """Who hears it from now on. Raises TelephonyFailed, AssistantRefused (agent_missing)."""
        await self.leg.is_heard_by(self._coached(audience))

    async def dismiss(self, *, now: bool, by: str) -> None:
        """It is to go: at the end of what it says, or at once. Returns when nothing can bring it back."""
        await self.leg.dismiss()
        end = End(reason="dismissed", by=by)
        if now or self._present is not None or self._tasks is None:
            self.finish(end)
        else:
            self._show(Doing.LEAVING)
            self._tasks.create_task(self._leave_politely(end), name=f"leaves:{self.assistant.id}")

    def finish(self, end: End) -> None:
        """It goes, for this reason. What comes later about that is no news."""
        if self._end is None and not self._ending.is_set():
            self._end = end
            self._ending.set()

    def shut_down(self) -> None:
        """The service stops while the assistant stays: what it says is over as far as it was heard; its leg waits."""
        self._ending.set()

    def tell(self, note: str = "", detail: str = "") -> None:
        """What it does has changed. ``note``: what the panel should say to it; ``detail``: more to that."""
        shown = (self.doing, self.assistant.muted, self.assistant.speaks, self.assistant.audience)
        if shown == self._told and not note:
            return
        if self._told is None or self._told[0] is not shown[0]:
            self.since_ms = self.recorder.now_ms()
        self._told = shown
        if note in PROBLEMS:
            self.problem = Problem(note=note, detail=detail, at_ms=self.recorder.now_ms())
        self.recorder.tell(
            [
                AssistantDoing(
                    assistant=self.assistant.id,
                    participant=self.assistant.participant_id,
                    state=self.doing,
                    muted=self.assistant.muted,
                    speaks=self.assistant.speaks,
                    audience=self.assistant.audience,
                    at_ms=self.since_ms,
                    note=note,
                    detail=detail,
                )
            ]
        )

    # -- its life ----------------------------------------------------------------------------------------------

    async def run(self, *, recover: bool = False) -> None:
        """Until it is gone. ``recover``: its row is of an earlier process."""
        who = self.assistant.id
        try:
            with self._bus.subscribe([conference_topic(self.recorder.conference.id)], at_once=True) as news:
                async with asyncio.TaskGroup() as tasks:
                    await self.conversation.hearing.read(self._event_log, self.recorder.conference.id)
                    if recover:  # before anything can end it: what it was saying comes before that it left
                        self.conversation.recover(self.assistant.speaking)
                    running = [
                        tasks.create_task(self.conversation.run(), name=f"conversation:{who}"),
                        tasks.create_task(self._follow(news), name=f"follows:{who}"),
                        tasks.create_task(self._stay(recover=recover), name=f"stays:{who}"),
                    ]
                    self._tasks = tasks
                    await self._ending.wait()
                    await self._go()
                    for task in (*running, *self._lines.values()):
                        task.cancel()
        finally:
            self.done.set()

    async def _stay(self, *, recover: bool) -> None:
        """Come, and be there: until the line does not come back."""
        if self._ending.is_set():
            return  # before it was called in
        if recover:
            self._show(Doing.JOINING)
        elif not await self._come():
            return
        while True:
            if not await self._until_line(there=True, within_s=REJOIN_TIMEOUT_S if self._joined else JOIN_TIMEOUT_S):
                late = End(reason="line_did_not_come", failed=True, detail="its media stream did not open")
                self.finish(End(reason="line_lost") if self._joined else late)
                return
            await self._be_there()

    async def _come(self) -> bool:
        """Announce it, then bring its leg into the conference. False: it does not come."""
        self.tell()
        try:
            announced_s = await self.leg.announce()
            self.conversation.announced(announced_s, asks=self.assistant.announce is Announce.ASK)
            await self.leg.call_in(self._coached(self.assistant.audience))
        except (TelephonyFailed, AssistantRefused) as error:
            log.warning("assistant_not_called_in", assistant=self.assistant.id, code=error.code)
            detail = error.reason if isinstance(error, TelephonyFailed) else error.message
            self.finish(End(reason="invitation_refused", failed=True, detail=detail))
            return False
        return True

    def _coached(self, audience: Audience) -> str | None:
        """The call that alone is to hear it; None: everybody. Raises AssistantRefused (agent_missing)."""
        if audience is Audience.ALL:
            return None
        call_sid = self.conversation.roster.agent_call
        if call_sid is None:
            raise AssistantRefused(
                "There is no agent on the call whom it could speak to.",
                code="agent_missing",
                next_step="Correct somebody's role: PATCH …/participants/{CA…}.",
            )
        return call_sid

    async def _be_there(self) -> None:
        """From the moment a line opens until it breaks."""
        if not self._joined:
            self._joined = True
            now_ms = self.recorder.now_ms()
            asked_ms = self.recorder.conference.clock_ms(self.assistant.requested_at)
            self.recorder.tally.assistants.join_s.note(max(0, now_ms - asked_ms) / 1000)
            joined = AssistantJoined(
                assistant=self.assistant.id,
                participant=self.assistant.participant_id,
                call_sid=self.leg.call_sid or "",
                label=self.assistant.label,
                name=self.assistant.name,
                at_ms=now_ms,
            )
            await self.recorder.record(joined)
        away_ms = None if self._away_since_ms is None else self.recorder.now_ms() - self._away_since_ms
        log.info("assistant_there", assistant=self.assistant.id, away_ms=away_ms)
        self.conversation.there(away_ms)
        self._show(None)
        if not await self._until_line(there=False, within_s=HELD_AFTER_S):
            await self.leg.held()
            await self._until_line(there=False, within_s=None)
        self._away_since_ms = self.recorder.now_ms()
        log.info("assistant_line_over", assistant=self.assistant.id)
        self._show(Doing.JOINING)

    async def _until_line(self, *, there: bool, within_s: float | None) -> bool:
        """Until one is open, or none; False: not within this time."""
        try:
            async with asyncio.timeout(within_s):
                while bool(self._lines) is not there:
                    self._lines_changed.clear()
                    await self._lines_changed.wait()
        except TimeoutError:
            return False
        return True

    async def _hold_line(self, line: Line) -> None:
        try:
            await self.conversation.mouth.run(line)
        except LineLost as error:
            log.warning("assistant_line_lost", assistant=self.assistant.id, code=error.code)

    def _line_over(self, line: Line) -> None:
        del self._lines[line]
        self._lines_changed.set()

    async def _follow(self, news: Subscription) -> None:
        """What happens on the call, as it is told to everybody."""
        while True:
            try:
                batch = await news.next_batch()
            except SubscriberTooSlow:
                self.finish(End(reason="overloaded"))
                return
            for told in batch:
                self.conversation.hearing.take(told.event)
                match told.event.data:
                    case ConferenceEnded():
                        self.finish(End(reason="conference_ended", gone=True))
                    case ParticipantLeft(participant=who) if who == self.assistant.participant_id:
                        self.finish(End(reason="removed", gone=True))

    async def _leave_politely(self, end: End) -> None:
        try:
            async with asyncio.timeout(POLITE_TIMEOUT_S):
                await self.conversation.silent()
        except TimeoutError:
            log.info("assistant_cut_off", assistant=self.assistant.id)
        self.finish(end)

    async def _go(self) -> None:
        """First what people should see at once, then its leg out by REST, then the line, then what is left to tell."""
        end, assistant = self._end, self.assistant
        if end is not None and end.failed:
            failed = AssistantFailed(
                assistant=assistant.id,
                participant=assistant.participant_id,
                reason=end.reason,
                detail=end.detail,
                at_ms=self.recorder.now_ms(),
            )
            await self.recorder.record(failed)
        self._show(Doing.LEAVING)
        await self.conversation.close()
        if end is None:
            return  # the next process goes on
        if not end.gone:
            await self.leg.put_out()
        for line in list(self._lines):
            self.line_went(line)
        if not end.failed:
            left = AssistantLeft(
                assistant=assistant.id,
                participant=assistant.participant_id,
                reason=end.reason,
                by=end.by,
                at_ms=self.recorder.now_ms(),
            )
            await self.recorder.record(left)
        log.info("assistant_gone", assistant=assistant.id, reason=end.reason, failed=end.failed)

    def _show(self, present: Doing | None) -> None:
        if self._present is Doing.LEAVING:
            return
        self._present = present
        self.tell()
