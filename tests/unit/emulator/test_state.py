"""Look-ups in the state."""

from __future__ import annotations

from datetime import UTC, datetime

from sidecar.emulator import state as state_module
from sidecar.emulator.state import (
    MAX_KEPT,
    Account,
    Call,
    CallStatus,
    Conference,
    ConferenceStatus,
    State,
    Stream,
    StreamOrder,
    StreamStatus,
)

NOW = datetime(2026, 11, 2, tzinfo=UTC)


def call(sid: str, status: CallStatus) -> Call:
    return Call(sid=sid, from_="client:a", to="+12025550100", label="", status=status, created_at=NOW, updated_at=NOW)


def conference(sid: str, status: ConferenceStatus) -> Conference:
    return Conference(sid=sid, room="r", status=status, callback=None, created_at=NOW, updated_at=NOW)


def empty() -> State:
    return State(account=Account("AC1", "secret"))


def test_the_live_conference_of_a_room_is_the_one_that_is_not_over() -> None:
    """Rooms are used again; at most one conference of a name is live."""
    state = empty()
    state.conferences = {
        "CF1": conference("CF1", ConferenceStatus.COMPLETED),
        "CF2": conference("CF2", ConferenceStatus.INIT),
    }
    assert state.live_conference("r") is state.conferences["CF2"]
    assert state.live_conference("other") is None


def test_streams_of_a_call_come_oldest_first() -> None:
    """A stream without a name goes by its id."""
    state = empty()
    for sid, call_sid, name in (("MZ1", "CA1", "a"), ("MZ2", "CA2", "b"), ("MZ3", "CA1", None)):
        order = StreamOrder(url="wss://h.example/", name=name)
        state.streams[sid] = Stream(sid=sid, call_sid=call_sid, order=order, status=StreamStatus.LIVE, updated_at=NOW)
    assert [stream.name for stream in state.streams_of("CA1")] == ["a", "MZ3"]


def test_the_oldest_finished_calls_are_forgotten_and_live_ones_never() -> None:
    """An emulator that runs for days does not grow."""
    state = empty()
    state.calls["CA-live"] = call("CA-live", CallStatus.IN_PROGRESS)
    for n in range(MAX_KEPT + 1):
        state.calls[f"CA{n}"] = call(f"CA{n}", CallStatus.COMPLETED)
    state.forget_old()
    assert len(state.calls) == MAX_KEPT
    assert "CA-live" in state.calls
    assert list(state.calls)[1] == "CA2"


def test_the_auth_token_is_not_in_what_streams_and_calls_show() -> None:
    """Only the account holds it."""
    holders = [s for s in vars(state_module).values() if "auth_token" in getattr(s, "__struct_fields__", ())]
    assert holders == [Account]
