"""``sidecar transcripts``: what is stored of calls, for the command line.

Reads the database and not the service: so it works while the service runs (SQLite's readers hold up nobody), after it
has stopped, and from any machine that reaches the PostgreSQL server.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from sidecar.cli.completeness import EXIT_CODES, UNREADABLE, NoEvents, events_in, in_words, worst
from sidecar.cli.store import open_database
from sidecar.config import load
from sidecar.domain.errors import NotFound, SidecarError
from sidecar.domain.exports import FORMATS, Export, chunks, export_format
from sidecar.domain.manifest import Verdict, verdict_of
from sidecar.ports.directory import Directory
from sidecar.ports.event_log import EventLog

transcripts = typer.Typer(help="Stored transcripts.", no_args_is_help=True, rich_markup_mode=None)


class ExportFailed(SidecarError):
    """The file cannot be written."""

    code = "export_failed"


@transcripts.command()
def export(
    conference: Annotated[str, typer.Argument(metavar="CONFERENCE", help="Our id (cnf_…) or Twilio's (CF…).")],
    form: Annotated[str, typer.Option("--format", help=f"One of: {', '.join(FORMATS)}.")] = "txt",
    output: Annotated[Path | None, typer.Option(help="The file to write; without it, standard output.")] = None,
    database_url: Annotated[str | None, typer.Option(help="Instead of SIDECAR_DATABASE_URL.")] = None,
) -> None:
    """Write a transcript as a file. Example: sidecar transcripts export cnf_01K9 --format vtt --output call.vtt"""
    wanted = export_format(form)
    found = asyncio.run(_read(load(database_url=database_url).database_url, conference))
    pieces = chunks(wanted.pieces(found))
    try:
        if output is None:
            for chunk in pieces:
                sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
        else:
            with output.open("wb") as file:
                file.writelines(pieces)
    except BrokenPipeError:
        raise  # the reader has seen enough, as of `| head`; typer ends quietly
    except OSError as error:
        raise ExportFailed(
            f"{output or 'Standard output'} cannot be written: {error.strerror}.",
            next_step="Choose another place with --output.",
        ) from error
    if found.partial:
        print("sidecar: this transcript is partial: more may follow.", file=sys.stderr)


@transcripts.command()
def verify(
    conference: Annotated[
        str, typer.Argument(metavar="CONFERENCE", help="Our id (cnf_…) or Twilio's (CF…); of a file, all without it.")
    ] = "",
    from_file: Annotated[
        Path | None,
        typer.Option(help="Your own events, as JSON, instead of the store's; - is standard input."),
    ] = None,
    database_url: Annotated[str | None, typer.Option(help="Instead of SIDECAR_DATABASE_URL.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document per conference.")] = False,
) -> None:
    """Say whether a transcript is complete. Exit code 0: it is; 1: it is not; 2: it cannot be read; 3: not finished.

    Example: sidecar transcripts verify --from-file events.jsonl
    """
    try:
        if from_file is None:
            verdicts = {conference: _of_store(load(database_url=database_url).database_url, conference)}
        else:
            text = sys.stdin.read() if str(from_file) == "-" else from_file.read_text(encoding="utf-8")
            verdicts = {one: verdict_of(events) for one, events in events_in(text, conference).items()}
    except (OSError, UnicodeDecodeError, NoEvents, NotFound) as error:
        print(f"sidecar: {error}", file=sys.stderr)
        raise typer.Exit(UNREADABLE) from None
    for one, verdict in verdicts.items():
        if as_json:
            print(msgspec.json.encode({"conference": one, **msgspec.to_builtins(verdict)}).decode())
        else:
            print("" if conference else f"{one} ", "\n".join(in_words(verdict)), sep="")
            if from_file is not None and verdict.state == "incomplete":
                print(f"  have it told again: sidecar webhooks resend whe_… --conference {one}")
    raise typer.Exit(EXIT_CODES[worst(verdicts.values())])


def _of_store(url: str, conference: str) -> Verdict:
    """The store has every type of event, so nothing may be missing in it. Raises NotFound, NoEvents."""
    if not conference:
        raise NoEvents("Which conference?", next_step="Give its id, or --from-file FILE for all of a file.")
    verdict = asyncio.run(_verdict(url, conference))
    if verdict.state == "complete" and verdict.missing:
        return msgspec.structs.replace(verdict, state="incomplete")
    return verdict


async def _verdict(url: str, conference: str) -> Verdict:
    from sidecar.runtime.transcript_reader import envelopes_of

    async with _store(url) as (directory, log):
        return verdict_of(await envelopes_of(directory, log, conference))


async def _read(url: str, conference: str) -> Export:
    from sidecar.runtime.transcript_reader import export_of

    async with _store(url) as (directory, log):
        return await export_of(directory, log, conference)


@asynccontextmanager
async def _store(url: str) -> AsyncIterator[tuple[Directory, EventLog]]:
    from sidecar.adapters.sql import SqlDirectory, SqlEventLog

    async with open_database(url) as database:
        try:
            yield SqlDirectory(database), SqlEventLog(database)
        except NotFound as error:
            raise NotFound(error.message, next_step=f"Looked in {database}.") from None
