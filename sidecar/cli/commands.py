"""Which commands there are. Each is imported when it is asked for: ``serve`` has to be back soon after it died."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

# The module of each: there is a function or a group of that name.
COMMANDS = {
    "demo": "sidecar.cli.demo.command",
    "serve": "sidecar.cli.serve",
    "fork": "sidecar.cli.fork",
    "doctor": "sidecar.cli.doctor.command",
    "emulate": "sidecar.cli.emulate",
    "migrate": "sidecar.cli.migrate",
    "transcripts": "sidecar.cli.transcripts",
    "webhooks": "sidecar.cli.webhooks.command",
    "config": "sidecar.cli.configuration",
    "twilio": "sidecar.cli.twilio_setup",
    "users": "sidecar.cli.users",
    "keys": "sidecar.cli.keys",
}


class Commands(TyperGroup):
    """The group of all commands, for ``typer.Typer(cls=…)``."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer asks so
        """Their names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - typer hands it in
        """The command of that name; None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(COMMANDS[cmd_name]), cmd_name)
        alone = typer.Typer(rich_markup_mode=None)
        if isinstance(command, typer.Typer):
            alone.add_typer(command, name=cmd_name)
        else:
            alone.command(cmd_name)(command)
        return get_group(alone).commands[cmd_name]
