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

from sidecar.domain.access import token_hash
from sidecar.domain.conference import Conference, Fork, stream_name
from sidecar.domain.conference_facts import Signs
from sidecar.domain.errors import StoreUnavailable, TelephonyFailed
from sidecar.ports.clock import Clock
from sidecar.ports.directory import Directory
from sidecar.ports.telephony import Telephony
from sidecar.runtime.tally import Tally

log = structlog.get_logger()

# Waits before each try to reopen a stream; the last one repeats for as long as the participant is on the call.
REOPEN_BACKOFF_S = (0.0, 1.0, 2.0, 4.0, 8.0)
# A stream that was asked for has this long to open its socket before the next try.
BIND_TIMEOUT_S = 5.0
TOKEN_LIFE = timedelta(seconds=60)


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What the network says of a conference. ``sid`` None: it knows no conference in that room.

    ``present``: who is in it, by call_sid.
    """

    sid: str | None
    in_progress: bool
    started: bool = False
    ended_at: datetime | None = None
    present: Mapping[str, Signs] = {}


async def inquire(conference: Conference, telephony: Telephony) -> Findings:
    """Whether a conference goes on, and which calls are in it. Raises TelephonyFailed."""
    sid = conference.sid or await telephony.find_conference(conference.room)
    if sid is None:
        return Findings(sid=None, in_progress=False)
    status = await telephony.status(sid)
    if not status.in_progress:
        return Findings(sid=sid, in_progress=False, ended_at=status.ended_at)
    present = {
        one.call_sid: Signs(muted=one.muted, hold=one.hold, coaching=one.coaching)
        for one in await telephony.participants(sid)
    }
    return Findings(sid=sid, in_progress=True, started=status.started, present=present)


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


class StreamReopener:
    """Asks for a new media stream of a fork whose stream died."""

    def __init__(self, *, directory: Directory, telephony: Telephony, clock: Clock, tally: Tally) -> None:
        self._directory = directory
        self._telephony = telephony
        self._clock = clock
        self._tally = tally

    async def reopen(self, fork: Fork, *, bound: asyncio.Event, wanted: Callable[[], bool]) -> bool:
        """Try until ``bound`` is set by the media socket. False: no longer wanted, or the call is over."""
        attempt = 0
        while not bound.is_set() and wanted():
            await asyncio.sleep(REOPEN_BACKOFF_S[min(attempt, len(REOPEN_BACKOFF_S) - 1)])
            attempt += 1
            if not wanted():
                return False
            try:
                await self._ask(fork)
                async with asyncio.timeout(BIND_TIMEOUT_S):
                    await bound.wait()
                self._tally.streams_asked_for["came"] += 1
            except TelephonyFailed as error:
                self._tally.streams_asked_for["refused"] += 1
                log.warning("stream_not_reopened", fork=fork.id, code=error.code, provider_code=error.provider_code)
                if error.gone:
                    return False
            except (TimeoutError, StoreUnavailable) as error:
                self._tally.streams_asked_for["did_not_come"] += 1
                log.warning("stream_not_reopened", fork=fork.id, error=type(error).__name__, attempt=attempt)
        return bound.is_set()

    async def _ask(self, fork: Fork) -> None:
        token = self._clock.new_token()
        renewed = await self._directory.renew_fork(
            fork.id, token_hash=token_hash(token), expires_at=self._clock.now() + TOKEN_LIFE
        )
        stream_sid = await self._telephony.start_stream(
            fork.call_sid, name=stream_name(renewed.fork), parameters={"token": token}
        )
        log.info("stream_requested", fork=fork.id, stream_sid=stream_sid, epoch=renewed.fork.epoch)
