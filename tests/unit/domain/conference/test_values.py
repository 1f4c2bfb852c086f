"""Who a participant is, and what it is called."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.conference.values import LABEL_MAX_CHARS, Conference, ConferenceState, Role, role_of, unique_label


@pytest.mark.parametrize(
    ("parameter", "label", "address", "role"),
    [
        ("supervisor", "agent", "+15550100", Role.SUPERVISOR),
        ("AGENT ", None, "+15550100", Role.AGENT),
        ("nonsense", "agent", "+15550100", Role.AGENT),
        (None, "customer", "client:ana", Role.CUSTOMER),
        (None, "Maya", "client:ana", Role.AGENT),
        (None, "customer-2", "client:ana", Role.CUSTOMER),
        (None, None, "sip:ana@example.com", Role.AGENT),
        (None, None, "+15550100", Role.CUSTOMER),
        (None, None, "", Role.OTHER),
        (None, None, "anonymous", Role.OTHER),
    ],
)
def test_parameter_beats_label_beats_address(
    parameter: str | None, label: str | None, address: str, role: Role
) -> None:
    """An unknown parameter is no reason to fail a call."""
    assert role_of(parameter=parameter, label=label, address=address) is role


@given(st.text(max_size=200), st.integers(0, 5))
def test_labels_are_unique_and_of_a_form_that_twilio_takes(wanted: str, others: int) -> None:
    """No slash, bounded, never empty, never like a call's id, never taken."""
    taken: list[str] = []
    for _ in range(others + 1):
        label = unique_label(wanted, taken)
        assert label
        assert label not in taken
        assert "/" not in label
        assert len(label) <= LABEL_MAX_CHARS + 4
        taken.append(label)


def test_a_taken_label_gets_a_number() -> None:
    """The second customer is customer-2."""
    assert unique_label("customer", []) == "customer"
    assert unique_label("customer", ["customer", "customer-2"]) == "customer-3"
    assert unique_label("CA" + "0" * 32, []) != "CA" + "0" * 32


def test_the_clock_counts_from_the_first_call_and_never_below_zero() -> None:
    """Moments before the zero are the zero."""
    zero = datetime(2026, 5, 1, tzinfo=UTC)
    conference = Conference(
        id="cnf_1", tenant="", room="r", sid=None, state=ConferenceState.WAITING, clock_zero=zero, ended_at=None, seq=0
    )
    assert conference.clock_ms(zero + timedelta(milliseconds=1_234.4)) == 1_234
    assert conference.clock_ms(zero - timedelta(seconds=1)) == 0
