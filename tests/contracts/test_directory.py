"""The contract of ports.directory, on every fulfilment."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from sidecar.adapters.sql import Database, SqlDirectory, SqlEventLog
from sidecar.domain.access.callers import is_own
from sidecar.domain.conference.values import Conference, ConferenceState, ForkState, ParticipantState, Role, role_of
from sidecar.domain.errors import ForkRefused, NotFound
from sidecar.domain.events import ConferenceEnded, ForkStarted, ParticipantJoined
from sidecar.ports.directory import BoundFork, ConferenceFilter, ConferencePlace, Directory, RoomOfAnotherTenant
from tests.facts import NOON, draft, fork_request, open_call

LATER = NOON + timedelta(seconds=90)


@pytest.fixture
def directory(any_database: Database) -> Directory:
    return SqlDirectory(any_database)


@pytest.fixture
def event_log(any_database: Database) -> SqlEventLog:
    return SqlEventLog(any_database)


async def end(event_log: SqlEventLog, bound: BoundFork) -> None:
    await event_log.append([draft(bound.conference.id, ConferenceEnded(reason="done", at_ms=1))])


async def refusal(directory: Directory, token_hash: str, call_sid: str, *, late: bool = False) -> str:
    with pytest.raises(ForkRefused) as refused:
        await directory.claim_fork(
            token_hash=token_hash, call_sid=call_sid, stream_sid="MZ9", now=LATER if late else NOON
        )
    return refused.value.code


async def test_the_first_call_makes_a_waiting_conference_and_a_pending_fork(directory: Directory) -> None:
    request = fork_request("CA1", room="support", label="agent", name="Ana Ruíz", role=Role.AGENT)
    bound = await directory.open_fork(request)
    conference, participant, fork = bound.conference, bound.participant, bound.fork
    assert (conference.id, conference.room, conference.sid) == (request.conference_id, "support", None)
    assert (conference.state, conference.clock_zero, conference.seq) == (ConferenceState.WAITING, NOON, 0)
    assert (participant.id, participant.label, participant.name) == (request.participant_id, "agent", "Ana Ruíz")
    assert (participant.role, participant.state) == (Role.AGENT, ParticipantState.EXPECTED)
    assert (fork.id, fork.state, fork.epoch, fork.covered_ms) == (request.fork_id, ForkState.PENDING, 1, 0)
    assert await directory.conference(conference.id) == conference
    assert await directory.conference_in_room("support") == conference
    assert list(await directory.participants(conference.id)) == [participant]
    assert list(await directory.forks(conference.id)) == [fork]


async def test_unknown_ids_give_nothing(directory: Directory) -> None:
    assert await directory.conference("cnf_nobody") is None
    assert await directory.conference("\0") is None
    assert await directory.conference_in_room("empty") is None
    assert list(await directory.participants("cnf_nobody")) == []
    assert list(await directory.forks("cnf_nobody")) == []
    with pytest.raises(NotFound, match="cnf_nobody"):
        await directory.bind_conference("cnf_nobody", "CF1")
    with pytest.raises(NotFound, match="frk_nobody"):
        await directory.renew_fork("frk_nobody", token_hash="h", expires_at=LATER)


async def test_calls_without_a_room_get_one_each_named_after_the_conference(directory: Directory) -> None:
    first, second = await open_call(directory, "CA1", room=None), await open_call(directory, "CA2", room=None)
    assert first.conference.id != second.conference.id
    assert first.conference.room == first.conference.id


@pytest.mark.parametrize("room", ["support", None])
async def test_asking_again_for_the_same_call_replaces_the_token_and_raises_the_epoch(
    directory: Directory, room: str | None
) -> None:
    once = fork_request("CA1", room=room)
    again = fork_request("CA1", room=room, label="another label")
    first, second = await directory.open_fork(once), await directory.open_fork(again)
    assert second.conference == first.conference
    assert second.participant == first.participant
    assert (second.fork.id, second.fork.epoch, second.fork.state) == (first.fork.id, 2, ForkState.PENDING)
    assert await refusal(directory, once.token_hash, "CA1") == "fork_token_unknown"
    claimed = await directory.claim_fork(token_hash=again.token_hash, call_sid="CA1", stream_sid="MZ1", now=NOON)
    assert claimed.fork.id == first.fork.id


async def test_an_ended_conference_leaves_its_room_to_a_new_one(directory: Directory, event_log: SqlEventLog) -> None:
    old = await open_call(directory, "CA1", room="support")
    await end(event_log, old)
    assert await directory.conference_in_room("support") is None
    new = await directory.open_fork(fork_request("CA1", room="support", now=LATER))
    assert new.conference.id != old.conference.id
    assert [c.id for c in await directory.conferences(room="support")] == [new.conference.id, old.conference.id]
    assert list(await directory.participants(new.conference.id)) == [new.participant]
    own = await open_call(directory, "CA7", room=None)
    await end(event_log, own)
    assert (await open_call(directory, "CA7", room=None)).conference.id != own.conference.id


async def test_labels_are_unique_in_their_conference(directory: Directory) -> None:
    labels = [(await open_call(directory, f"CA{n}", room="support")).participant.label for n in range(3)]
    assert labels == ["agent", "agent-2", "agent-3"]
    assert (await open_call(directory, "CA9", room="sales")).participant.label == "agent"


async def test_calls_that_arrive_together_meet_in_one_conference_with_labels_of_their_own(
    directory: Directory,
) -> None:
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(open_call(directory, f"CA{n}", room="rush"), name=f"call {n}") for n in range(12)]
    bound = [call.result() for call in calls]
    assert len({one.conference.id for one in bound}) == 1
    people = await directory.participants(bound[0].conference.id)
    assert sorted(person.id for person in people) == sorted(one.participant.id for one in bound)
    assert len({person.label for person in people}) == 12
    assert len(await directory.conferences(room="rush")) == 1


async def test_the_same_call_asking_many_times_at_once_gets_one_fork(directory: Directory) -> None:
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(open_call(directory, "CA1", room=None), name=f"try {n}") for n in range(6)]
    assert len({call.result().fork.id for call in calls}) == 1
    assert sorted(call.result().fork.epoch for call in calls) == [1, 2, 3, 4, 5, 6]
    assert len(await directory.conferences()) == 1


async def test_a_token_opens_its_fork_once_for_its_call_and_in_time(directory: Directory) -> None:
    request = fork_request("CA1")
    await directory.open_fork(request)
    token = request.token_hash
    assert await refusal(directory, "never heard of", "CA1") == "fork_token_unknown"
    assert await refusal(directory, token, "CA2") == "fork_token_other_call"
    assert await refusal(directory, token, "CA1", late=True) == "fork_token_expired"
    claimed = await directory.claim_fork(token_hash=token, call_sid="CA1", stream_sid="MZ1", now=NOON)
    assert (claimed.fork.id, claimed.fork.stream_sid) == (request.fork_id, "MZ1")
    assert (claimed.participant.call_sid, claimed.conference.room) == ("CA1", "support")
    assert await refusal(directory, token, "CA1") == "fork_token_used"


async def test_of_many_claims_of_one_token_exactly_one_wins(directory: Directory) -> None:
    request = fork_request("CA1")
    await directory.open_fork(request)
    outcomes: list[str] = []

    async def claim(number: int) -> None:
        try:
            won = await directory.claim_fork(
                token_hash=request.token_hash, call_sid="CA1", stream_sid=f"MZ{number}", now=NOON
            )
            outcomes.append(won.fork.stream_sid or "")
        except ForkRefused as refused:
            outcomes.append(refused.code)

    async with asyncio.TaskGroup() as group:
        for number in range(12):
            group.create_task(claim(number), name=f"claim {number}")
    (winner,) = [outcome for outcome in outcomes if outcome != "fork_token_used"]
    (fork,) = await directory.forks(request.conference_id)
    assert fork.stream_sid == winner


async def test_a_renewed_fork_has_a_fresh_token_and_the_next_epoch(
    directory: Directory, event_log: SqlEventLog
) -> None:
    request = fork_request("CA1")
    bound = await directory.open_fork(request)
    await directory.claim_fork(token_hash=request.token_hash, call_sid="CA1", stream_sid="MZ1", now=NOON)
    started = ForkStarted(fork=bound.fork.id, participant=bound.participant.id, stream_sid="MZ1", at_ms=0)
    await event_log.append([draft(bound.conference.id, started)])
    renewed = await directory.renew_fork(bound.fork.id, token_hash="fresh", expires_at=LATER)
    assert (renewed.fork.epoch, renewed.fork.state) == (2, ForkState.LIVE)
    assert await refusal(directory, request.token_hash, "CA1") == "fork_token_unknown"
    claimed = await directory.claim_fork(token_hash="fresh", call_sid="CA1", stream_sid="MZ2", now=NOON)
    assert (claimed.fork.stream_sid, claimed.fork.epoch) == ("MZ2", 2)


async def test_a_conference_that_began_without_us_is_made_once(directory: Directory) -> None:
    """However many callbacks of it arrive at once; one that waits in its room is the same."""

    async def find(sid: str, n: int, room: str = "theirs") -> Conference | None:
        return await directory.find_or_open_conference(
            sid, room=room, conference_id=f"cnf_new_{n}", tenant="", now=NOON
        )

    async with asyncio.TaskGroup() as tasks:
        found = [tasks.create_task(find("CF1", n)) for n in range(5)]
    made = {conference.id for task in found if (conference := task.result())}
    assert len(made) == 1
    assert await find("CF2", 6) is None  # the room's other conference is over, but nobody said so
    waiting = await open_call(directory, "CA1", room="support")
    bound = await find("CF3", 7, "support")
    assert bound is not None
    assert (bound.id, bound.sid) == (waiting.conference.id, "CF3")


async def test_a_call_found_in_a_conference_gets_rows_and_one_that_has_them_keeps_its_token(
    directory: Directory,
) -> None:
    """So a stream that TwiML began is not shut out."""
    coming = await open_call(directory, "CA1")
    met = fork_request("CA1", conference_id=coming.conference.id, token_hash="")
    assert (await directory.open_participant(met)).fork == coming.fork
    stranger = fork_request("CA2", conference_id=coming.conference.id, token_hash="")
    made = await directory.open_participant(stranger)
    assert (made.fork.epoch, made.fork.state) == (0, ForkState.PENDING)
    assert (made.participant.label, made.participant.name) == ("agent-2", "Ana 2")
    assert await directory.open_participant(stranger) == made


async def test_the_providers_id_is_noted_once_and_finds_the_conference(directory: Directory) -> None:
    bound = await open_call(directory)
    assert (await directory.bind_conference(bound.conference.id, "CF1")).sid == "CF1"
    assert (await directory.bind_conference(bound.conference.id, "CF2")).sid == "CF1"
    found = await directory.conference("CF1")
    assert found is not None
    assert found.id == bound.conference.id
    assert await directory.conference("CF2") is None


async def test_conferences_come_newest_first_and_not_more_than_asked_for(directory: Directory) -> None:
    made = []
    for minute in range(4):
        at = NOON + timedelta(minutes=minute)
        made.append((await directory.open_fork(fork_request(f"CA{minute}", room=f"r{minute}", now=at))).conference.id)
    assert [c.id for c in await directory.conferences(limit=3)] == made[:0:-1]
    assert [c.id for c in await directory.unfinished()] == made


async def test_conferences_are_listed_by_what_is_known_of_them_page_by_page(
    directory: Directory, event_log: SqlEventLog
) -> None:
    made = []
    for minute, (room, label) in enumerate([("harbor", "agent"), ("50%_off", "agent-7"), ("lake", "customer")]):
        at = NOON + timedelta(minutes=minute)
        request = fork_request(
            f"CA{minute}", room=room, label=label, role=role_of(parameter=None, label=label, address=""), now=at
        )
        made.append((await directory.open_fork(request)).conference)
    harbor, sale, lake = (one.id for one in made)
    await directory.bind_conference(lake, "CF7")
    await event_log.append([draft(harbor, ConferenceEnded(reason="done", at_ms=1))])

    async def listed(**wanted: Any) -> list[str]:
        found = await directory.listed(ConferenceFilter(tenant=made[0].tenant, **wanted), limit=10)
        return [one.id for one in found]

    assert await listed() == [lake, sale, harbor]
    assert await listed(state=ConferenceState.ENDED) == [harbor]
    assert await listed(room="lake") == await listed(text="CF7") == await listed(text="CA2") == [lake]
    assert await listed(text="%_") == await listed(text="50%_OFF") == [sale]
    assert await listed(agent="agent") == [harbor]
    assert await listed(agent="agent-7", own_of="agent-7") == [sale]
    assert await listed(agent="customer") == await listed(text="nobody\0") == []
    assert await listed(since=NOON + timedelta(minutes=1), until=NOON + timedelta(minutes=2)) == [sale]
    assert await directory.listed(ConferenceFilter(tenant="another"), limit=10) == []
    place = ConferencePlace(clock_zero=made[2].clock_zero, id=lake)
    [after] = await directory.listed(ConferenceFilter(tenant=made[0].tenant), beyond=place, limit=1)
    assert after.id == sale


async def test_participants_and_forks_come_in_order_of_arrival(directory: Directory, event_log: SqlEventLog) -> None:
    first = await open_call(directory, "CA9")
    joined = ParticipantJoined(participant="par_0", call_sid="CA5", label="walk-in", name="", role=Role.OTHER, at_ms=0)
    await event_log.append([draft(first.conference.id, joined)])
    third = await open_call(directory, "CA1")
    people = await directory.participants(first.conference.id)
    assert [person.call_sid for person in people] == ["CA9", "CA5", "CA1"]
    assert [fork.id for fork in await directory.forks(first.conference.id)] == [first.fork.id, third.fork.id]
    # The one who joined without TwiML gets a fork when asked for.
    assert (await open_call(directory, "CA5")).participant.id == "par_0"


async def test_names_that_a_database_may_not_like_do_not_make_a_call_fail(directory: Directory) -> None:
    request = fork_request("CA1", name="A\0na \ud800 \U0001f600", label="<b>'\"%", room="r/'\" \0")
    bound = await directory.open_fork(request)
    assert bound.participant.name == "Ana  \U0001f600"
    assert bound.participant.label == "-b----"


async def test_a_room_in_which_one_tenant_s_conference_goes_on_is_closed_to_the_calls_of_others(
    directory: Directory,
) -> None:
    first = await directory.open_fork(fork_request("CA1", tenant="acme"))
    with pytest.raises(RoomOfAnotherTenant) as refused:
        await directory.open_fork(fork_request("CA2", tenant="globex"))
    assert first.conference.id in str(refused.value)
    again = await directory.open_fork(fork_request("CA3", tenant="acme"))
    alone = await directory.open_fork(fork_request("CA2", room=None, tenant="globex"))
    assert again.conference.id == first.conference.id != alone.conference.id
    assert [one.call_sid for one in await directory.participants(first.conference.id)] == ["CA1", "CA3"]


async def test_what_is_looked_up_for_a_tenant_is_that_tenant_s(directory: Directory) -> None:
    ours = (await directory.open_fork(fork_request("CA1", room="a", tenant="acme", name="Maya"))).conference
    theirs = (await directory.open_fork(fork_request("CA2", room="b", tenant="globex", name="Maya"))).conference
    await directory.bind_conference(theirs.id, "CF2")
    for id_or_sid in (theirs.id, "CF2"):
        assert await directory.conference(id_or_sid, tenant="acme") is None
        assert await directory.conference(id_or_sid, tenant="globex") is not None
        assert await directory.conference(id_or_sid) is not None
    assert [one.id for one in await directory.conferences(tenant="acme")] == [ours.id]
    assert await directory.conferences(tenant="") == []
    assert await directory.conferences(tenant="acme", room="b") == []
    assert {one.id for one in await directory.conferences()} == {ours.id, theirs.id}


async def test_an_agent_s_own_conferences_are_those_with_an_agent_of_that_name_or_label(directory: Directory) -> None:
    people = [
        ("named", {"name": "Maya", "role": Role.AGENT}),
        ("labelled", {"label": "Maya", "name": "x", "role": Role.AGENT}),
        ("customer", {"name": "Maya", "role": Role.CUSTOMER}),
        ("other", {"name": "Ana", "role": Role.AGENT}),
    ]
    for room, who in people:
        bound = await directory.open_fork(fork_request(f"CA{room}", room=room, **who))
        mine = room in ("named", "labelled")
        assert is_own(await directory.participants(bound.conference.id), "Maya") == mine
    own = await directory.conferences(tenant="", agent="Maya")
    assert {one.room for one in own} == {"named", "labelled"}
