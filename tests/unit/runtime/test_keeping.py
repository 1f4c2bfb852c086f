"""What is kept for long enough goes; what a dead process had begun to delete is finished; decisions hold at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import pytest

from sidecar.domain.conference.values import Conference, ConferenceState
from sidecar.domain.errors import StoreUnavailable
from sidecar.domain.keeping import Keeping, NotDeletable
from sidecar.domain.patterns.syntax import PatternRefused
from sidecar.domain.redaction.own_patterns import OwnPattern
from sidecar.domain.redaction.rules import Kind, Policy
from sidecar.runtime.event_bus import EventBus
from sidecar.runtime.keeping import READ_AGAIN_S, SWEEP_EVERY_S, KeepingDesk
from tests.facts import NOON
from tests.fakes import FakeClock

pytestmark = pytest.mark.virtual_time


def ended(id_: str, tenant: str, days_ago: int) -> Conference:
    """A conference that ended so long before NOON."""
    at = NOON - timedelta(days=days_ago)
    return Conference(
        id=id_, tenant=tenant, room=id_, sid=None, state=ConferenceState.ENDED, clock_zero=at, ended_at=at, seq=1
    )


class Decisions:
    """What tenants have decided, in memory."""

    def __init__(self) -> None:
        self.made: dict[str, Keeping] = {}
        self.away = False
        self.reading_takes_s = 0.0

    async def all(self) -> Mapping[str, Keeping]:
        """As they were when it was asked, unless it is away."""
        if self.away:
            raise StoreUnavailable("away")
        made = dict(self.made)
        await asyncio.sleep(self.reading_takes_s)
        return made

    async def decide(self, tenant: str, keeping: Keeping) -> None:
        """Kept."""
        self.made[tenant] = keeping


class Shredder:
    """Conferences that take three steps to go, and files that can be wiped at the second try."""

    def __init__(self, *conferences: Conference, begun: Sequence[str] = ()) -> None:
        self.there = {one.id: one for one in conferences}
        self.busy = set[str]()
        self._begun = dict.fromkeys(begun, 3)
        self.wipes = 0

    async def begin(self, conference: Conference, *, now: datetime) -> None:
        """Refused for those that are busy."""
        if conference.id in self.busy:
            raise NotDeletable("busy")
        self._begun[conference.id] = 3

    async def go_on(self, conference_id: str) -> bool:
        """One step."""
        self._begun[conference_id] -= 1
        if self._begun[conference_id]:
            return True
        del self._begun[conference_id]
        self.there.pop(conference_id, None)
        return False

    async def wipe(self) -> bool:
        """Each second time."""
        self.wipes += 1
        return self.wipes % 2 == 0

    async def begun(self) -> Sequence[str]:
        """Those under way."""
        return list(self._begun)

    async def due(self, tenant: str, *, ended_before: datetime, limit: int) -> Sequence[Conference]:
        """By their end."""
        mine = [one for one in self.there.values() if one.tenant == tenant and one.id not in self._begun]
        return [one for one in mine if one.ended_at is not None and one.ended_at < ended_before][:limit]

    async def tenants(self) -> Sequence[str]:
        """Of all conferences."""
        return sorted({one.tenant for one in self.there.values()})


def desk(decisions: Decisions, shredder: Shredder, *, days: int = 0) -> KeepingDesk:
    default = Keeping(retention_days=days)
    return KeepingDesk(default, keepings=decisions, erasure=shredder, bus=EventBus(), clock=FakeClock(NOON))


async def let_run(one: KeepingDesk, seconds: float) -> None:
    """Its task, for so long."""
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(one.run())
        await asyncio.sleep(seconds)
        running.cancel()


async def test_what_was_kept_for_as_long_as_its_tenant_wants_goes() -> None:
    """Others stay; who has not decided is kept as long as the settings say; 0 is for ever."""
    decisions = Decisions()
    decisions.made = {"acme": Keeping(retention_days=30), "for ever": Keeping()}
    calls = [ended(f"{tenant} {days}", tenant, days) for tenant in ("acme", "for ever", "") for days in (5, 20, 40)]
    shredder = Shredder(*calls, begun=["left by a dead process"])
    await let_run(desk(decisions, shredder, days=10), 60)
    assert sorted(shredder.there) == sorted(["acme 5", "acme 20", "for ever 5", "for ever 20", "for ever 40", " 5"])
    assert await shredder.begun() == []
    assert shredder.wipes == 8


async def test_one_that_cannot_go_now_goes_with_a_later_sweep_and_a_store_that_is_away_is_asked_again() -> None:
    decisions, shredder = Decisions(), Shredder(ended("a", "", 9), ended("b", "", 8))
    shredder.busy = {"a"}
    one = desk(decisions, shredder, days=1)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(one.run())
        await asyncio.sleep(60)
        assert "a" in shredder.there
        shredder.busy.clear()
        decisions.away = True
        await asyncio.sleep(SWEEP_EVERY_S)
        decisions.away = False
        await asyncio.sleep(SWEEP_EVERY_S)
        assert shredder.there == {}
        running.cancel()


async def test_a_decision_holds_at_once_and_that_of_another_process_soon() -> None:
    decisions = Decisions()
    one = desk(decisions, Shredder())
    card, mail = "4111 1111 1111 1111", "jane@example.com"

    def left(tenant: str, text: str) -> str:
        rules = one.rules(tenant)
        return rules.masked(text, rules.findings(text))

    assert left("acme", card) == "[card number]"
    assert left("acme", mail) == mail
    await one.decide("acme", Keeping(policy=Policy(kinds=frozenset({Kind.EMAIL}))))
    assert left("acme", card) == card
    assert left("acme", mail) == "[email address]"
    assert one.rules("acme") is one.rules("acme"), "read once"
    assert left("other", card) == "[card number]"
    with pytest.raises(PatternRefused):
        await one.decide("acme", Keeping(policy=Policy(patterns=(OwnPattern("x", "("),))))
    assert left("acme", mail) == "[email address]"
    decisions.made["acme"] = Keeping()
    await let_run(one, READ_AGAIN_S + 1)
    assert left("acme", card) == "[card number]"


async def test_a_decision_is_not_forgotten_for_what_was_read_before_it() -> None:
    decisions = Decisions()
    one = desk(decisions, Shredder())
    decisions.reading_takes_s = 1.0
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(one.load())
        await asyncio.sleep(0.5)
        await one.decide("acme", Keeping(retention_days=7))
    assert one.of("acme").retention_days == 7
