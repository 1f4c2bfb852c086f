"""sidecar users, sidecar keys: what they print, and that it opens the database of the settings."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sidecar.adapters.sql import Database, SqlAccounts, SqlAuditLog
from sidecar.cli import app
from sidecar.domain.access.callers import ApiKey, LoginLink, NameRefused, Scope, token_hash
from sidecar.domain.access.passwords import PasswordRefused
from sidecar.domain.errors import NotFound, SidecarError
from tests.facts import NOON


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is not there yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIDECAR_DATABASE_URL", "sqlite:///here.sqlite3")
    monkeypatch.setenv("SIDECAR_PUBLIC_URL", "https://sidecar.example.com/")


def sidecar(*arguments: str) -> str:
    """What a command prints. Raises what ``main`` would show as one line."""
    done = CliRunner().invoke(app, arguments)
    if isinstance(done.exception, SidecarError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def link_of(token: str) -> LoginLink:
    """The stored link."""

    async def look() -> LoginLink:
        database = Database("sqlite:///here.sqlite3")
        try:
            return await SqlAccounts(database).link(token_hash(token), now=NOON)
        finally:
            await database.close()

    return asyncio.run(look())


def key_of(secret: str) -> ApiKey | None:
    """The stored key, if it is valid."""

    async def look() -> ApiKey | None:
        database = Database("sqlite:///here.sqlite3")
        try:
            return await SqlAccounts(database).key(token_hash(secret), now=NOON)
        finally:
            await database.close()

    return asyncio.run(look())


def test_a_user_is_added_and_gets_a_link_with_the_public_address() -> None:
    assert sidecar("users", "add", "Ana Ruíz", "--role", "admin") == (
        "Ana Ruíz may sign in (admin). A link for it: sidecar users link 'Ana Ruíz'\n"
    )
    printed = re.fullmatch(
        r"https://sidecar\.example\.com/login\?token=([\w-]{22})\n", sidecar("users", "link", "Ana Ruíz")
    )
    assert printed is not None
    link = link_of(printed[1])
    assert (link.user.name, link.user.role, link.reusable) == ("Ana Ruíz", "admin", False)
    assert sidecar("users", "list").startswith("Ana Ruíz\tadmin\t-\tlink\tsince ")
    sidecar("users", "remove", "Ana Ruíz")
    assert sidecar("users", "list") == ""


def test_a_key_is_shown_once_and_stored_as_a_hash(tmp_path: Path) -> None:
    secret = sidecar("keys", "create", "crm").strip()
    assert re.fullmatch(r"sck_[0-9a-f]{48}", secret)
    assert secret not in sidecar("keys", "list")
    assert sidecar("keys", "list").endswith("never used\tvalid\n")
    assert b"".join(file.read_bytes() for file in tmp_path.iterdir()).find(secret.encode()) == -1
    found = key_of(secret)
    assert found is not None
    assert (found.name, found.scopes) == ("crm", frozenset({Scope.CONFERENCES_READ, Scope.TRANSCRIPTS_READ}))
    sidecar("keys", "revoke", "crm")
    assert key_of(secret) is None
    assert "\trevoked " in sidecar("keys", "list")


def test_what_cannot_be_done_says_what_to_do_next() -> None:
    for command in (["users", "list"], ["users", "link", "Ana"], ["keys", "list"], ["keys", "revoke", "crm"]):
        with pytest.raises(NotFound, match=r"no database here\.sqlite3.*SIDECAR_DATABASE_URL"):
            sidecar(*command)
    assert not Path("here.sqlite3").exists()
    sidecar("users", "add", "Ana")
    sidecar("keys", "create", "crm")
    for names in (["users", "add", "Ana"], ["keys", "create", "crm"], ["users", "add", "  "]):
        with pytest.raises(NameRefused, match="Choose another"):
            sidecar(*names)
    for command in (["users", "link", "Ben"], ["users", "remove", "Ben"]):
        with pytest.raises(NotFound, match="sidecar users add 'Ben'"):
            sidecar(*command)
    with pytest.raises(NotFound, match="sidecar keys list"):
        sidecar("keys", "revoke", "other")


def audited() -> list[tuple[str, str]]:
    """Tenant and action of every entry of the audit log, the oldest first."""

    async def look() -> list[tuple[str, str]]:
        database = Database("sqlite:///here.sqlite3")
        try:
            log = SqlAuditLog(database)
            entries = [*await log.entries("", limit=50), *await log.entries("acme", limit=50)]
            assert {entry.by for entry in entries} <= {"cli"}
            return [(entry.tenant, entry.action) for entry in sorted(entries, key=lambda entry: entry.at)]
        finally:
            await database.close()

    return asyncio.run(look())


def test_a_key_has_scopes_a_tenant_and_an_end() -> None:
    made = ["--scope", "webhooks:manage", "--scope", "conferences:read", "--tenant", "acme", "--expires", "90d"]
    sidecar("keys", "create", "crm", *made)
    sidecar("keys", "create", "crm")  # another tenant's name is free
    assert "crm\tacme\tconferences:read webhooks:manage\t" in sidecar("keys", "list")
    assert "valid until " in sidecar("keys", "list", "--tenant", "acme")
    with pytest.raises(NotFound):
        sidecar("keys", "revoke", "crm", "--tenant", "globex")
    sidecar("keys", "revoke", "crm", "--tenant", "acme")
    assert sidecar("keys", "list").count("\trevoked ") == 1
    with pytest.raises(SidecarError, match="90d or 12h"):
        sidecar("keys", "create", "other", "--expires", "tomorrow")
    assert audited() == [("acme", "key.created"), ("", "key.created"), ("acme", "key.revoked")]


def test_a_user_s_role_and_password_are_changed_and_written_down() -> None:
    sidecar("users", "add", "Ana", "--tenant", "acme", "--role", "agent")
    sidecar("users", "role", "Ana", "viewer")
    done = CliRunner().invoke(app, ["users", "password", "Ana", "--stdin"], input="correct horse battery\n")
    assert (done.exit_code, "correct" in done.output) == (0, False)
    assert sidecar("users", "list", "--tenant", "acme").startswith("Ana\tviewer\tacme\tpassword\tsince ")
    assert sidecar("users", "list", "--tenant", "") == ""
    done = CliRunner().invoke(app, ["users", "password", "Ana", "--stdin"], input="short\n")
    assert isinstance(done.exception, PasswordRefused)
    sidecar("users", "remove", "Ana")
    actions = [action for _, action in audited()]
    assert actions == ["user.added", "user.role_changed", "user.password_changed", "user.removed"]
