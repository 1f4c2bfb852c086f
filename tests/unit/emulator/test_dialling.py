"""One call a second, and what is told while it rings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.emulator.dialling import BETWEEN_CALLS_S, MAX_QUEUED, Queue, QueueFull, progress_form, seconds
from sidecar.emulator.line import call_form
from sidecar.emulator.state import Account, Call, CallStatus, Direction

GOLDEN = Path(__file__).parents[2] / "golden" / "twilio" / "call"
NOW = datetime(2026, 11, 2, 9, 15, 7, tzinfo=UTC)


@given(st.lists(st.floats(0, 5), max_size=50))
def test_calls_are_at_least_a_second_apart_and_none_waits_in_vain(pauses: list[float]) -> None:
    """Whoever comes to an empty queue is dialled at once."""
    queue, now, dialled = Queue(), 100.0, [0.0]
    for pause in pauses:
        now += pause
        at = now + queue.wait_s(now)
        assert at >= now
        assert at - dialled[-1] >= BETWEEN_CALLS_S - 1e-6
        assert at == now or at - dialled[-1] == pytest.approx(BETWEEN_CALLS_S)
        dialled.append(at)


def test_a_queue_that_is_full_takes_nobody_and_moves_on() -> None:
    """A second later there is room for one."""
    queue = Queue()
    assert [queue.wait_s(0.0) for _ in range(MAX_QUEUED + 1)][-1] == MAX_QUEUED * BETWEEN_CALLS_S
    with pytest.raises(QueueFull):
        queue.wait_s(0.0)
    assert queue.wait_s(1.0) == MAX_QUEUED * BETWEEN_CALLS_S


@pytest.mark.parametrize(
    ("event", "status", "sent"),
    [
        ("initiated", CallStatus.RINGING, 0),
        ("ringing", CallStatus.RINGING, 1),
        ("answered", CallStatus.IN_PROGRESS, 2),
        ("completed", CallStatus.COMPLETED, 3),
        ("busy", CallStatus.BUSY, 2),
    ],
)
def test_a_call_tells_of_its_progress_with_the_golden_form(event: str, status: CallStatus, sent: int) -> None:
    """The end comes as ``completed``, whatever the status says."""
    expected = dict(parse_qsl((GOLDEN / f"{event}.form").read_text().strip(), strict_parsing=True))
    call = Call(
        sid=expected["CallSid"], from_=expected["From"], to=expected["To"], label="", status=status,
        direction=Direction.OUTBOUND, created_at=NOW, updated_at=NOW, callbacks_sent=sent,
        answered_at=NOW if event == "completed" else None, ended_at=NOW + timedelta(seconds=7),
    )  # fmt: skip
    form = call_form(Account(expected["AccountSid"], "secret"), call)
    told = "completed" if status.unanswered else event
    assert form | progress_form(call, told, NOW) == expected


def test_a_call_lasts_from_its_answer_to_its_end() -> None:
    """Nothing, if nobody answered; the callback of the end says it."""
    call = Call(
        sid="CA1", from_="client:a", to="client:b", label="", status=CallStatus.COMPLETED,
        created_at=NOW, updated_at=NOW, ended_at=NOW + timedelta(seconds=9), callbacks_sent=3,
    )  # fmt: skip
    assert seconds(call) == 0
    call.answered_at = NOW + timedelta(seconds=2)
    form = progress_form(call, "completed", NOW)
    assert (form["CallDuration"], form["SequenceNumber"]) == ("7", "3")
    assert progress_form(call, "initiated", NOW)["CallStatus"] == "initiated"
    assert "CallDuration" not in progress_form(call, "ringing", NOW)
