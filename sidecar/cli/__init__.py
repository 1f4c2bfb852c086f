"""The ``sidecar`` command: a file or a room per sub-command. Prints for people by default, ``--json`` for machines."""

from __future__ import annotations

import sys

import typer

from sidecar.cli.commands import Commands
from sidecar.domain.errors import SidecarError

app = typer.Typer(
    cls=Commands,
    help="Live transcripts beside Twilio Conferences.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def _all() -> None:
    """The commands are in ``Commands``; typer wants to see something of its own."""


def main() -> None:
    """The entry point: errors that we foresaw are one line on stderr and exit code 1."""
    try:
        app()
    except SidecarError as error:
        print(f"sidecar: {error}", file=sys.stderr)
        raise SystemExit(1) from None
