"""What an operator copies - units, proxies, examples - names only what exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sidecar.cli import app
from sidecar.config import Settings, holds_secret, load, shown, variable

ROOT = Path(__file__).parents[2]
OURS = re.compile(r"\b(?:SIDECAR|TWILIO|DEEPGRAM|OPENAI)_[A-Z0-9_]+\b")
# Names that are not settings: the proxy's own, and a wildcard in prose.
NOT_SETTINGS = {"SIDECAR_UPSTREAM"}
FILES = [
    "deploy/Caddyfile", "deploy/nginx.conf", "deploy/sidecar.service", "docs/deploy.md",
    "docs/metrics.md", "README.md", "SECURITY.md",
]  # fmt: skip


def known_names() -> set[str]:
    names = {variable(name, field) for name, field in Settings.model_fields.items()}
    secrets = {variable(name, field) for name, field in Settings.model_fields.items() if holds_secret(name, field)}
    return names | {f"{name}_FILE" for name in secrets}


@pytest.mark.parametrize("file", FILES)
def test_every_setting_that_is_named_exists(file: str) -> None:
    named = set(OURS.findall((ROOT / file).read_text())) - NOT_SETTINGS
    assert named - known_names() == set()


def test_the_example_of_an_env_file_is_what_the_command_prints() -> None:
    """Write it anew: python -m sidecar config example > .env.example"""
    result = CliRunner().invoke(app, ["config", "example"])
    assert result.exit_code == 0
    assert (ROOT / ".env.example").read_text() == result.output


def test_the_example_of_an_env_file_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every line uncommented it is read without an error."""
    monkeypatch.chdir(tmp_path)
    lines = (ROOT / ".env.example").read_text().splitlines()
    (tmp_path / ".env").write_text("\n".join(re.sub(r"^#(?=[A-Z_]+=.)", "", line) for line in lines))
    assert {row.origin for row in shown(load()) if row.value} == {".env"}


def test_whoever_stops_the_service_waits_for_as_long_as_it_may_take() -> None:
    """Ten seconds is the promise; a supervisor that kills earlier loses last words."""
    found = re.search(r"TimeoutStopSec=(\d+)s", (ROOT / "deploy/sidecar.service").read_text())
    assert found
    assert int(found[1]) > 10
