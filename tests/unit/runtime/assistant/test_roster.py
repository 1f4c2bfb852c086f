"""Who is on the call with the assistant, from joins, corrections and leaves."""

from __future__ import annotations

import itertools
from typing import Any

from sidecar.domain.conference.values import Role
from sidecar.domain.events import Event, EventData, ParticipantJoined, ParticipantLeft, ParticipantUpdated
from sidecar.runtime.assistant.roster import Roster
from tests.facts import NOON


class Call:
    """A roster that is told what happens."""

    def __init__(self) -> None:
        self.roster = Roster()
        self._seqs = itertools.count(1)

    def happens(self, data: EventData, *, seq: int | None = None) -> bool:
        number = next(self._seqs) if seq is None else seq
        return self.roster.take(
            Event(
                id=f"evt_{number}", type=data.type, seq=number, timestamp=NOON, conference="cnf_1",
                conference_sid=None, tenant="", data=data,
            )
        )  # fmt: skip

    def joins(self, who: str, name: str, role: Role, **signs: Any) -> None:
        joined = ParticipantJoined(
            participant=who, call_sid=f"CA_{who}", label=who, name=name, role=role, at_ms=0, **signs
        )
        assert self.happens(joined)

    def stands(self, who: str, name: str, role: Role, **signs: Any) -> None:
        assert self.happens(ParticipantUpdated(participant=who, label=who, name=name, role=role, at_ms=0, **signs))

    def leaves(self, who: str) -> None:
        assert self.happens(ParticipantLeft(participant=who, reason="left", at_ms=0))


def test_people_are_those_whom_all_can_hear_and_no_assistant() -> None:
    """A coach whispers, so the assistant is not among them for his sake; nor for its own."""
    call = Call()
    call.joins("par_1", "Maya", Role.AGENT)
    call.joins("par_2", "Daniel", Role.CUSTOMER)
    call.joins("par_3", "Ines", Role.SUPERVISOR, coaching=True)
    call.joins("par_4", "Ava", Role.ASSISTANT)
    assert call.roster.names == ["Maya (agent)", "Daniel (customer)"]
    assert [person.participant for person in call.roster.present] == ["par_1", "par_2", "par_3", "par_4"]
    call.stands("par_3", "Ines", Role.SUPERVISOR, coaching=False)
    assert call.roster.names[-1] == "Ines (supervisor)"


def test_a_correction_counts_from_then_on_and_of_a_stranger_not_at_all() -> None:
    call = Call()
    call.joins("par_1", "Caller", Role.CUSTOMER)
    assert call.roster.agent_call is None
    call.stands("par_1", "Maya", Role.AGENT, hold=True)
    assert call.roster.name("par_1") == "Maya (agent)"
    assert call.roster.agent_call == "CA_par_1"
    person = call.roster.get("par_1")
    assert person is not None
    assert person.rests
    call.stands("par_9", "Nobody", Role.AGENT)
    assert call.roster.get("par_9") is None
    assert call.roster.name("par_9") == "Somebody"


def test_who_left_is_not_there_and_still_has_a_name() -> None:
    """Lines of before are told with the names of those who said them."""
    call = Call()
    call.joins("par_1", "Maya", Role.AGENT)
    call.leaves("par_1")
    call.leaves("par_1")
    assert call.roster.humans == []
    assert call.roster.agent_call is None
    assert call.roster.name("par_1") == "Maya (agent)"
    call.joins("par_1", "Maya", Role.AGENT)
    assert call.roster.names == ["Maya (agent)"]


def test_an_event_that_came_before_is_no_news() -> None:
    """The log is read while the bus is followed: both tell of the same."""
    call = Call()
    call.joins("par_1", "Maya", Role.AGENT)
    left = ParticipantLeft(participant="par_1", reason="left", at_ms=0)
    assert not call.happens(left, seq=1)
    assert call.roster.names == ["Maya (agent)"]
    assert call.happens(left, seq=7)
    assert call.roster.seq == 7
    assert not call.happens(left, seq=5)
