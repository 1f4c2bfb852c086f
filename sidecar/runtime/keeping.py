"""What tenants have decided, for whoever must know at once; and the task that deletes what was kept for long enough."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

import structlog

from sidecar.domain.conference.values import Conference
from sidecar.domain.errors import StoreUnavailable
from sidecar.domain.keeping import Keeping, NotDeletable
from sidecar.domain.redaction.rules import Policy, Rules
from sidecar.ports.clock import Clock
from sidecar.ports.keeping import Erasure, Keepings
from sidecar.runtime.event_bus import EventBus, conference_topic

log = structlog.get_logger()

# Another process may have changed a decision.
READ_AGAIN_S = 30.0
# So often it is looked for what was kept for long enough.
SWEEP_EVERY_S = 600.0
SWEEP_CONFERENCES = 50
# Between two steps of a deletion others may write.
STEP_PAUSE_S = 0.02
WIPES = 10
WIPE_AGAIN_S = 0.5


class KeepingDesk:
    """``run`` is its one task. ``rules`` may be asked from the first ``load`` on."""

    def __init__(
        self,
        default: Keeping,
        *,
        keepings: Keepings,
        erasure: Erasure,
        bus: EventBus,
        clock: Clock,
        language: str = "en",
    ) -> None:
        """``default``: for tenants that have not decided. ``language``: in which numbers are spoken."""
        self.default = default
        self._keepings = keepings
        self._erasure = erasure
        self._bus = bus
        self._clock = clock
        self._language = language
        self._decided: Mapping[str, Keeping] = {}
        self._decisions = 0  # made by this process
        self._rules: dict[str, tuple[Keeping, Rules]] = {}
        self._default_rules = Rules(default.policy, language=language)

    async def load(self) -> None:
        """Read what was decided. Raises StoreUnavailable."""
        decisions = self._decisions
        decided = await self._keepings.all()
        if decisions == self._decisions:  # else it may have been read before one that holds by now
            self._decided = decided

    def of(self, tenant: str) -> Keeping:
        """What holds for a tenant."""
        return self._decided.get(tenant, self.default)

    def rules(self, tenant: str) -> Rules:
        """What is redacted for a tenant, as of now."""
        keeping = self._decided.get(tenant)
        if keeping is None:
            return self._default_rules
        known = self._rules.get(tenant)
        if known is None or known[0] != keeping:
            known = self._rules[tenant] = (keeping, Rules(keeping.policy, language=self._language))
        return known[1]

    def rules_for(self, policy: Policy) -> Rules:
        """Rules that nobody has decided on. Raises PatternRefused."""
        return Rules(policy, language=self._language)

    async def decide(self, tenant: str, keeping: Keeping) -> None:
        """From now on. Raises PatternRefused, StoreUnavailable; then it is as it was."""
        self.rules_for(keeping.policy)
        await self._keepings.decide(tenant, keeping)
        self._decisions += 1
        self._decided = {**self._decided, tenant: keeping}

    async def delete(self, conference: Conference) -> None:
        """A conference and everything about it, for good; returns when it is gone. Raises NotDeletable."""
        await self._erasure.begin(conference, now=self._clock.now())
        self._bus.end(conference_topic(conference.id))
        await self._erase(conference.id)
        self._bus.end(conference_topic(conference.id))  # who had found it just before it was gone

    async def run(self) -> None:
        """Until it is cancelled: finish what was begun, delete what is due, read decisions again."""
        sweep_at = 0.0
        loop = asyncio.get_running_loop()
        while True:
            try:
                await self.load()
                if loop.time() >= sweep_at:
                    sweep_at = loop.time() + SWEEP_EVERY_S
                    await self._sweep()
            except StoreUnavailable as error:
                log.warning("keeping_not_read", reason=error.message)
            await asyncio.sleep(READ_AGAIN_S)

    async def _sweep(self) -> None:
        for conference_id in await self._erasure.begun():
            await self._erase(conference_id)
        now = self._clock.now()
        for tenant in await self._erasure.tenants():
            ended_before = self.of(tenant).ended_before(now)
            if ended_before is not None:
                await self._delete_due(tenant, ended_before)

    async def _delete_due(self, tenant: str, ended_before: datetime) -> None:
        while due := await self._erasure.due(tenant, ended_before=ended_before, limit=SWEEP_CONFERENCES):
            for conference in due:
                try:
                    await self.delete(conference)
                except NotDeletable as error:  # somebody redacts in it just now: the next sweep finds it again
                    log.info("conference_not_deleted", conference=conference.id, code=error.code)
                    return
                log.info("conference_deleted", conference=conference.id, reason="retention")

    async def _erase(self, conference_id: str) -> None:
        while await self._erasure.go_on(conference_id):  # noqa: ASYNC110 - others may write in between
            await asyncio.sleep(STEP_PAUSE_S)
        for _ in range(WIPES):
            if await self._erasure.wipe():
                return
            await asyncio.sleep(WIPE_AGAIN_S)
        log.info("remains_left", conference=conference_id, until="the next checkpoint of the database")
