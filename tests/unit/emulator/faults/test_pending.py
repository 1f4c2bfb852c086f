"""The ledger of faults: each happens as often as it was ordered, to whom it was ordered for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.emulator.faults import pending as faults_module
from sidecar.emulator.faults.orders import (
    DelayCallbacks,
    DuplicateCallbacks,
    DuplicateFrames,
    FailDial,
    FailRequests,
    FailRest,
    ReorderCallbacks,
    WrongSignature,
)
from sidecar.emulator.faults.pending import Faults, TooManyFaults
from sidecar.emulator.state import CallStatus


@given(st.lists(st.tuples(st.integers(1, 5), st.sampled_from(["", "/Calls", "/Participants"])), max_size=10))
def test_a_fault_happens_as_often_as_it_was_ordered(orders: list[tuple[int, str]]) -> None:
    """However many there are, to requests that fit only."""
    faults = Faults()
    for count, path in orders:
        faults.add(FailRest(count=count, path=path))
    for path in ("/Calls", "/Participants", "/other"):
        fitting = sum(
            fault.left for fault in faults.all if isinstance(fault.order, FailRest) and fault.order.path in path
        )
        happened = [faults.for_rest(path) for _ in range(60)]
        assert len([fault for fault in happened if fault is not None]) == fitting
        assert faults.for_callback({"CF1"}) is None


def test_a_callback_fault_waits_for_the_one_it_is_about() -> None:
    """By the conference, the call or the stream; the oldest order first."""
    faults = Faults()
    faults.add(DelayCallbacks(count=1, seconds=1, about="CA1"))
    faults.add(DuplicateCallbacks(count=1))
    assert isinstance(faults.for_callback({"CF2"}), DuplicateCallbacks)
    assert faults.for_callback({"CF2"}) is None
    assert isinstance(faults.for_callback({"CF1", "CA1"}), DelayCallbacks)


def test_a_reordering_is_taken_once_for_all_its_callbacks() -> None:
    """Else each of them would start another."""
    faults = Faults()
    faults.add(ReorderCallbacks(count=5))
    assert isinstance(faults.for_callback({"CF1"}), ReorderCallbacks)
    assert faults.for_callback({"CF1"}) is None


def test_requests_and_sockets_are_signed_wrongly_apart_from_each_other() -> None:
    """An order for the one leaves the other alone."""
    faults = Faults()
    faults.add(WrongSignature(count=1, on="sockets"))
    assert not faults.for_signature(socket=False)
    assert faults.for_signature(socket=True)
    assert not faults.for_signature(socket=True)


def test_requests_and_dialled_calls_fail_where_it_was_ordered() -> None:
    """By a part of the path and of the number; each as often as was said."""
    faults = Faults()
    faults.add(FailRequests(count=1, path="/assistant"))
    faults.add(FailDial(count=1, status="no-answer", to="app:"))
    assert [faults.for_request(path) for path in ("/voice", "/twilio/assistant", "/twilio/assistant")] == [
        False,
        True,
        False,
    ]
    assert [faults.for_dial(to) for to in ("+12025550177", "app:AP1?a=b", "app:AP1")] == [
        None,
        CallStatus.NO_ANSWER,
        None,
    ]


def test_what_is_cleared_never_happens_and_stays_to_be_seen() -> None:
    """With nothing left of it."""
    faults = Faults()
    faults.add(FailRest(count=3))
    faults.clear()
    assert faults.for_rest("/") is None
    assert [fault.left for fault in faults.all] == [0]


def test_the_ledger_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are over make room; those to come are refused beyond the limit."""
    monkeypatch.setattr(faults_module, "MAX_KEPT", 3)
    monkeypatch.setattr(faults_module, "MAX_PENDING", 2)
    faults = Faults()
    faults.add(FailRest(count=1))
    for n in range(1, 6):
        faults.add(DuplicateFrames(stream="MZ1", count=n))
    assert [fault.left for fault in faults.all] == [1, 0, 0]
    faults.add(FailRest(count=1))
    with pytest.raises(TooManyFaults):
        faults.add(FailRest(count=1))
