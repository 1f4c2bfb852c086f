"""Every command is there, and none costs the start of another one."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from sidecar.cli import app
from sidecar.cli.commands import COMMANDS

# What the other commands and asking Twilio bring along.
NOT_FOR_A_START = ("sidecar.emulator", "sidecar.cli.demo", "sidecar.cli.doctor", "twilio.rest", "requests", "alembic")


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(name: str) -> None:
    done = CliRunner().invoke(app, [name, "--help"])
    assert done.exit_code == 0
    assert f"sidecar {name}" in done.output.replace("root", "sidecar")


def test_the_help_names_all_of_them() -> None:
    done = CliRunner().invoke(app, ["--help"])
    assert [name for name in COMMANDS if f"\n  {name} " not in done.output] == []


def test_what_is_no_command_is_said() -> None:
    done = CliRunner().invoke(app, ["serv"])
    assert done.exit_code == 2
    assert "serv" in done.output


def test_a_service_that_starts_imports_nothing_that_it_does_not_need() -> None:
    """It has to be back within two seconds, and it dies with calls on the line."""
    start = "import sidecar.cli, sidecar.cli.serve, sidecar.app, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, check=True).stdout.split()
    assert "sidecar.app" in loaded
    assert [name for name in loaded if name.startswith(NOT_FOR_A_START)] == []
