"""``sidecar transcripts verify``, and the check that docs/completeness.md gives to receivers."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import delete
from typer.testing import CliRunner

from sidecar.adapters.sql import Database, SqlDirectory, SqlEventLog
from sidecar.adapters.sql.tables import events as event_rows
from sidecar.cli import app
from sidecar.domain.redaction.events import UtteranceRedacted
from sidecar.runtime.transcript_reader import read_manifest
from tests.facts import draft, open_call, utterance

PAGE = Path(__file__).parents[3] / "docs" / "completeness.md"
SAID = ["Hello, Grüße\nand 你好.", "My name is Rosebud."]


async def _stored(url: str) -> tuple[str, list[dict[str, Any]]]:
    """A complete call in which a line was redacted afterwards; its id, and its events as somebody was told them."""
    database = Database(url)
    log = SqlEventLog(database)
    call = await open_call(SqlDirectory(database))
    conference = call.conference.id
    lines = [utterance(call, n, text=text) for n, text in enumerate(SAID)]
    await log.append([draft(conference, line) for line in lines])
    await log.append([draft(conference, await read_manifest(log, conference))])
    told = await log.read(conference)
    who = call.participant.id
    await log.append(
        [
            draft(
                conference,
                UtteranceRedacted(id=lines[1].id, participant=who, revision=2, text="[redacted]", by="Ana", at_ms=9),
            )
        ]
    )
    await log.append([draft(conference, await read_manifest(log, conference))])
    told += await log.read(conference, after=3)
    await database.close()
    return conference, msgspec.to_builtins(told)


@pytest.fixture
def call(migrated_sqlite_url: str) -> tuple[str, list[dict[str, Any]]]:
    return asyncio.run(_stored(migrated_sqlite_url))


def verify(*arguments: str, stdin: str | None = None) -> tuple[int, str]:
    """Exit code, and what it says."""
    result = CliRunner().invoke(app, ["transcripts", "verify", *arguments], input=stdin)
    return result.exit_code, result.output


def test_the_store_fits_its_manifest_until_a_row_is_lost(
    migrated_sqlite_url: str, call: tuple[str, list[dict[str, Any]]]
) -> None:
    conference, _ = call
    code, said = verify(conference, "--database-url", migrated_sqlite_url)
    assert (code, said) == (0, "complete: 2 utterances, 0 gaps, up to event 4; the manifest (revision 2) fits\n")

    async def lose_one() -> None:
        database = Database(migrated_sqlite_url)
        async with database.write() as connection:
            await connection.execute(delete(event_rows).where(event_rows.c.seq == 1))
        await database.close()

    asyncio.run(lose_one())
    code, said = verify(conference, "--database-url", migrated_sqlite_url, "--json")
    assert code == 1
    assert json.loads(said)["missing"] == [[1, 1]]
    assert verify("cnf_none", "--database-url", migrated_sqlite_url)[0] == 2


def test_a_file_is_verified_in_whatever_form_it_was_kept(
    tmp_path: Path, call: tuple[str, list[dict[str, Any]]]
) -> None:
    """Lines, a list, pages and batches; other conferences in it do not matter."""
    conference, told = call
    assert SAID[1] in json.dumps(told, ensure_ascii=False), "it was told before it was redacted"
    stranger = told[0] | {"conference": "cnf_other", "seq": 77}
    batch = {"type": "events.batch", "data": told[1:]}
    forms = [
        "\n".join(map(json.dumps, [stranger, *reversed(told), told[0]])),
        json.dumps([*told, stranger]),
        json.dumps({"data": told, "has_more": False}),
        json.dumps([told[0], batch]),
    ]
    for form in forms:
        file = tmp_path / "events.json"
        file.write_text(form)
        assert verify(conference, "--from-file", str(file))[0] == 0
        assert verify(conference, "--from-file", "-", stdin=form)[0] == 0
    (tmp_path / "part.json").write_text(json.dumps(told[1:]))
    code, said = verify(conference, "--from-file", str(tmp_path / "part.json"))
    assert code == 1
    assert "numbers without an event: 1\n" in said
    (tmp_path / "early.json").write_text(json.dumps(told[:2]))
    assert verify(conference, "--from-file", str(tmp_path / "early.json"))[0] == 3
    for unreadable in ("no JSON", "[]", '["text"]', '{"data": 1}'):
        (tmp_path / "none.json").write_text(unreadable)
        assert verify(conference, "--from-file", str(tmp_path / "none.json"))[0] == 2
    assert verify(conference, "--from-file", str(tmp_path / "absent.json"))[0] == 2


def test_without_a_conference_all_calls_of_a_file_are_verified_and_the_worst_decides(
    tmp_path: Path, call: tuple[str, list[dict[str, Any]]]
) -> None:
    """Samples are passed over. Of the store one call is asked for."""
    conference, told = call
    early = [event | {"conference": "cnf_early"} for event in told[:2]]
    sample = told[0] | {"conference": "cnf_sample"}
    whole = "complete: 2 utterances, 0 gaps, up to event 4; the manifest (revision 2) fits\n"
    file = tmp_path / "events.jsonl"

    def said_of(*events: dict[str, Any]) -> tuple[int, str]:
        file.write_text("\n".join(map(json.dumps, events)))
        return verify("--from-file", str(file))

    assert said_of(sample, *told) == (0, f"{conference} {whole}")
    code, said = said_of(sample, *early, *told)
    assert (code, said.splitlines()[1]) == (3, f"{conference} {whole.strip()}")
    assert said.startswith("cnf_early not finished: ")
    code, said = said_of(*early, *told[1:])
    assert (code, said.splitlines()[-1]) == (
        1,
        f"  have it told again: sidecar webhooks resend whe_… --conference {conference}",
    )
    code, said = said_of(sample)
    assert (code, "no event of a call" in said) == (2, True)
    assert verify("--from-file", str(file), "--json", conference)[0] == 2
    code, said = verify()
    assert (code, "--from-file FILE" in said) == (2, True)


def test_the_documented_check_finds_out_the_same(tmp_path: Path, call: tuple[str, list[dict[str, Any]]]) -> None:
    """Run as it stands on the page, by a Python that knows nothing of this package."""
    [script] = re.findall(r"```python\n(.+?)```", PAGE.read_text(), flags=re.DOTALL)
    assert len([line for line in script.splitlines() if line.strip() and not line.startswith("import")]) <= 10
    (tmp_path / "check.py").write_text(script)

    def checked(events: list[dict[str, Any]]) -> str:
        (tmp_path / "events.jsonl").write_text("\n".join(map(json.dumps, events)), encoding="utf-8")
        run = subprocess.run(
            [sys.executable, "-I", "check.py", "events.jsonl"], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return run.stdout.strip()

    _, told = call
    assert checked([*reversed(told), told[1]]) == "complete"
    assert checked(told[:3]) == "complete"  # by the first manifest
    assert checked(told[1:]) == "not complete"
