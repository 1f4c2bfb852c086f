"""After a loss: ask the network what is still going on, and ask for a new media stream until one binds.

Needs no memory of the time before: everything comes from the directory's rows and the telephony provider.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import chain, repeat

import msgspec
import structlog

from sidecar.domain.access.callers import token_hash
from sidecar.domain.conference.facts import Signs
from sidecar.domain.conference.values import Conference, Fork, stream_name
from sidecar.domain.errors import StoreUnavailable, TelephonyFailed
from sidecar.ports.clock import Clock
from sidecar.ports.directory import Directory
from sidecar.ports.telephony import Telephony
from sidecar.runtime.notice import NoticeSpeaker
from sidecar.runtime.tally import Tally

log = structlog.get_logger()

# Waits before each try to reopen a stream; the last one repeats for as long as the participant is on the call.
REOPEN_BACKOFF_S = (0.0, 1.0, 2.0, 4.0, 8.0)
# What the provider refused once it refuses again, until somebody changes something there.
REFUSED_BACKOFF_S = 30.0
# A stream that was asked for has this long to open its socket before the next try.
BIND_TIMEOUT_S = 5.0
TOKEN_LIFE = timedelta(seconds=60)


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What the network says of a conference. ``sid`` None: it knows no conference in that room.

    ``present``: who is in it, by call_sid; ``labels``: what the provider calls them.
    """

    sid: str | None
    in_progress: bool
    started: bool = False
    ended_at: datetime | None = None
    present: Mapping[str, Signs] = {}
    labels: Mapping[str, str] = {}


async def inquire(conference: Conference, telephony: Telephony) -> Findings:
    """Whether a conference goes on, and which calls are in it. Raises TelephonyFailed."""
    sid = conference.sid or await telephony.find_conference(conference.room)
    if sid is None:
        return Findings(sid=None, in_progress=False)
    status = await telephony.status(sid)
    if not status.in_progress:
        return Findings(sid=sid, in_progress=False, ended_at=status.ended_at)
    listed = await telephony.participants(sid)
    return Findings(
        sid=sid,
        in_progress=True,
        started=status.started,
        present={one.call_sid: Signs(muted=one.muted, hold=one.hold, coaching=one.coaching) for one in listed},
        labels={one.call_sid: one.label for one in listed},
    )


async def find_out(conference: Conference, telephony: Telephony | None, *, urgent: bool) -> Findings | None:
    """As ``inquire``. A provider that fails is asked again until it answers if it is ``urgent``, else it is None.

    Without a provider to ask, the conference counts as over.
    """
    if telephony is None:
        return Findings(sid=None, in_progress=False)
    for wait_s in chain(REOPEN_BACKOFF_S[1:], repeat(REOPEN_BACKOFF_S[-1])):
        try:
            return await inquire(conference, telephony)
        except TelephonyFailed as error:
            log.warning("conference_inquiry_failed", conference=conference.id, code=error.code)
        if not urgent:
            break
        await asyncio.sleep(wait_s)
    return None


class WantedStream:
    """A fork whose stream is being asked for, and what came of that.

    ``still``: whether it is wanted. ``tell``: hears why it has not come so far, and whether that is for good.
    """

    def __init__(
        self, fork: Fork, *, conference_sid: str | None, still: Callable[[], bool], tell: Callable[[str, bool], None]
    ) -> None:
        self.fork = fork
        self.conference_sid = conference_sid
        self.still, self.tell = still, tell
        self.bound = False
        self.error = ""
        self._news = asyncio.Event()

    def came(self) -> None:
        """Its socket is there."""
        self.bound = True
        self._news.set()

    def failed(self, name: str, error: str) -> None:
        """The provider could not open the stream of that name; what it says of an older one is no news."""
        if name == stream_name(self.fork) and not self.bound:
            self.error = error
            self._news.set()

    async def wait(self, seconds: float) -> bool:
        """Until it came or failed, or the time is over; whether it came."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return self.bound
        if not self.bound:
            self._news.clear()
        return self.bound


class StreamReopener:
    """Asks for the media stream of a fork that has none: it died, it never came, or nobody has asked for it yet."""

    def __init__(
        self,
        *,
        directory: Directory,
        telephony: Telephony,
        clock: Clock,
        tally: Tally,
        notice: NoticeSpeaker,
        has_room: Callable[[], bool],
    ) -> None:
        """``has_room``: whether a further stream may come."""
        self._directory = directory
        self._telephony = telephony
        self._clock = clock
        self._tally = tally
        self._notice = notice
        self._has_room = has_room

    async def reopen(self, stream: WantedStream) -> bool:
        """Try until it comes. False: no longer wanted, or the call is over, which is asked before each try.

        Nothing is simply asked for again: what was asked for without an answer may be on its way. It has its time to
        come, and is then stopped by its name before another one, with a new name and token, is asked for.
        """
        attempt, pause_s, doubtful = 0, 0.0, False
        told = stream.fork.epoch > 0  # who fetched our TwiML has heard the notice
        while not await stream.wait(pause_s):
            if not stream.still():
                return False
            attempt += 1
            pause_s = REOPEN_BACKOFF_S[min(attempt, len(REOPEN_BACKOFF_S) - 1)]
            if not self._has_room():
                continue
            problem, asked = "no stream was opened", False
            try:
                if doubtful:
                    await self._stop(stream.fork)
                if await self._telephony.is_over(stream.fork.call_sid):
                    log.info("call_over", fork=stream.fork.id, attempt=attempt)
                    return False
                if not told:
                    await self._speak_notice(stream)
                told = doubtful = asked = True
                await self._ask(stream)
            except TelephonyFailed as error:
                self._tally.streams_asked_for["refused"] += 1
                log.warning("stream_refused", fork=stream.fork.id, code=error.code, provider_code=error.provider_code)
                doubtful = doubtful and not error.refused
                pause_s = error.retry_after_s or (REFUSED_BACKOFF_S if error.refused else pause_s)
                problem = error.reason
                if error.refused:
                    stream.tell(problem, error.retry_after_s is None)
                    if error.gone:
                        return False
                if error.refused or not asked:  # then none will come
                    continue
            except StoreUnavailable as error:
                log.warning("stream_not_asked_for", fork=stream.fork.id, code=error.code, attempt=attempt)
                continue
            if await stream.wait(BIND_TIMEOUT_S):
                self._tally.streams_asked_for["came"] += 1
                return True
            self._tally.streams_asked_for["did_not_come"] += 1
            log.warning("stream_did_not_come", fork=stream.fork.id, epoch=stream.fork.epoch, attempt=attempt)
            stream.tell(stream.error or problem, False)
        return True

    async def stop(self, fork: Fork) -> None:
        """End the fork's present stream at the provider; it says so by a stop, as when the call ends."""
        await self._telephony.stop_stream(fork.call_sid, name=stream_name(fork))

    async def _stop(self, fork: Fork) -> None:
        """Perhaps there is such a stream, and it would use up one of the few that a call may have."""
        try:
            await self.stop(fork)
        except TelephonyFailed as error:
            log.warning("stream_not_stopped", fork=fork.id, code=error.code, provider_code=error.provider_code)

    async def _speak_notice(self, stream: WantedStream) -> None:
        if stream.conference_sid is not None:
            await self._notice.speak(conference_sid=stream.conference_sid, call_sid=stream.fork.call_sid)

    async def _ask(self, stream: WantedStream) -> None:
        token = self._clock.new_token()
        renewed = await self._directory.renew_fork(
            stream.fork.id, token_hash=token_hash(token), expires_at=self._clock.now() + TOKEN_LIFE
        )
        stream.fork, stream.error = renewed.fork, ""
        stream_sid = await self._telephony.start_stream(
            renewed.fork.call_sid, name=stream_name(renewed.fork), parameters={"token": token}
        )
        log.info("stream_requested", fork=renewed.fork.id, stream_sid=stream_sid, epoch=renewed.fork.epoch)
