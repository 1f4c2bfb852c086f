"""Open streams outlive the check at their door: who was signed out or revoked elsewhere meanwhile is found here."""

from __future__ import annotations

import asyncio

import structlog

from sidecar.domain.errors import StoreUnavailable
from sidecar.ports.accounts import Accounts
from sidecar.ports.clock import Clock
from sidecar.server.stream_hub import StreamHub

log = structlog.get_logger()

RECHECK_S = 60.0


async def recheck_rights(hub: StreamHub, accounts: Accounts, clock: Clock) -> None:
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
