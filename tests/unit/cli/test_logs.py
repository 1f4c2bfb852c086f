"""Logs: JSON for machines, ids and codes only; a traceback never shows what variables held."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from sidecar.cli import logs

CANARY = "four one one one, expires in May"


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """What a test configures ends with it."""
    root, level = list(logging.root.handlers), logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = root
    logging.root.setLevel(level)


def failing() -> None:
    said = CANARY
    raise ValueError(f"{len(said)} characters")


def test_every_line_is_one_json_object_whoever_logs(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("info")
    structlog.get_logger().info("call_admitted", conference="cnf_1")
    structlog.get_logger().debug("too_small")
    logging.getLogger("aiohttp.server").warning("Error handling %s", "request")
    ours, theirs = map(json.loads, capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["conference"], ours["level"]) == ("call_admitted", "cnf_1", "info")
    assert (theirs["event"], theirs["logger"], theirs["level"]) == (
        "Error handling request",
        "aiohttp.server",
        "warning",
    )


@pytest.mark.parametrize("terminal", [False, True])
def test_a_traceback_shows_no_local_variable(
    terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For people and for machines, from our loggers and from a library's."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    logs.set_up("info")
    try:
        failing()
    except ValueError:
        structlog.get_logger().exception("conference_failed")
        logging.getLogger("aiohttp.server").exception("Error handling request")
    told = capsys.readouterr().err
    assert told.count("failing") >= 2
    assert "32 characters" in told
    assert CANARY not in told
