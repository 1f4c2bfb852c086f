"""All assistants of this node: who invites one, asks for its TwiML or opens its line asks here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple

import msgspec
import structlog

from sidecar.domain.access.callers import token_hash
from sidecar.domain.assistant.events import AssistantFailed, AssistantRequested
from sidecar.domain.assistant.stay import (
    PROMPT_MAX_CHARS,
    Assistant,
    AssistantRefused,
    Audience,
    LineRefused,
    Speaks,
    Wish,
    check_text,
    check_wish,
)
from sidecar.domain.assistant.words import engines_told
from sidecar.domain.conference.values import Conference, ConferenceState
from sidecar.domain.errors import ConferenceOver, NotFound, SidecarError
from sidecar.domain.redaction.rules import Rules
from sidecar.ports.assistants import Assistants
from sidecar.ports.chat_model import ChatModel
from sidecar.ports.clock import Clock
from sidecar.ports.directory import Directory
from sidecar.ports.event_log import EventLog
from sidecar.ports.realtime import RealtimeModel
from sidecar.ports.telephony import Telephony
from sidecar.ports.voice import Voice
from sidecar.runtime.assistant.conversation import Conversation
from sidecar.runtime.assistant.leg import Leg, LegPolicy
from sidecar.runtime.assistant.records import TurnRecords
from sidecar.runtime.assistant.session import RENDERINGS_MOST, AssistantSession, End
from sidecar.runtime.ears import Ears
from sidecar.runtime.event_bus import EventBus
from sidecar.runtime.event_writer import EventWriter, StoreOverloaded
from sidecar.runtime.recorder import Recorder
from sidecar.runtime.recovery import TOKEN_LIFE

log = structlog.get_logger()

# A conference that is over waits so long for what its assistant has yet to record.
LAST_WORDS_TIMEOUT_S = 3.0
GIVE_UP_AGAIN_S = 5.0
# The provider's limit is for when ours does not work.
LIMIT_SLACK_S = 60


class Engines(NamedTuple):
    """What an assistant thinks and speaks with. ``realtime``: gives the answers that people hear, if there is one."""

    chat_model: ChatModel
    voice: Voice
    realtime: RealtimeModel | None = None

    def told(self) -> str:
        """Who does what, and what they cannot do, for people."""
        return engines_told(
            answers=self.realtime.engine if self.realtime else self.chat_model.engine,
            exact_words=self.voice.engine,
            in_words=self.chat_model.engine,
        )


class AssistantPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What assistants may do here. ``application_sid`` or ``from_number`` "": there are none.

    ``minutes``: how long one stays at most; ``tokens``: what its thinking may cost. ``per_hour``: how many a tenant may
    invite.
    """

    name: str = "Ava"
    application_sid: str = ""
    from_number: str = ""
    minutes: int = 60
    tokens: int = 500_000
    per_hour: int = 30


class NotYet(SidecarError):
    """Ask again in a moment."""

    code = "assistant_not_yet"


class AssistantDesk:
    """``run`` is its one task, and the parent of every assistant's."""

    def __init__(
        self,
        policy: AssistantPolicy,
        *,
        rows: Assistants,
        directory: Directory,
        event_log: EventLog,
        writer: EventWriter,
        bus: EventBus,
        clock: Clock,
        telephony: Telephony | None,
        engines: Engines | None,
        rules: Callable[[str], Rules] | None = None,
    ) -> None:
        """``telephony`` or ``engines`` None: assistants cannot be invited. ``rules``: what is redacted for a tenant."""
        self._rules = rules
        self._policy = policy
        self._leg_policy = LegPolicy(
            application_sid=policy.application_sid,
            from_number=policy.from_number,
            time_limit_s=policy.minutes * 60 + LIMIT_SLACK_S,
        )
        self._rows = rows
        self._directory = directory
        self._event_log = event_log
        self._writer = writer
        self._bus = bus
        self._clock = clock
        self._telephony = telephony
        self._engines = engines
        self._sessions: dict[str, AssistantSession] = {}
        self.ears = Ears()
        self._tasks: asyncio.TaskGroup | None = None
        self._knows_all = asyncio.Event()  # those of an earlier process: none invited now is taken for one of them
        self._changing_manners = asyncio.Lock()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Go on with those of an earlier process, then hold all of them until ``shut_down``."""
        async with asyncio.TaskGroup() as self._tasks:
            for assistant in await self._rows.live():
                conference = await self._directory.conference(assistant.conference_id)
                if conference is not None and self._telephony is not None and self._engines is not None:
                    log.info("assistant_found_again", assistant=assistant.id, conference=conference.id)
                    session = self._open(assistant, conference, recover=True)
                    if conference.state is ConferenceState.ENDED:
                        session.finish(End(reason="conference_ended", gone=True))
            self._knows_all.set()
            await self._stopping.wait()

    async def shut_down(self) -> None:
        """Take nothing new; what is being said is over. The assistants stay, for the next process."""
        self._stopping.set()
        sessions = list(self._sessions.values())
        for session in sessions:
            session.shut_down()
        for session in sessions:
            await session.done.wait()

    @property
    def engines(self) -> Engines | None:
        """What its assistants think and speak with; None: nobody can invite one."""
        return self._engines

    @property
    def open(self) -> bool:
        """Whether assistants can be invited here at all."""
        ready = self._telephony is not None and self._engines is not None
        return ready and bool(self._policy.application_sid and self._policy.from_number)

    @property
    def live(self) -> int:
        """How many assistants there are now, or on their way."""
        return len(self._sessions)

    # -- inviting ----------------------------------------------------------------------------------------------

    async def invite(self, conference: Conference, wish: Wish) -> Assistant:
        """An assistant that is on its way; what becomes of it is told by events.

        Raises AssistantRefused, AssistantPresent, ConferenceOver, NotYet, StoreOverloaded: then none comes.
        """
        policy = self._policy
        if not self.open:
            raise AssistantRefused(
                "Assistants are switched off.",
                next_step="Set TWILIO_TWIML_APP_SID and TWILIO_FROM, besides the account; see docs/assistant.md.",
            )
        check_wish(wish)
        prompt = check_text(wish.prompt, PROMPT_MAX_CHARS, name="prompt") if wish.prompt.strip() else ""
        if conference.sid is None:
            raise ConferenceOver(f"Conference {conference.id} has not begun at the network.", code="conference_waiting")
        assistant = Assistant(
            id=self._clock.new_id("ast"),
            conference_id=conference.id,
            participant_id=self._clock.new_id("par"),
            tenant=conference.tenant,
            name=policy.name,
            by=wish.by,
            prompt=prompt,
            speaks=wish.speaks,
            announce=wish.announce,
            audience=wish.audience,
            requested_at=self._clock.now(),
        )
        await self._knows_all.wait()
        if self._stopping.is_set():
            raise NotYet("The service is stopping.", next_step="Ask again in a moment.")
        await self._rows.reserve(assistant, per_hour=policy.per_hour)
        session = self._open(assistant, conference)
        requested = AssistantRequested(
            assistant=assistant.id,
            participant=assistant.participant_id,
            name=assistant.name,
            by=assistant.by,
            prompt=assistant.prompt,
            speaks=assistant.speaks,
            announce=assistant.announce,
            audience=assistant.audience,
            at_ms=session.recorder.now_ms(),
        )
        try:
            await session.recorder.record(requested)
        except StoreOverloaded as error:
            session.finish(End(reason=error.code, failed=True))  # nobody would see why it is there
            raise
        log.info("assistant_requested", assistant=assistant.id, conference=conference.id)
        return assistant

    # -- those that are there ----------------------------------------------------------------------------------

    async def of_conference(self, conference_id: str) -> list[Assistant]:
        """All that a conference ever had, the newest first."""
        return list(await self._rows.of_conference(conference_id))

    def session(self, assistant_id: str) -> AssistantSession | None:
        """Of one that is there or on its way, here."""
        return self._sessions.get(assistant_id)

    async def present(self, conference_id: str, assistant_id: str) -> AssistantSession:
        """The same. Raises NotFound, AssistantRefused (assistant_gone)."""
        assistant = await self._rows.assistant(assistant_id)
        if assistant is None or assistant.conference_id != conference_id:
            raise NotFound(f"Conference {conference_id} has no assistant {assistant_id[:64]}.")
        session = self._sessions.get(assistant_id)
        if session is None:
            raise AssistantRefused(f"Assistant {assistant_id} is gone.", code="assistant_gone")
        return session

    async def set_manners(
        self, session: AssistantSession, *, speaks: Speaks | None, audience: Audience | None, muted: bool | None
    ) -> Assistant:
        """Other manners; None: as it was. Raises AssistantRefused, TelephonyFailed: then nothing changed."""
        if audience is not None and audience is not session.assistant.audience:
            await session.set_audience(audience)
        async with self._changing_manners:  # what is left as it was is left as whoever came before wanted it
            now = session.assistant
            changed = await self._rows.set_manners(
                now.id,
                speaks=speaks or now.speaks,
                audience=audience or now.audience,
                muted=now.muted if muted is None else muted,
            )
            session.set_manners(changed)
        return changed

    # -- its leg -----------------------------------------------------------------------------------------------

    async def rendering(self, assistant_id: str, call_sid: str) -> str | None:
        """The leg asks for TwiML: the token with which its line must come. None: it is to hang up.

        Raises NotYet while nobody here looks after it although it stays: the process begins, or ends.
        """
        session = self._sessions.get(assistant_id)
        if session is None or self._stopping.is_set():
            row = await self._rows.assistant(assistant_id)
            if row is None or not row.live or row.dismissed:
                return None
            raise NotYet(f"Assistant {assistant_id} is not looked after just now.")
        token = self._clock.new_token()
        renewed = await self._rows.renew_token(
            assistant_id, call_sid=call_sid, token_hash=token_hash(token), expires_at=self._clock.now() + TOKEN_LIFE
        )
        if renewed is None:
            return None
        if renewed.renderings > RENDERINGS_MOST:
            log.warning("assistant_line_never_holds", assistant=assistant_id, renderings=renewed.renderings)
            session.finish(End(reason="line_lost"))
            return None
        session.call_known(call_sid)
        return token

    async def bind(self, *, token: str, call_sid: str) -> AssistantSession:
        """A line shows its token. Raises LineRefused."""
        assistant = await self._rows.claim_token(token_hash=token_hash(token), call_sid=call_sid, now=self._clock.now())
        session = self._sessions.get(assistant.id)
        if session is None:
            raise LineRefused(f"Assistant {assistant.id} is not here.", code="assistant_gone")
        return session

    async def conference_over(self, conference_id: str) -> None:
        """Returns when nothing more of a conference's assistant will be recorded, or it takes too long."""
        for session in list(self._sessions.values()):
            if session.assistant.conference_id == conference_id:
                session.finish(End(reason="conference_ended", gone=True))
                try:
                    async with asyncio.timeout(LAST_WORDS_TIMEOUT_S):
                        await session.done.wait()
                except TimeoutError:
                    log.warning("assistant_not_done", assistant=session.assistant.id)

    # -- tasks -------------------------------------------------------------------------------------------------

    def _open(self, assistant: Assistant, conference: Conference, *, recover: bool = False) -> AssistantSession:
        # Only while it runs, and nobody is invited without an account and engines.
        assert self._telephony is not None and self._engines is not None and self._tasks is not None  # noqa: S101, PT018
        rules = partial(self._rules, conference.tenant) if self._rules else None
        recorder = Recorder(conference, writer=self._writer, bus=self._bus, clock=self._clock, rules=rules)
        conversation = Conversation(
            assistant,
            recorder=recorder,
            records=TurnRecords(assistant, recorder=recorder, rows=self._rows),
            chat_model=self._engines.chat_model,
            voice=self._engines.voice,
            realtime=self._engines.realtime,
            clock=self._clock,
            minutes=self._policy.minutes,
            tokens=self._policy.tokens,
        )
        session = AssistantSession(
            assistant,
            leg=Leg(assistant, conference, self._leg_policy, telephony=self._telephony, rows=self._rows),
            conversation=conversation,
            recorder=recorder,
            event_log=self._event_log,
            bus=self._bus,
        )
        self._sessions[assistant.id] = session
        self.ears.open(conference.id, conversation.hearing)
        self._tasks.create_task(self._hold(session, recover=recover), name=f"assistant:{assistant.id}")
        return session

    async def _hold(self, session: AssistantSession, *, recover: bool) -> None:
        """Run a session to its end. One that fails ends no other, and is told as an event."""
        assistant = session.assistant
        try:
            await session.run(recover=recover)
        except Exception:
            log.exception("assistant_failed", assistant=assistant.id)
            await self._give_up(session)
        finally:
            self._sessions.pop(assistant.id, None)
            self.ears.close(assistant.conference_id, session.conversation.hearing)

    async def _give_up(self, session: AssistantSession) -> None:
        """After a defect, or while nothing can be stored: it goes, and people see it as soon as that can be stored."""
        assistant, recorder = session.assistant, session.recorder
        failed = AssistantFailed(
            assistant=assistant.id,
            participant=assistant.participant_id,
            reason="internal_error",
            at_ms=recorder.now_ms(),
        )
        await session.leg.put_out()
        while not self._stopping.is_set():
            try:
                await recorder.record(failed)
            except StoreOverloaded as error:
                log.warning("assistant_failure_not_stored", assistant=assistant.id, code=error.code)
                await self._stops_within(GIVE_UP_AGAIN_S)
            except SidecarError as error:  # its conference is gone, perhaps: nobody will ever see it
                log.error("assistant_failure_refused", assistant=assistant.id, code=error.code)
                return
            else:
                return

    async def _stops_within(self, seconds: float) -> None:
        """Returns after this time, or when the service stops."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
