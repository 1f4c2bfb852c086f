"""One call a second, and what is told while it rings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.emulator.dialling import BETWEEN_CALLS_S, MAX_QUEUED, Queue, QueueFull, progress_form, seconds
from sidecar.emulator.state import Call, CallStatus

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
