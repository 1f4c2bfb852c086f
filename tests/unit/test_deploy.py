"""What an operator copies - container, compose, units, examples - names only what exists.

Linters that know these formats (hadolint, check-jsonschema) are not in the locks; CONTRIBUTING.md says how to run them.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sidecar.cli import app
from sidecar.cli.settings import shown
from sidecar.config import Settings, load
from sidecar.config.sources import holds_secret, variable

ROOT = Path(__file__).parents[2]
OURS = re.compile(r"\b(?:SIDECAR|TWILIO|DEEPGRAM|OPENAI)_[A-Z0-9_]+\b")
# Names that are not settings: the proxy's own, and a wildcard in prose.
NOT_SETTINGS = {"SIDECAR_UPSTREAM"}
FILES = [
    "Dockerfile", "compose.yaml", "deploy/Caddyfile", "deploy/nginx.conf", "deploy/sidecar.service", "docs/deploy.md",
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


def test_the_image_is_built_from_files_that_are_there_and_that_docker_may_see() -> None:
    sources = []
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from=" not in line:
            sources += line.split()[1:-1]
    assert sources
    assert [source for source in sources if not (ROOT / source).exists()] == []
    seen = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert seen == set(sources)


def test_the_image_runs_as_nobody_special_and_installs_only_what_is_locked() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^USER (\S+)$", text, flags=re.MULTILINE) == ["10001:10001"]
    assert [
        line
        for line in text.splitlines()
        if "pip install" in line and not re.search("--require-hashes|--no-deps", line)
    ] == []
    stages = re.findall(r"^FROM (\S+)", text, flags=re.MULTILINE)
    assert len(stages) == 2
    assert len(set(stages)) == 1
    assert ":latest" not in text


def test_the_settings_of_the_image_are_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in re.findall(
        r"^ +(?:ENV )?(SIDECAR_\w+)=(\S+?)(?: \\)?$", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE
    ):
        monkeypatch.setenv(name, value)
    settings = load()
    assert (settings.host, settings.port) == ("0.0.0.0", 8080)


def test_every_secret_and_file_of_compose_is_declared_and_there() -> None:
    """Compose itself would only complain on the operator's machine."""
    text = (ROOT / "compose.yaml").read_text()
    used = {name.strip() for names in re.findall(r"secrets: \[(.+)\]", text) for name in names.split(",")}
    declared = set(re.findall(r"^  (\w+):\n    file: \./secrets/(?:\w+)$", text, flags=re.MULTILINE))
    mounted = set(re.findall(r"/run/secrets/(\w+)", text))
    assert used == declared == mounted
    for path in re.findall(r"- (\./[\w/.]+):", text):
        assert (ROOT / path).is_file()
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE)
    assert version
    assert f"conference-sidecar:{version[1]}" in text


def test_whoever_stops_the_service_waits_for_as_long_as_it_may_take() -> None:
    """Ten seconds is the promise; a supervisor that kills earlier loses last words."""
    waits = {
        "compose.yaml": r"stop_grace_period: (\d+)s",
        "deploy/sidecar.service": r"TimeoutStopSec=(\d+)s",
    }
    for file, pattern in waits.items():
        found = re.search(pattern, (ROOT / file).read_text())
        assert found
        assert int(found[1]) > 10
