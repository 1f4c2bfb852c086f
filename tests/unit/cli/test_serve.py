"""What ``sidecar serve`` says to whoever starts it."""

from __future__ import annotations

import pytest

from sidecar.cli.serve import greeting
from sidecar.config import load


def test_a_misspelt_setting_is_named_with_the_one_that_may_be_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would have no effect, and nobody would know why."""
    monkeypatch.setenv("SIDECAR_PUBLIC_ULR", "https://sidecar.example.com")
    monkeypatch.setenv("SIDECAR_XYZZY", "1")
    lines = greeting(load(), nobody=False)
    assert "No effect: SIDECAR_PUBLIC_ULR is no setting; SIDECAR_PUBLIC_URL is." in lines
    assert "No effect: SIDECAR_XYZZY is no setting." in lines
    assert not [line for line in lines if "sidecar users add" in line]


def test_what_is_off_and_the_next_step_are_said() -> None:
    lines = greeting(load(), nobody=True)
    assert [line.partition(":")[0] for line in lines[:3]] == [
        "Sidecar is ready",
        "Twilio voice URL",
        "Nobody may sign in yet",
    ]
    assert len([line for line in lines if line.startswith("Off: ")]) == 2
