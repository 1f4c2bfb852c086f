"""All conferences of this node: who asks for a conference, a fork or its session asks here."""

from __future__ import annotations

import asyncio
from collections import Counter

import msgspec
import structlog

from sidecar.domain.access import token_hash
from sidecar.domain.conference import Conference, ConferenceState, Role, role_of
from sidecar.domain.errors import ConferenceOver, ForkRefused, NotFound, SidecarError, StoreUnavailable
from sidecar.ports.clock import Clock
from sidecar.ports.directory import BoundFork, Directory, ForkRequest
from sidecar.ports.event_log import EventLog
from sidecar.ports.recogniser import Recogniser
from sidecar.ports.telephony import Telephony
from sidecar.runtime.conference_session import ConferenceSession
from sidecar.runtime.engine_choice import EngineChoice
from sidecar.runtime.event_bus import EventBus
from sidecar.runtime.event_writer import EventWriter
from sidecar.runtime.fork_session import ForkSession
from sidecar.runtime.recorder import Recorder
from sidecar.runtime.recovery import TOKEN_LIFE, StreamReopener

log = structlog.get_logger()

# A conference whose session failed is taken up again, from its rows, after this time.
RESTART_AFTER_S = 2.0


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """A call as it introduces itself: the signed voice URL's query, and where it comes from."""

    call_sid: str
    address: str
    room: str | None = None
    label: str | None = None
    name: str | None = None
    role: str | None = None
    tenant: str = ""


class NoRoom(SidecarError):
    """No further fork just now. ``code``: draining (the service is stopping) or forks_full (the limit is reached)."""

    code = "forks_full"


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
    ) -> None:
        """``fallback``: listens while ``recogniser`` fails. ``max_forks``: media streams at once; calls beyond it go on
        without being transcribed.
        """
        self._directory = directory
        self._event_log = event_log
        self._writer = writer
        self._bus = bus
        self._clock = clock
        self.engines = EngineChoice(recogniser, fallback)
        self._telephony = telephony
        self._max_forks = max_forks
        self._reopener = (
            StreamReopener(directory=directory, telephony=telephony, clock=clock, tally=writer.tally)
            if telephony is not None
            else None
        )
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
        bound = await self._directory.open_fork(
            ForkRequest(
                conference_id=self._clock.new_id("cnf"),
                participant_id=self._clock.new_id("par"),
                fork_id=self._clock.new_id("frk"),
                tenant=caller.tenant,
                room=caller.room,
                call_sid=caller.call_sid,
                label=label,
                name=caller.name or label.capitalize(),
                role=role,
                token_hash=token_hash(token),
                token_expires_at=now + TOKEN_LIFE,
                now=now,
            )
        )
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

    async def session(self, *, conference_sid: str, room: str) -> ConferenceSession | None:
        """The session that a network callback is about: by the network's id, else by the room.

        None: not ours, over already, or left to the next process.
        """
        conference = await self._directory.conference(conference_sid)
        if conference is None:
            conference = await self._directory.conference_in_room(room)
            if conference is None or conference.sid not in (None, conference_sid):
                return None
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

    def _session_of(self, conference: Conference, *, recover: bool = False) -> ConferenceSession:
        session = self._sessions.get(conference.id)
        if session is None:
            session = self._sessions[conference.id] = self._new_session(conference)
            assert self._tasks is not None  # noqa: S101 - handlers run only while ``run`` does
            self._tasks.create_task(self._hold(session, recover=recover), name=f"conference:{conference.id}")
        return session

    def _new_session(self, conference: Conference) -> ConferenceSession:
        return ConferenceSession(
            Recorder(conference, writer=self._writer, bus=self._bus, clock=self._clock),
            directory=self._directory,
            event_log=self._event_log,
            engines=self.engines,
            telephony=self._telephony,
            reopener=self._reopener,
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
