"""The contract of ports.webhook_queue together with ports.outbox, on every fulfilment."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import delete

from sidecar.adapters.sql import (
    Database,
    SqlDirectory,
    SqlEventLog,
    SqlOutbox,
    SqlWebhookDeliveries,
    SqlWebhookEndpoints,
    SqlWebhookQueue,
)
from sidecar.adapters.sql.webhooks.tables import webhook_delivery_events, webhook_outbox
from sidecar.domain.events import ConferenceEnded, Event, TranscriptPaused, encode
from sidecar.domain.webhooks.endpoints import (
    BATCH_EVENTS,
    Attempt,
    DeliveryState,
    Endpoint,
    EndpointChange,
    EndpointState,
    Outcome,
)
from sidecar.domain.webhooks.schedule import verdict
from sidecar.ports.directory import BoundFork
from sidecar.ports.webhook_queue import Claim, Finished
from sidecar.ports.webhooks import DeliveryFilter
from tests.facts import NOON, draft, open_call, said, webhook_endpoint

S = timedelta(seconds=1)
LOCK = 30 * S
_numbers = itertools.count(1)


class Turn(msgspec.Struct, frozen=True):
    """What a dispatcher learns when it notes what is finished and claims what is due."""

    claims: Sequence[Claim]
    next_at: Mapping[str, datetime]
    disabled: Sequence[Endpoint]


class Office:
    """A store with an event log and everything of webhooks over it, as one process has it."""

    def __init__(self, database: Database) -> None:
        def new_id(kind: str) -> str:
            return f"{kind}_{next(_numbers):06}"

        outbox = SqlOutbox()
        self.log = SqlEventLog(database, outbox)
        self.endpoints = SqlWebhookEndpoints(database, outbox)
        self.deliveries = SqlWebhookDeliveries(database, outbox, new_id)
        self.queue = SqlWebhookQueue(database, outbox, new_id)

    async def add(self, endpoint_id: str = "whe_1", **changes: Any) -> None:
        values = {"url": f"https://{endpoint_id}.example.com/hooks"} | changes
        await self.endpoints.add(webhook_endpoint(endpoint_id, **values), secret=f"secret of {endpoint_id}")

    async def turn(self, at: datetime = NOON + 60 * S, finished: Sequence[Finished] = (), **free: int) -> Turn:
        disabled = await self.queue.note(finished, now=at) if finished else []
        found = await self.queue.claim(free or {"whe_1": 99}, now=at, lock_until=at + LOCK)
        return Turn(claims=found.claims, next_at=found.next_at, disabled=disabled)

    async def states(self, endpoint_id: str = "whe_1") -> dict[str, tuple[DeliveryState, str]]:
        """Newest first."""
        listed = await self.deliveries.deliveries(endpoint_id, tenant="", wanted=DeliveryFilter(), limit=999)
        return {each.message_id: (each.state, each.reason) for each in listed}


@pytest.fixture
def office(any_database: Database) -> Office:
    return Office(any_database)


@pytest.fixture
async def bound(any_database: Database) -> BoundFork:
    return await open_call(SqlDirectory(any_database))


def ended(bound: BoundFork, **details: Any) -> Any:
    return draft(bound.conference.id, ConferenceEnded(reason="completed", at_ms=1), **details)


def finished(claim: Claim, outcome: Outcome, *, at: datetime = NOON + 60 * S) -> Finished:
    attempt = Attempt(number=claim.number, at=at, took_ms=20, outcome=outcome, status=None, response="hello")
    return Finished(
        delivery_id=claim.delivery_id,
        endpoint_id=claim.endpoint_id,
        failing=claim.failing,
        attempt=attempt,
        verdict=verdict(outcome, tries=claim.tries, now=at, chance=0),
    )


def lines(claim: Claim) -> list[str]:
    """The texts of a batch."""
    return [event["data"]["text"] for event in json.loads(claim.message.body)["data"]]


async def test_an_event_becomes_a_delivery_with_its_own_envelope_for_each_who_wants_it(
    office: Office, bound: BoundFork
) -> None:
    await office.add("whe_1", types=("conference.*",))
    await office.add("whe_2", types=("transcript.completed",))
    await office.add("whe_3", tenant="somebody else")
    (event,) = await office.log.append([ended(bound)])
    assert isinstance(event, Event)
    assert (await office.queue.rung()).endpoints == {"whe_1", "whe_2", "whe_3"}  # they were added
    (claim,) = (await office.turn(whe_1=9, whe_2=9, whe_3=9)).claims
    assert (claim.endpoint_id, claim.number, claim.tries) == ("whe_1", 1, 1)
    assert claim.message.id == event.id
    assert claim.message.secrets == ("secret of whe_1",)
    assert claim.message.body == encode(event)


async def test_an_event_that_is_not_stored_is_told_to_nobody(office: Office, bound: BoundFork) -> None:
    await office.add()
    first = ended(bound)
    await office.log.append([first])
    await office.log.append([first])
    assert len((await office.turn()).claims) == 1


async def test_an_endpoint_counts_from_the_next_event_on_and_until_it_is_removed(
    office: Office, bound: BoundFork
) -> None:
    await office.log.append([ended(bound)])
    await office.add()
    second = ended(bound)
    await office.log.append([second])
    assert [claim.message.id for claim in (await office.turn()).claims] == [second.id]
    await office.log.append([ended(bound)])
    await office.endpoints.remove("whe_1", tenant="")
    await office.log.append([ended(bound)])
    assert (await office.turn()).claims == []
    assert (await office.queue.survey()).backlog == 0


async def test_what_another_process_changes_is_seen_at_the_next_survey(
    office: Office, bound: BoundFork, any_database: Database
) -> None:
    await office.log.append([ended(bound)])  # nobody wants it, and that is remembered
    await Office(any_database).add()
    await office.queue.survey()
    await office.log.append([ended(bound)])
    assert len((await office.turn()).claims) == 1


async def test_lines_travel_in_batches_that_close_when_full_or_after_a_second(office: Office, bound: BoundFork) -> None:
    await office.add()
    await office.log.append([said(bound, n, text=f"line {n}") for n in range(BATCH_EVENTS + 2)])
    full = await office.turn(NOON + 0.5 * S)
    assert [lines(claim) for claim in full.claims] == [[f"line {n}" for n in range(BATCH_EVENTS)]]
    assert full.next_at["whe_1"] == NOON + S
    (rest,) = (await office.turn(NOON + S)).claims
    assert lines(rest) == ["line 20", "line 21"]
    envelope = json.loads(rest.message.body)
    assert (envelope["id"], envelope["type"]) == (rest.message.id, "utterance.batch")
    assert (envelope["seq"], envelope["conference"], envelope["tenant"]) == (None, None, "")
    assert [event["seq"] for event in envelope["data"]] == [21, 22]


async def test_a_batch_that_is_tried_again_is_the_same_batch(office: Office, bound: BoundFork) -> None:
    await office.add()
    await office.log.append([said(bound, 0, text="line 0")])
    (first,) = (await office.turn()).claims
    await office.log.append([said(bound, 1, text="line 1")])
    later = NOON + 70 * S
    again = (await office.turn(later, [finished(first, Outcome.REFUSED)])).claims
    (same,) = [claim for claim in again if claim.message.id == first.message.id]
    assert (same.message.body, same.number, same.tries) == (first.message.body, 2, 2)
    assert sorted(map(lines, again)) == [["line 0"], ["line 1"]]


async def test_a_claim_is_nobody_else_s_until_its_lock_ends(office: Office, bound: BoundFork) -> None:
    await office.add()
    await office.log.append([ended(bound)])
    (claim,) = (await office.turn(NOON)).claims
    assert (await office.turn(NOON + LOCK - S)).claims == []
    (taken_over,) = (await office.turn(NOON + LOCK)).claims
    assert (taken_over.message.id, taken_over.number, taken_over.tries) == (claim.message.id, 2, 1)


async def test_a_claim_that_is_given_back_is_due_at_once_as_if_nobody_had_had_it(
    office: Office, bound: BoundFork
) -> None:
    await office.add()
    await office.log.append([ended(bound), ended(bound)])
    claims = (await office.turn(NOON)).claims
    await office.queue.give_back(claims[:1], now=NOON + S)
    (again,) = (await office.turn(NOON + S)).claims
    assert (again.delivery_id, again.number) == (claims[0].delivery_id, 1)
    # Too late: somebody else has them by now.
    taken_over = (await office.turn(NOON + 2 * LOCK)).claims
    await office.queue.give_back(claims, now=NOON + 2 * LOCK)
    assert (await office.turn(NOON + 2 * LOCK)).claims == []
    assert [claim.number for claim in taken_over] == [2, 2]


async def test_who_changes_an_endpoint_is_heard(office: Office) -> None:
    await office.add()
    await office.queue.rung()
    await office.endpoints.rotate("whe_1", secret="new", overlap=S, tenant="", now=NOON)
    assert (await office.queue.rung()).changed == {"whe_1"}


async def test_of_many_who_claim_at_once_each_gets_others(
    office: Office, bound: BoundFork, any_database: Database
) -> None:
    await office.add()
    await office.log.append([ended(bound) for _ in range(30)])
    async with asyncio.TaskGroup() as tasks:
        turns = [tasks.create_task(Office(any_database).turn(whe_1=5)) for _ in range(5)]
    claims = [claim.message.id for each in turns for claim in each.result().claims]
    claims += [claim.message.id for claim in (await office.turn()).claims]
    assert len(claims) == len(set(claims)) == 30


async def test_no_more_than_is_free_is_claimed_oldest_first(office: Office, bound: BoundFork) -> None:
    await office.add()
    drafts = [ended(bound) for _ in range(5)]
    for number, each in enumerate(drafts):
        await office.log.append([each])
        await office.turn(NOON + number * S, whe_1=0)
    claims = (await office.turn(NOON + 9 * S, whe_1=3)).claims
    assert [claim.message.id for claim in claims] == [each.id for each in drafts[:3]]


async def test_attempts_are_kept_and_end_in_delivered_or_failed(office: Office, bound: BoundFork) -> None:
    await office.add()
    await office.log.append([ended(bound)])
    at = NOON + 60 * S
    (claim,) = (await office.turn(at)).claims
    turn = await office.turn(at, [finished(claim, Outcome.REFUSED)])
    assert turn.claims == []
    assert turn.next_at["whe_1"] == at + 5 * S
    assert await office.states() == {claim.message.id: (DeliveryState.PENDING, "")}
    (second,) = (await office.turn(at + 5 * S)).claims
    await office.turn(at + 6 * S, [finished(second, Outcome.DELIVERED, at=at + 5 * S)])
    detail = await office.deliveries.delivery(claim.delivery_id, tenant="")
    assert [(each.number, each.outcome, each.response) for each in detail.attempts] == [
        (1, Outcome.REFUSED, "hello"),
        (2, Outcome.DELIVERED, "hello"),
    ]
    assert (detail.delivery.state, detail.delivery.tries, detail.delivery.next_at) == (DeliveryState.DELIVERED, 2, None)
    assert detail.delivery.delivered_at == at + 6 * S
    assert detail.delivery.last == replace(detail.attempts[1], response="")


async def test_who_comes_late_with_a_failure_changes_nothing_and_with_a_success_much(
    office: Office, bound: BoundFork
) -> None:
    await office.add()
    await office.log.append([ended(bound), ended(bound)])
    one, two = (await office.turn(NOON)).claims
    again = {claim.message.id: claim for claim in (await office.turn(NOON + LOCK)).claims}
    await office.turn(NOON + LOCK + S, [finished(one, Outcome.TIMED_OUT), finished(two, Outcome.DELIVERED)], whe_1=0)
    assert await office.states() == {
        one.message.id: (DeliveryState.PENDING, ""),
        two.message.id: (DeliveryState.DELIVERED, ""),
    }
    second = again[one.message.id]
    await office.turn(NOON + LOCK + S, [finished(second, Outcome.GONE)])
    assert (await office.states())[one.message.id] == (DeliveryState.FAILED, "endpoint_gone")


async def test_what_became_of_a_removed_delivery_interests_nobody(office: Office, bound: BoundFork) -> None:
    await office.add()
    await office.log.append([ended(bound)])
    (claim,) = (await office.turn()).claims
    await office.endpoints.remove("whe_1", tenant="")
    assert await office.turn(NOON + 61 * S, [finished(claim, Outcome.DELIVERED)]) == Turn([], {}, [])


async def test_a_paused_endpoint_keeps_what_it_is_to_be_told(office: Office, bound: BoundFork) -> None:
    await office.add()
    pause = EndpointChange(state=EndpointState.PAUSED)
    await office.endpoints.change("whe_1", pause, tenant="", now=NOON)
    await office.log.append([ended(bound)])
    assert (await office.turn()).claims == []
    assert [state for state, _ in (await office.states()).values()] == [DeliveryState.PENDING]
    resume = EndpointChange(state=EndpointState.ENABLED)
    await office.endpoints.change("whe_1", resume, tenant="", now=NOON)
    assert len((await office.turn()).claims) == 1


async def test_what_happens_while_an_endpoint_is_disabled_is_shown_as_failed_and_can_be_sent(
    office: Office, bound: BoundFork
) -> None:
    await office.add()
    off = EndpointChange(state=EndpointState.DISABLED)
    await office.endpoints.change("whe_1", off, tenant="", now=NOON)
    await office.log.append([ended(bound)])
    assert (await office.turn()).claims == []
    assert list((await office.states()).values()) == [(DeliveryState.FAILED, "endpoint_disabled")]
    on = EndpointChange(state=EndpointState.ENABLED)
    await office.endpoints.change("whe_1", on, tenant="", now=NOON)
    assert await office.deliveries.resend_failed("whe_1", since=NOON, tenant="", now=NOON) == 1
    assert len((await office.turn()).claims) == 1


async def test_what_failed_and_waits_for_its_next_try_is_sent_again_at_once_when_somebody_asks(
    office: Office, bound: BoundFork
) -> None:
    """What was not tried yet is left as it is."""
    await office.add()
    await office.log.append([ended(bound)])
    (claim,) = (await office.turn()).claims
    assert await office.deliveries.resend_failed("whe_1", since=NOON, tenant="", now=NOON) == 0
    await office.turn(finished=[finished(claim, Outcome.REFUSED)])
    await office.log.append([ended(bound)])
    (new,) = (await office.turn(NOON + 61 * S)).claims
    assert await office.deliveries.resend_failed("whe_1", since=NOON, tenant="", now=NOON + 62 * S) == 1
    (again,) = (await office.turn(NOON + 62 * S)).claims
    assert (again.message.id, again.number, again.tries) == (claim.message.id, 2, 1)
    assert new.message.id != again.message.id


async def test_gone_disables_the_endpoint_fails_what_waits_and_tells_the_tenant_s_others(
    office: Office, bound: BoundFork
) -> None:
    await office.add("whe_1")
    await office.add("whe_2", types=("alert.raised",))
    await office.add("whe_3", tenant="b")
    await office.log.append([ended(bound), ended(bound)])
    (claim,) = (await office.turn(whe_1=1)).claims
    await office.queue.rung()
    turn = await office.turn(NOON + 61 * S, [finished(claim, Outcome.GONE)], whe_1=9)
    assert [(each.id, each.disabled_reason) for each in turn.disabled] == [("whe_1", "gone")]
    assert turn.claims == []
    assert set((await office.states()).values()) == {
        (DeliveryState.FAILED, "endpoint_gone"),
        (DeliveryState.FAILED, "endpoint_disabled"),
    }
    assert (await office.queue.rung()).endpoints == {"whe_2"}
    (told,) = (await office.turn(NOON + 62 * S, whe_2=9, whe_3=9)).claims
    assert told.endpoint_id == "whe_2"
    body = json.loads(told.message.body)
    assert (body["type"], body["seq"], body["conference"]) == ("endpoint.disabled", None, None)
    assert (body["data"]["endpoint"], body["data"]["reason"]) == ("whe_1", "gone")


async def test_five_days_of_failures_disable_the_endpoint(office: Office, bound: BoundFork) -> None:
    await office.add()
    drafts = [ended(bound) for _ in range(6)]
    disabled: list[Endpoint] = []
    for day, each in enumerate(drafts):
        await office.log.append([each])
        at = NOON + timedelta(days=day)
        (claim,) = [claim for claim in (await office.turn(at)).claims if claim.message.id == each.id]
        disabled += (await office.turn(at, [finished(claim, Outcome.REFUSED, at=at)])).disabled
    assert [each.disabled_reason for each in disabled] == ["only_failures"]
    endpoint = await office.endpoints.endpoint("whe_1", tenant="")
    assert (endpoint.state, endpoint.failing_since) == (EndpointState.DISABLED, NOON)


async def test_both_secrets_sign_until_the_overlap_ends(office: Office, bound: BoundFork) -> None:
    await office.add()
    await office.endpoints.rotate("whe_1", secret="new", overlap=10 * S, tenant="", now=NOON)
    await office.log.append([ended(bound)])
    (claim,) = (await office.turn(NOON)).claims
    assert claim.message.secrets == ("new", "secret of whe_1")
    (claim,) = (await office.turn(NOON + LOCK)).claims
    assert claim.message.secrets == ("new",)


async def test_a_range_is_told_again_with_the_same_ids(office: Office, bound: BoundFork) -> None:
    await office.add(types=("conference.ended", "utterance.final"))
    told = await office.log.append(
        [
            said(bound, 0, text="line 0"),
            ended(bound),
            draft(bound.conference.id, TranscriptPaused(by="Ana", at_ms=0)),
            said(bound, 1, text="line 1"),
            ended(bound),
        ]
    )
    first = (await office.turn()).claims
    await office.turn(NOON + 61 * S, [finished(claim, Outcome.DELIVERED) for claim in first])

    async def resend(from_seq: int, to_seq: int) -> int:
        return await office.deliveries.resend_range(
            "whe_1", bound.conference.id, from_seq=from_seq, to_seq=to_seq, tenant="", now=NOON + 62 * S
        )

    assert await resend(1, 4) == 3
    assert await resend(2, 4) == 2, "what waits already is not told twice"
    again = (await office.turn(NOON + 65 * S)).claims
    (ended_again,) = [claim for claim in again if claim.message.id.startswith("evt")]
    assert ended_again.message.id == told[1].id  # type: ignore[union-attr]
    assert ended_again.message.body in [claim.message.body for claim in first]
    (batch,) = [claim for claim in again if claim.message.id.startswith("bat")]
    assert batch.message.id not in {claim.message.id for claim in first}
    assert [event["id"] for event in json.loads(batch.message.body)["data"]] == [told[0].id, told[3].id]  # type: ignore[union-attr]
    assert await resend(6, 9) == 0


async def test_what_was_deleted_is_not_told_any_more(office: Office, bound: BoundFork, any_database: Database) -> None:
    await office.add()
    await office.log.append([said(bound, 0), ended(bound)])
    claims = (await office.turn()).claims
    await office.turn(NOON + 61 * S, [finished(claim, Outcome.REFUSED) for claim in claims], whe_1=0)
    await office.log.append([ended(bound)])
    async with any_database.write() as connection:
        for table in (webhook_delivery_events, webhook_outbox):  # as ``SqlErasure`` takes them out of a batch
            await connection.execute(delete(table))
    assert (await office.turn(NOON + 120 * S)).claims == []
    assert set((await office.states()).values()) == {(DeliveryState.FAILED, "event_gone")}
    detail = await office.deliveries.delivery(claims[0].delivery_id, tenant="")
    assert detail.body is None


async def test_a_survey_finds_what_earlier_processes_left(
    office: Office, bound: BoundFork, any_database: Database
) -> None:
    await office.add()
    await office.add("whe_2")
    await office.log.append([ended(bound)])
    await office.turn(NOON, whe_1=1)
    survey = await Office(any_database).queue.survey()
    assert survey.next_at == {"whe_1": NOON + LOCK, "whe_2": NOON}
    assert survey.backlog == 2


async def test_old_rows_go_and_what_waits_stays(office: Office, bound: BoundFork) -> None:
    await office.add()
    await office.log.append([ended(bound), ended(bound)])
    one, two = (await office.turn(NOON)).claims
    test = await office.deliveries.send("whe_1", event_in_no_log(), now=NOON)
    (third,) = (await office.turn(NOON)).claims
    await office.turn(
        NOON + S,
        [finished(one, Outcome.DELIVERED), finished(two, Outcome.REFUSED), finished(third, Outcome.DELIVERED)],
        whe_1=0,
    )
    day = timedelta(days=1)
    assert not await office.queue.clean(log_before=NOON - day, bodies_before=NOON + day)
    details = [await office.deliveries.delivery(each.delivery_id, tenant="") for each in (one, third)]
    assert [[attempt.response for attempt in detail.attempts] for detail in details] == [[""], [""]]
    assert [detail.body is None for detail in details] == [False, True]
    assert not await office.queue.clean(log_before=NOON + day, bodies_before=NOON + day)
    assert set(await office.states()) == {two.message.id}
    assert test.id == third.delivery_id


def event_in_no_log() -> Event:
    return Event(
        id=f"evt_of_no_log_{next(_numbers)}", type="conference.ended", seq=None, timestamp=NOON, conference="",
        conference_sid=None, tenant="", data=ConferenceEnded(reason="test", at_ms=0),
    )  # fmt: skip
