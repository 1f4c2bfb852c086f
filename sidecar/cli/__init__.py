"""The ``sidecar`` command: one file per sub-command. Prints for people by default, ``--json`` for machines."""

from __future__ import annotations

import sys

import typer

from sidecar.cli.configuration import config
from sidecar.cli.demo import demo
from sidecar.cli.doctor import doctor
from sidecar.cli.emulate import emulate
from sidecar.cli.fork import fork
from sidecar.cli.keys import keys
from sidecar.cli.migrate import migrate
from sidecar.cli.serve import serve
from sidecar.cli.transcripts import transcripts
from sidecar.cli.twilio_setup import twilio
from sidecar.cli.users import users
from sidecar.domain.errors import SidecarError

app = typer.Typer(
    help="Live transcripts beside Twilio Conferences.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (demo, serve, fork, doctor, emulate, migrate):
    app.command()(command)
app.add_typer(transcripts, name="transcripts")
app.add_typer(config, name="config")
app.add_typer(twilio, name="twilio")
app.add_typer(users, name="users")
app.add_typer(keys, name="keys")


def main() -> None:
    """The entry point: errors that we foresaw are one line on stderr and exit code 1."""
    try:
        app()
    except SidecarError as error:
        print(f"sidecar: {error}", file=sys.stderr)
        raise SystemExit(1) from None
