"""Who is on the call with the assistant, by the conference's events."""

from __future__ import annotations

import msgspec

from sidecar.domain.conference import Role
from sidecar.domain.events import Event, ParticipantJoined, ParticipantLeft, ParticipantUpdated


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody on the call. ``rests``: muted or on hold."""

    id: str
    call_sid: str
    name: str
    role: Role
    coaching: bool
    rests: bool

    @property
    def shown(self) -> str:
        """Name and role, as a chat model is shown them."""
        return f"{self.name} ({self.role})"


class Roster:
    """Fed with events in order of seq; says of each whether it is new."""

    def __init__(self) -> None:
        self._people: dict[str, Person] = {}
        self._known: dict[str, Person] = {}  # those who left too
        self.seq = 0

    def take(self, event: Event) -> bool:
        """False for a durable event that came before."""
        if event.seq is not None:
            if event.seq <= self.seq:
                return False
            self.seq = event.seq
        match event.data:
            case ParticipantJoined() as joined:
                self._keep(
                    Person(
                        id=joined.participant,
                        call_sid=joined.call_sid,
                        name=joined.name,
                        role=joined.role,
                        coaching=joined.coaching,
                        rests=joined.muted or joined.hold,
                    )
                )
            case ParticipantUpdated(participant=who) as told if who in self._people:
                self._keep(
                    msgspec.structs.replace(
                        self._people[who],
                        name=told.name,
                        role=told.role,
                        coaching=told.coaching,
                        rests=told.muted or told.hold,
                    )
                )
            case ParticipantLeft(participant=who):
                self._people.pop(who, None)
            case _:
                pass
        return True

    def get(self, participant: str) -> Person | None:
        """Somebody who is or was on the call."""
        return self._known.get(participant)

    @property
    def humans(self) -> list[Person]:
        """Who is on the call besides assistants."""
        return [person for person in self._people.values() if person.role is not Role.ASSISTANT]

    @property
    def agent_call(self) -> str | None:
        """The call of the agent, whom an assistant may coach."""
        return next((one.call_sid for one in self._people.values() if one.role is Role.AGENT), None)

    def _keep(self, person: Person) -> None:
        self._people[person.id] = self._known[person.id] = person
