"""All conferences of this node: who asks for a conference, a fork or its session asks here."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
import structlog

from sidecar.domain.access.callers import token_hash
from sidecar.domain.conference.attachment import Report, report
from sidecar.domain.conference.course import Course
from sidecar.domain.conference.values import Conference, ConferenceState, Role, role_of
from sidecar.domain.errors import ConferenceOver, ForkRefused, NotFound, SidecarError, StoreUnavailable
from sidecar.domain.redaction.rules import Rules
from sidecar.domain.tenant_rules import TenantRules
from sidecar.ports.assistants import Assistants
from sidecar.ports.clock import Clock
from sidecar.ports.directory import BoundFork, Directory, ForkRequest, RoomOfAnotherTenant
from sidecar.ports.event_log import EventLog
from sidecar.ports.recogniser import Recogniser
from sidecar.ports.telephony import Telephony
from sidecar.runtime.attachment import Introduction
from sidecar.runtime.conference_session import ConferenceSession
from sidecar.runtime.ears import Ears
from sidecar.runtime.engine_choice import EngineChoice
from sidecar.runtime.event_bus import EventBus
from sidecar.runtime.event_writer import EventWriter
from sidecar.runtime.fork_session import ForkSession
from sidecar.runtime.notice import NoticeSpeaker
from sidecar.runtime.recorder import Recorder
from sidecar.runtime.recovery import TOKEN_LIFE, StreamReopener

log = structlog.get_logger()

# A conference whose session failed is taken up again, from its rows, after this time.
RESTART_AFTER_S = 2.0
# Who asks for a conference to be attached waits so long at most for the streams that were asked for.
SETTLE_TIMEOUT_S = 6.0
# A room whose earlier conference ended unnoticed is free for the next one after this time at the latest.
ROOM_TIMEOUT_S = 3.0


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """A call as it introduces itself: the signed voice URL's query, where it comes from and whom it called."""

    call_sid: str
    address: str
    room: str | None = None
    label: str | None = None
    name: str | None = None
    role: str | None = None
    tenant: str | None = None
    called: str = ""


class NoRoom(SidecarError):
    """No further fork just now. ``code``: draining (the service is stopping) or forks_full (the limit is reached)."""

    code = "forks_full"


class NotAttachable(SidecarError):
    """Nothing can be heard of this conference just now. ``code``: conference_not_begun or no_account."""

    code = "no_account"


class Switchboard:
    """``run`` is its one task, and the parent of every conference's task."""

    def __init__(
        self,
        *,
        directory: Directory,
        event_log: EventLog,
        writer: EventWriter,
        bus: EventBus,
        clock: Clock,
        recogniser: Recogniser,
        fallback: Recogniser | None = None,
        telephony: Telephony | None,
        max_forks: int,
        notice: str = "",
        assistants: Assistants | None = None,
        before_completion: Callable[[str], Awaitable[None]] | None = None,
        ears: Ears | None = None,
        rules: Callable[[str], Rules] | None = None,
        tenants: TenantRules | None = None,
    ) -> None:
        """``fallback``: listens while ``recogniser`` fails. ``max_forks``: media streams at once; calls beyond it go on
        without being transcribed. ``notice``: spoken to whoever is forked without having asked for TwiML; "" for none.
        ``assistants``: who of those in a room is ours. ``before_completion``: see ``ConferenceSession``.
        ``ears``: who listens besides the recognisers. ``rules``: what is redacted for a tenant, as of now.
        ``tenants``: whose a call is that does not say so itself.
        """
        self._directory = directory
        self._tenants = tenants or TenantRules()
        self._event_log = event_log
        self._writer = writer
        self._bus = bus
        self._clock = clock
        self.engines = EngineChoice(recogniser, fallback)
        self._telephony = telephony
        self._max_forks = max_forks
        self._reopener: StreamReopener | None = None
        self._introduction: Introduction | None = None
        if telephony is not None:
            self._introduction = Introduction(
                directory=directory, telephony=telephony, clock=clock, assistants=assistants
            )
            self._reopener = StreamReopener(
                directory=directory,
                telephony=telephony,
                clock=clock,
                tally=writer.tally,
                notice=NoticeSpeaker(telephony, notice),
                has_room=lambda: not self.draining and self.live_forks < self._max_forks,
            )
        self._before_completion = before_completion
        self._ears = ears
        self._rules = rules
        self._sessions: dict[str, ConferenceSession] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._stopping = asyncio.Event()
        self.refusals: Counter[str] = Counter()  # by reason: requests, sockets and tokens that were turned away

    async def run(self) -> None:
        """Look after what an earlier process left, then hold the conferences until ``shut_down``."""
        async with asyncio.TaskGroup() as self._tasks:
            for conference in await self._directory.unfinished():
                log.info("conference_found_again", conference=conference.id)
                self._session_of(conference, recover=True)
            await self._stopping.wait()

    async def shut_down(self) -> None:
        """Take nothing new, finish every fork's last words; the conferences themselves go on without us."""
        self._stopping.set()
        for session in list(self._sessions.values()):
            await session.shut_down()

    @property
    def draining(self) -> bool:
        """Whether the service is stopping."""
        return self._stopping.is_set()

    @property
    def conferences(self) -> int:
        """How many conferences this node looks after now."""
        return len(self._sessions)

    @property
    def live_forks(self) -> int:
        """How many media streams send audio now."""
        return sum(session.live_forks for session in self._sessions.values())

    def check_room(self) -> None:
        """Raises NoRoom when no further media stream may come."""
        if self.draining:
            raise NoRoom("The service is stopping.", code="draining")
        if self.live_forks >= self._max_forks:
            raise NoRoom(
                f"{self._max_forks} participants are being transcribed, and that is the limit.",
                next_step="Raise SIDECAR_MAX_FORKS if the machine can do more.",
            )

    async def admit(self, caller: Caller) -> tuple[BoundFork, str | None]:
        """A call asks for its TwiML: its rows are made, and the token with which its media stream must come.

        None instead of the token when there is no room: the call has to go on all the same. What is said on it is then
        a gap; after a restart such a fork is asked for by REST, as all that have no stream.
        """
        token, now = self._clock.new_token(), self._clock.now()
        role = role_of(parameter=caller.role, label=caller.label, address=caller.address)
        label = caller.label or (role.value if role is not Role.OTHER else "caller")
        request = ForkRequest(
            conference_id=self._clock.new_id("cnf"),
            participant_id=self._clock.new_id("par"),
            fork_id=self._clock.new_id("frk"),
            tenant=self._tenants.tenant(said=caller.tenant, number=caller.called, room=caller.room),
            room=caller.room,
            call_sid=caller.call_sid,
            label=label,
            name=caller.name or label.capitalize(),
            role=role,
            token_hash=token_hash(token),
            token_expires_at=now + TOKEN_LIFE,
            now=now,
        )
        try:
            bound = await self._directory.open_fork(request)
        except RoomOfAnotherTenant as error:
            # In that room they would hear each other. So the call gets one of its own, which its tenant sees.
            self.refusals[error.code] += 1
            log.error("call_kept_apart", call_sid=caller.call_sid, code=error.code, reason=str(error))
            bound = await self._directory.open_fork(msgspec.structs.replace(request, room=None))
        try:
            self.check_room()
        except NoRoom as error:
            self.refusals[error.code] += 1
            log.warning("call_not_forked", conference=bound.conference.id, fork=bound.fork.id, code=error.code)
            if not self.draining:
                self._session_of(bound.conference).expect(bound, unheard=error.code)
            return bound, None
        self._session_of(bound.conference).expect(bound)
        return bound, token

    async def bind(self, *, token: str, call_sid: str, stream_sid: str) -> tuple[ConferenceSession, ForkSession]:
        """A media stream shows its token. Raises ForkRefused, NoRoom."""
        self.check_room()
        came_at = self._clock.now()  # its audio begins here, however long the store takes
        bound = await self._directory.claim_fork(
            token_hash=token_hash(token), call_sid=call_sid, stream_sid=stream_sid, now=came_at
        )
        if bound.conference.state is ConferenceState.ENDED:
            raise ForkRefused(f"Conference {bound.conference.id} is over.", code="conference_over")
        session = self._session_of(bound.conference)
        return session, await session.attach(bound, came_at=came_at)

    async def session(
        self, *, conference_sid: str, room: str, goes_on: bool = False, tenant: str | None = None
    ) -> ConferenceSession | None:
        """The session that a network callback is about: by the network's id, else by the room.

        ``goes_on``: the callback says so; then a conference that nobody told us of is attached to, as ``tenant``'s,
        or whose the rules say. None: not ours, over already, or left to the next process.
        """
        conference = await self._directory.conference(conference_sid)
        if conference is None:
            conference = await self._directory.conference_in_room(room)
            if conference is None or conference.sid not in (None, conference_sid):
                whose = self._tenants.tenant(said=tenant, room=room)
                return await self._attach(conference_sid, room, whose) if goes_on else None
        if conference.state is ConferenceState.ENDED or (self.draining and conference.id not in self._sessions):
            return None  # the next process asks the network what became of those that nobody looks after any more
        session = self._session_of(conference)
        await session.bound_to(conference_sid)
        return session

    async def going_on(self, id_or_sid: str) -> ConferenceSession:
        """The session of a conference that goes on, by our id or the network's.

        Raises NotFound, ConferenceOver, NoRoom.
        """
        conference = await self._directory.conference(id_or_sid)
        if conference is None:
            raise NotFound(f"There is no conference {id_or_sid[:64]}.", next_step="List them: GET /v1/conferences.")
        if conference.state is ConferenceState.ENDED:
            raise ConferenceOver(f"Conference {conference.id} is over.")
        if self.draining and conference.id not in self._sessions:
            raise NoRoom("The service is stopping.", code="draining", next_step="Try again in a moment.")
        return self._session_of(conference)

    async def attach(self, id_or_sid: str, *, tenant: str) -> Report:
        """Have everybody in a conference heard who is not yet; how it stands with them after a short while.

        ``tenant``: on whose behalf. Asking again changes nothing for who is heard. Raises NotFound, also for another
        tenant's, ConferenceOver, NotAttachable, TelephonyFailed, SessionGone.
        """
        if self._telephony is None:
            raise NotAttachable(
                "There is no account to ask for streams.",
                next_step="Set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN.",
                code="no_account",
            )
        known = await self._directory.conference(id_or_sid)
        if known is not None and known.tenant != tenant:
            raise _unknown_to_account(id_or_sid)
        if known is not None and known.state is ConferenceState.ENDED:
            raise ConferenceOver(f"Conference {known.id} is over.")
        sid: str | None = id_or_sid
        if known is not None:
            sid = known.sid or await self._telephony.find_conference(known.room)
        if sid is None:
            raise NotAttachable(f"Nobody is in conference {id_or_sid} yet.", code="conference_not_begun")
        status = await self._telephony.status(sid)
        nothing = not status.in_progress and not status.room
        if nothing or (known is None and self._tenants.tenant(room=status.room) != tenant):
            raise _unknown_to_account(sid)
        session = await self._attach(sid, status.room, tenant) if status.in_progress else None
        if session is None:
            raise ConferenceOver(f"Conference {sid} is over.")
        if session.conference.tenant != tenant:  # it goes on in a room that another tenant's call opened
            raise _unknown_to_account(sid)
        return await self._settled(session, {one.call_sid for one in await self._telephony.participants(sid)})

    async def report(self, conference: Conference) -> Report:
        """How it stands with everybody in a conference, over or not. Raises SessionGone."""
        session = self._sessions.get(conference.id)
        if session is not None:
            return await session.report()
        people, forks = await self._directory.participants(conference.id), await self._directory.forks(conference.id)
        return report(Course.of_rows(conference, people, forks, at_ms=0))

    def stream_failed(self, name: str, error: str) -> None:
        """The network could not open the stream of that name, in its words ``error``."""
        fork_id = name.rpartition("-")[0]
        for session in self._sessions.values():
            session.stream_failed(fork_id, name, error)

    async def _attach(self, sid: str, room: str, tenant: str) -> ConferenceSession | None:
        """The session of a conference that goes on, and may be new to us; None while we stop."""
        if self._telephony is None or self.draining:
            return None
        for _ in range(round(ROOM_TIMEOUT_S / 0.1)):
            conference = await self._directory.find_or_open_conference(
                sid, room=room, conference_id=self._clock.new_id("cnf"), tenant=tenant, now=self._clock.now()
            )
            if conference is not None:
                break
            # A room has one conference at a time, so its earlier one is over: let that be found out.
            earlier = await self._directory.conference_in_room(room)
            if earlier is not None:
                await self._session_of(earlier).attach_everybody()
            await asyncio.sleep(0.1)
        else:
            log.warning("conference_not_attached", conference_sid=sid, reason="its room is taken")
            return None
        if conference.state is ConferenceState.ENDED:
            return None
        log.info("conference_attached", conference=conference.id, conference_sid=sid)
        session = self._session_of(conference)
        await session.bound_to(sid)
        await session.attach_everybody()
        return session

    async def _settled(self, session: ConferenceSession, present: set[str]) -> Report:
        """As soon as everybody who is present is heard, or cannot be; at the latest after SETTLE_TIMEOUT_S."""
        for _ in range(round(SETTLE_TIMEOUT_S / 0.1)):
            now = await session.report()
            if now.settled and present <= {standing.participant.call_sid for standing in now.standings}:
                break
            await asyncio.sleep(0.1)
        return now

    def _session_of(self, conference: Conference, *, recover: bool = False) -> ConferenceSession:
        session = self._sessions.get(conference.id)
        if session is None:
            session = self._sessions[conference.id] = self._new_session(conference)
            assert self._tasks is not None  # noqa: S101 - handlers run only while ``run`` does
            self._tasks.create_task(self._hold(session, recover=recover), name=f"conference:{conference.id}")
        return session

    def _new_session(self, conference: Conference) -> ConferenceSession:
        return ConferenceSession(
            Recorder(
                conference,
                writer=self._writer,
                bus=self._bus,
                clock=self._clock,
                ears=self._ears,
                rules=partial(self._rules, conference.tenant) if self._rules else None,
            ),
            directory=self._directory,
            event_log=self._event_log,
            engines=self.engines,
            telephony=self._telephony,
            reopener=self._reopener,
            introduction=self._introduction,
            before_completion=self._before_completion,
            ears=self._ears,
        )

    async def _hold(self, session: ConferenceSession, *, recover: bool) -> None:
        """Run a session to its end. One that fails (the store is away, a defect) ends no other; it starts again."""
        conference = session.conference
        try:
            while True:
                try:
                    await session.run(recover=recover)
                except Exception:
                    log.exception("conference_failed", conference=conference.id, again_in_s=RESTART_AFTER_S)
                else:
                    return
                await asyncio.sleep(RESTART_AFTER_S)
                session, recover = self._new_session(await self._as_stored(conference)), True
                self._sessions[conference.id] = session
        finally:
            self._sessions.pop(conference.id, None)

    async def _as_stored(self, conference: Conference) -> Conference:
        """The present row; as it was, while the store does not answer."""
        try:
            return await self._directory.conference(conference.id) or conference
        except StoreUnavailable:
            return conference


def _unknown_to_account(id_or_sid: str) -> NotFound:
    return NotFound(f"The account has no conference {id_or_sid[:64]}.")
