"""``sidecar transcripts``: what is stored of calls, for the command line.

Reads the database and not the service: so it works while the service runs (SQLite's readers hold up nobody), after it
has stopped, and from any machine that reaches the PostgreSQL server.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from sidecar.config import load
from sidecar.domain.errors import NotFound, SidecarError
from sidecar.domain.exports import FORMATS, Export, chunks, export_format

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


async def _read(url: str, conference: str) -> Export:
    from sidecar.adapters.sql import Database, SqlDirectory, SqlEventLog
    from sidecar.adapters.sql.engine import sqlite_file
    from sidecar.runtime.transcript_reader import export_of

    database = Database(url)
    file = sqlite_file(database.url)
    if file is not None and not file.is_file():  # SQLite would make an empty one
        raise NotFound(
            f"There is no database {file}.",
            next_step="Go to the folder where the service runs, or set SIDECAR_DATABASE_URL.",
        )
    try:
        return await export_of(SqlDirectory(database), SqlEventLog(database), conference)
    except NotFound as error:
        raise NotFound(error.message, next_step=f"Looked in {database}.") from None
    finally:
        await database.close()
