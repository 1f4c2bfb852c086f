"""The debugger log."""

from __future__ import annotations

from datetime import UTC, datetime

from structlog.testing import capture_logs

from sidecar.emulator.debugger import MAX_ENTRIES, Debugger, ErrorNumber


def debugger() -> Debugger:
    return Debugger(lambda: datetime(2026, 11, 2, 9, 15, 7, tzinfo=UTC))


def test_an_entry_has_number_id_time_and_text() -> None:
    """What a developer needs to find the mistake; it is a warning in the log too."""
    log = debugger()
    with capture_logs() as lines:
        log.note(ErrorNumber.STREAM_NOT_WSS, "CA1", "not wss")
    (entry,) = log.entries
    assert (entry.error_code, entry.sid, entry.at, entry.text) == (31922, "CA1", "2026-11-02T09:15:07.000Z", "not wss")
    assert [(line["log_level"], line["error_code"]) for line in lines] == [("warning", 31922)]


def test_the_newest_entries_are_kept_and_all_are_counted() -> None:
    """A service in a loop of mistakes does not fill the memory."""
    log = debugger()
    with capture_logs():
        for n in range(MAX_ENTRIES + 3):
            log.note(ErrorNumber.HTTP_BAD_STATUS, f"CA{n}", "")
    assert log.total == MAX_ENTRIES + 3
    assert len(log.entries) == MAX_ENTRIES
    assert log.entries[0].sid == "CA3"
