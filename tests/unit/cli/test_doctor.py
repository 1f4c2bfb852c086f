"""sidecar doctor as a command: exit codes, JSON, and settings that cannot even be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sidecar.cli import app
from sidecar.cli.children import free_ports
from sidecar.cli.twilio_setup import SetupRefused


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing runs here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIDECAR_PORT", str(free_ports(1)))


def test_settings_that_are_wrong_are_one_failed_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDECAR_TRUSTED_PROXIES", "10.0.0.0/8, everywhere")
    done = CliRunner().invoke(app, ["doctor", "--json"])
    report = json.loads(done.output)
    assert done.exit_code == 2
    assert [check["name"] for check in report["checks"]] == ["settings"]
    assert "SIDECAR_TRUSTED_PROXIES" in report["checks"][0]["detail"]


def test_where_nothing_runs_each_failure_names_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDECAR_PUBLICURL", "https://sidecar.example.com")
    monkeypatch.setenv("TWILIO_API_BASE_URL", f"http://127.0.0.1:{free_ports(1)}")
    done = CliRunner().invoke(app, ["doctor", "--wait", "0.2"])
    assert done.exit_code == 2
    assert "[WARN] settings: unknown: SIDECAR_PUBLICURL (meant: SIDECAR_PUBLIC_URL?)" in done.output
    for cure in ("sidecar migrate", "TWILIO_ACCOUNT_SID", "Start it: sidecar serve"):
        assert cure in done.output


def test_setup_without_a_public_address_or_an_account_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for code in ("public_url_missing", "account_missing"):
        done = CliRunner().invoke(app, ["twilio", "setup"])
        assert isinstance(done.exception, SetupRefused)
        assert done.exception.code == code
        assert done.exception.next_step.startswith("Set ")
        monkeypatch.setenv("SIDECAR_PUBLIC_URL", "https://sidecar.example.com")
