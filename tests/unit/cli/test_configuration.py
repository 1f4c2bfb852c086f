"""``sidecar config show``: for people, and as JSON for machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sidecar.cli import app


@pytest.fixture(autouse=True)
def settings_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One secret, one plain setting."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "canary")
    monkeypatch.setenv("SIDECAR_PORT", "9001")


def test_people_see_each_setting_and_where_it_comes_from() -> None:
    result = CliRunner().invoke(app, ["config", "show"])
    assert result.exit_code == 0
    lines = {line.split()[0]: line for line in result.output.splitlines()}
    assert lines["SIDECAR_PORT"].split()[1:] == ["9001", "(environment)"]
    assert lines["SIDECAR_NOTICE"].split()[1:] == ["-"]
    assert "canary" not in result.output


def test_machines_get_the_same_as_json() -> None:
    result = CliRunner().invoke(app, ["config", "show", "--json"])
    rows = json.loads(result.output)
    assert {"name": "SIDECAR_PORT", "value": "9001", "origin": "environment"} in rows
    assert "canary" not in result.output
