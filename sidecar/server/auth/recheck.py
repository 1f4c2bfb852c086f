"""Open streams outlive the check at their door: who was signed out or revoked elsewhere meanwhile is found here."""

from __future__ import annotations

import asyncio

import structlog

from sidecar.domain.access.callers import is_own
from sidecar.domain.errors import StoreUnavailable
from sidecar.ports.accounts import Accounts
from sidecar.ports.clock import Clock
from sidecar.ports.directory import Directory
from sidecar.server.stream_hub import StreamHub

log = structlog.get_logger()

RECHECK_S = 60.0


async def recheck_rights(hub: StreamHub, accounts: Accounts, directory: Directory, clock: Clock) -> None:
    """Runs until cancelled. A store that does not answer changes nothing: it is asked again in a minute."""
    while True:
        await asyncio.sleep(RECHECK_S)
        present = hub.callers
        try:
            welcome = await accounts.still_welcome(present, now=clock.now())
        except StoreUnavailable as error:
            log.warning("rights_not_checked", code=error.code)
            continue
        for caller in present - welcome:
            log.info("streams_closed", caller=caller, reason="auth")
            hub.close_of(caller)
        await _recheck_agents(hub, directory)


async def _recheck_agents(hub: StreamHub, directory: Directory) -> None:
    """A call is an agent's own by the names of its participants, and those can be corrected."""
    for stream in hub.of_agents():
        for conference in stream.conferences:
            try:
                own = is_own(await directory.participants(conference), stream.only_own or "")
            except StoreUnavailable as error:
                log.warning("rights_not_checked", code=error.code)
                return
            if not own:
                log.info("stream_closed", caller=stream.caller, conference=conference, reason="not_own")
                stream.close()  # it comes back, and is told that there is no such call
                break
