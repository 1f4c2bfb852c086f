"""The contract of ports.answers, on every fulfilment."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import structs
from sqlalchemy import select, text

from sidecar.adapters.sql import Database, SqlAnswers, migrate
from sidecar.adapters.sql.tables import answers as answer_rows
from sidecar.ports.answers import Answer, Answers, KeyedRequest, KeyRefused
from tests.facts import NOON
from tests.stores import upgrade_to

DONE = Answer(status=202, content_type="application/json", body='{"name": "Zoë"}'.encode(), location="/v1/one")
OTHER = Answer(status=502, content_type="application/problem+json", body=b"{}")


@pytest.fixture
def answers(any_database: Database) -> Answers:
    return SqlAnswers(any_database)


def asked(key: str = "k1", *, caller: str = "key_1", fingerprint: str = "f1") -> KeyedRequest:
    return KeyedRequest(caller=caller, key=key, fingerprint=fingerprint)


async def refusal(claim: KeyedRequest, answers: Answers) -> str:
    with pytest.raises(KeyRefused) as refused:
        await answers.claim(claim, now=NOON)
    return refused.value.code


async def test_of_many_who_claim_a_key_at_once_one_goes_on_and_the_others_get_no_answer_yet(answers: Answers) -> None:
    async def try_it() -> bool:
        try:
            return await answers.claim(asked(), now=NOON) is None
        except KeyRefused as refused:
            codes.add(refused.code)
            return False

    codes = set[str]()

    async with asyncio.TaskGroup() as tasks:
        tries = [tasks.create_task(try_it()) for _ in range(8)]
    assert ([one.result() for one in tries].count(True), codes) == (1, {"idempotency_key_in_use"})
    await answers.keep(asked(), DONE, now=NOON)
    assert await answers.claim(asked(), now=NOON) == DONE
    assert await answers.find(asked()) == DONE


async def test_a_key_is_for_one_request_of_one_caller(answers: Answers) -> None:
    await answers.keep(asked(), DONE, now=NOON)
    assert await refusal(asked(fingerprint="f2"), answers) == "idempotency_key_reused"
    with pytest.raises(KeyRefused):
        await answers.find(asked(fingerprint="f2"))
    assert await answers.claim(asked(caller="key_2", fingerprint="f2"), now=NOON) is None


async def test_the_first_answer_that_is_kept_stays(answers: Answers) -> None:
    await answers.keep(asked(), DONE, now=NOON)
    await answers.keep(asked(), OTHER, now=NOON)
    await answers.release(asked())
    assert await answers.find(asked()) == DONE


async def test_a_claim_of_which_nothing_came_is_free_again(answers: Answers) -> None:
    assert await answers.find(asked()) is None
    assert await answers.claim(asked(), now=NOON) is None
    await answers.release(asked())
    assert await answers.claim(asked(fingerprint="f2"), now=NOON) is None


async def test_an_answer_that_tells_a_secret_opens_for_who_asked_and_lies_sealed(
    answers: Answers, any_database: Database
) -> None:
    mine = KeyedRequest(caller="key_1", key="k1", fingerprint="f1", secret="sck_mine")
    assert await answers.claim(mine, now=NOON) is None
    await answers.keep(mine, DONE, now=NOON)
    assert await answers.find(mine) == await answers.claim(mine, now=NOON) == DONE
    async with any_database.read() as connection:
        [body] = (await connection.scalars(text("SELECT body FROM answers"))).all()
    assert b"Zo" not in base64.b64decode(body)
    assert await refusal(structs.replace(mine, secret="sck_other"), answers) == "idempotency_key_in_use"


async def test_answers_of_before_that_told_secrets_are_gone_after_the_upgrade(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    Path(str(database.url.database)).parent.mkdir()
    told = {"making": '{"id":"whe_1","secret":"whsec_abc"}', "naming": '{"secret":"whsecXabc"}', "other": "{}"}
    async with database.write() as connection:
        await connection.run_sync(upgrade_to, "0014")
        for key, body in told.items():
            values = {"caller": "c", "key": key, "fingerprint": "f", "status": 201, "body": body, "created_at": NOON}
            await connection.execute(answer_rows.insert().values(content_type="application/json", **values))
    await migrate(sqlite_url)
    async with database.read() as connection:
        left = (await connection.scalars(select(answer_rows.c.key).order_by(answer_rows.c.key))).all()
    assert left == ["naming", "other"]
    await database.close()


async def test_after_a_day_a_key_is_forgotten(answers: Answers) -> None:
    await answers.keep(asked(), DONE, now=NOON)
    assert await answers.claim(asked(), now=NOON + timedelta(hours=23)) == DONE
    assert await answers.claim(asked(), now=NOON + timedelta(hours=25)) is None
