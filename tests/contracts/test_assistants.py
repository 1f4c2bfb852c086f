"""The contract of ports.assistants, on every fulfilment."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta

import msgspec
import pytest

from sidecar.adapters.sql import Database, SqlAssistants, SqlDirectory, SqlEventLog
from sidecar.domain.assistant.events import AssistantFailed, AssistantJoined, AssistantLeft, AssistantTurn
from sidecar.domain.assistant.stay import (
    Announce,
    Assistant,
    AssistantPresent,
    AssistantRefused,
    Audience,
    LineRefused,
    Speaks,
    Spoken,
    Stage,
)
from sidecar.domain.errors import NotFound
from sidecar.domain.events import UtteranceFinal
from sidecar.ports.assistants import Assistants
from tests.facts import NOON, draft, open_call

_ids = itertools.count(1)
SPOKEN = Spoken(
    utterance="utt_a", start_ms=10, end_ms=900, text="Five days, I think.", heard="Five days,", why="addressed"
)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def assistants(any_database: Database) -> Assistants:
    return SqlAssistants(any_database)


@pytest.fixture
async def conference(any_database: Database) -> str:
    return (await open_call(SqlDirectory(any_database))).conference.id


def one(conference: str, *, minutes: float = 0, tenant: str = "") -> Assistant:
    n = next(_ids)
    return Assistant(
        id=f"ast_{n}", conference_id=conference, participant_id=f"par_a{n}", tenant=tenant, name="Ava", by="Ana",
        prompt="Be brief.", speaks=Speaks.ADDRESSED, announce=Announce.ASK, audience=Audience.ALL,
        requested_at=NOON + timedelta(minutes=minutes),
    )  # fmt: skip


async def reserved(assistants: Assistants, conference: str) -> Assistant:
    made = one(conference)
    await assistants.reserve(made, per_hour=100)
    return made


def joined(assistant: Assistant, call_sid: str = "CA_a") -> AssistantJoined:
    return AssistantJoined(
        assistant=assistant.id, participant=assistant.participant_id, call_sid=call_sid, label=assistant.label,
        name="Ava", at_ms=5,
    )  # fmt: skip


def left(assistant: Assistant) -> AssistantLeft:
    return AssistantLeft(assistant=assistant.id, participant=assistant.participant_id, reason="dismissed", at_ms=9)


async def test_of_many_invitations_at_once_one_is_taken(assistants: Assistants, conference: str) -> None:
    presents = set[str]()

    async def try_it() -> Assistant | None:
        try:
            await assistants.reserve(wish := one(conference), per_hour=100)
        except AssistantPresent as refused:
            presents.add(refused.present.id)
            return None
        return wish

    async with asyncio.TaskGroup() as tasks:
        tries = [tasks.create_task(try_it()) for _ in range(8)]
    [taken] = [made for each in tries if (made := each.result())]
    assert presents == {taken.id}
    assert await assistants.assistant(taken.id) == taken
    assert list(await assistants.live()) == [taken]


async def test_when_it_is_gone_another_may_come_until_the_cap(
    assistants: Assistants, any_database: Database, conference: str
) -> None:
    log = SqlEventLog(any_database)
    for _ in range(2):
        made = await reserved(assistants, conference)
        await log.append([draft(conference, left(made))])
    assert [row.stage for row in await assistants.of_conference(conference)] == [Stage.LEFT, Stage.LEFT]
    with pytest.raises(AssistantRefused) as refused:
        await assistants.reserve(one(conference, minutes=59), per_hour=2)
    assert refused.value.code == "assistant_cap"
    await assistants.reserve(one(conference, minutes=59, tenant="other"), per_hour=2)


async def test_events_say_how_far_it_came_and_what_is_over_stays_over(
    assistants: Assistants, any_database: Database, conference: str
) -> None:
    """Its words have a participant although the network has not told of its leg yet."""
    log, made = SqlEventLog(any_database), await reserved(assistants, conference)
    await log.append([draft(conference, joined(made))])
    row = await assistants.assistant(made.id)
    assert row is not None
    assert (row.stage, row.call_sid, row.joined_at) == (Stage.JOINED, "CA_a", NOON)
    await assistants.note_speaking(made.id, SPOKEN)
    assert [one.speaking for one in await assistants.live()] == [SPOKEN]
    said = UtteranceFinal(
        id="utt_a", participant=made.participant_id, fork="", session=made.id, result_index=1, revision=1, start_ms=10,
        end_ms=900, text="Five days,", engine="tone", lag_ms=0, cut="I think.",
    )  # fmt: skip
    turn = AssistantTurn(
        assistant=made.id, participant=made.participant_id, utterance="utt_a", start_ms=10, end_ms=900,
        text=SPOKEN.text, heard=SPOKEN.heard, why="addressed", outcome="interrupted",
    )  # fmt: skip
    stored = await log.append([draft(conference, said), draft(conference, turn)])
    assert [event.data for event in stored if event] == [said, turn]
    assert (await log.read(conference))[-2:] == stored
    assert [one.speaking for one in await assistants.live()] == [None]
    failed = AssistantFailed(assistant=made.id, participant=made.participant_id, reason="late", at_ms=9, detail="d")
    await log.append([draft(conference, left(made)), draft(conference, failed), draft(conference, joined(made))])
    row = await assistants.assistant(made.id)
    assert row is not None
    assert (row.stage, row.reason, row.detail, row.dismissed) == (Stage.LEFT, "dismissed", "", True)


async def test_a_token_opens_one_line_of_its_own_call(assistants: Assistants, conference: str) -> None:
    made = await reserved(assistants, conference)

    async def renew(token: str, call_sid: str = "CA_a") -> Assistant | None:
        return await assistants.renew_token(made.id, call_sid=call_sid, token_hash=token, expires_at=NOON + MINUTE)

    async def refusal(token: str, call_sid: str = "CA_a", minutes: float = 0) -> str:
        with pytest.raises(LineRefused) as refused:
            await assistants.claim_token(token_hash=token, call_sid=call_sid, now=NOON + minutes * MINUTE)
        return refused.value.code

    assert (await renew("t1")) == msgspec.structs.replace(made, call_sid="CA_a", renderings=1)
    assert await renew("stolen", "CA_other") is None
    assert await refusal("t0") == "assistant_token_unknown"
    assert await refusal("t1", "CA_other") == "assistant_token_other_call"
    assert await refusal("t1", minutes=1) == "assistant_token_expired"
    assert (await assistants.claim_token(token_hash="t1", call_sid="CA_a", now=NOON)).id == made.id
    assert await refusal("t1") == "assistant_token_used"
    again = await renew("t2")
    assert again is not None
    assert again.renderings == 2
    assert await refusal("t1") == "assistant_token_unknown"
    await assistants.line_held(made.id)
    await assistants.dismiss(made.id)
    assert await refusal("t2") == "assistant_gone"
    assert await renew("t3") is None
    row = await assistants.assistant(made.id)
    assert row is not None
    assert (row.renderings, row.dismissed, row.live) == (0, True, True)


async def test_a_leg_is_known_by_its_call_and_by_its_label(assistants: Assistants, conference: str) -> None:
    made = await reserved(assistants, conference)
    assert await assistants.of_leg("CA_a", "") is None
    assert await assistants.of_leg("CA_b", made.id) == made
    await assistants.know_call(made.id, "CA_a")
    found = await assistants.of_leg("CA_a", "")
    assert found is not None
    assert (found.id, found.call_sid) == (made.id, "CA_a")


async def test_its_manners_can_be_changed(assistants: Assistants, conference: str) -> None:
    made = await reserved(assistants, conference)
    changed = await assistants.set_manners(made.id, speaks=Speaks.ALWAYS, audience=Audience.AGENT, muted=True)
    assert changed == msgspec.structs.replace(made, speaks=Speaks.ALWAYS, audience=Audience.AGENT, muted=True)
    assert await assistants.assistant(made.id) == changed
    assert await assistants.assistant("ast_nobody") is None
    with pytest.raises(NotFound):
        await assistants.set_manners("ast_nobody", speaks=Speaks.ASKED, audience=Audience.ALL, muted=False)
