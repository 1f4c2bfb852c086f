"""A PostgreSQL cluster for one test run, from binaries on PATH or where Debian puts them. Never run as root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
from sqlalchemy.engine import make_url

START_TIMEOUT_S = 60


class PostgresMissing(Exception):
    """There is no PostgreSQL on this machine that we could start; the text says what was looked for."""


@contextmanager
def throw_away_cluster() -> Iterator[str]:
    """Starts a cluster on a Unix socket in a temporary folder; stops and removes it at the end. Yields its URL."""
    binaries = _binaries()
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="sidecar-pg-"))
    as_user = ["runuser", "-u", user, "--"] if user else []
    if user:
        account = pwd.getpwnam(user)
        os.chown(folder, account.pw_uid, account.pw_gid)
    data = folder / "data"
    options = f"-k {folder} -c listen_addresses= -c fsync=off -c full_page_writes=off -c max_connections=200"
    try:
        _run([*as_user, binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"])
        log = folder / "log"
        _run([*as_user, binaries / "pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start"])
        try:
            yield f"postgresql://postgres@/postgres?host={folder}"
        finally:
            _run([*as_user, binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def create_database(server_url: str, name: str, *, template: str = "template1") -> str:
    """A database on that server, empty or a copy of another; returns its URL."""
    await _administer(server_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)


async def drop_database(server_url: str, name: str) -> None:
    """Drop it, whoever is still connected."""
    await _administer(server_url, f'DROP DATABASE "{name}" WITH (FORCE)')


async def _administer(server_url: str, statement: str) -> None:
    url = make_url(server_url)
    host = url.host or url.query.get("host")
    connection = await asyncpg.connect(
        host=host, port=url.port, user=url.username, password=url.password, database=url.database
    )
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _binaries() -> Path:
    """The folder of initdb and pg_ctl: that of PATH (through links), else Debian's newest."""
    places = [Path(found).resolve().parent] if (found := shutil.which("initdb")) else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for place in places:
        if (place / "initdb").exists() and (place / "pg_ctl").exists():
            return place
    raise PostgresMissing("no initdb on PATH or under /usr/lib/postgresql; set SIDECAR_TEST_POSTGRES_URL")


def _user() -> str | None:
    """Whom to run it as: PostgreSQL refuses root. None: as ourselves."""
    if os.geteuid() != 0:
        return None
    names = {account.pw_name for account in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in names and shutil.which("runuser"):
            return name
    raise PostgresMissing("we are root, and there is neither runuser nor an ordinary user to run it as")


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=START_TIMEOUT_S,
        cwd="/",
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[-1]} of PostgreSQL failed: {done.stdout}")
