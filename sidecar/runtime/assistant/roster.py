"""Who is on the call with the assistant, by the conference's events."""

from __future__ import annotations

import msgspec

from sidecar.domain.assistant.floor_orders import Person
from sidecar.domain.conference.values import Role
from sidecar.domain.events import Event, ParticipantJoined, ParticipantLeft, ParticipantUpdated


class Roster:
    """Fed with events in order of seq; says of each whether it is new."""

    def __init__(self) -> None:
        self._present: dict[str, Person] = {}
        self._known: dict[str, Person] = {}  # those who left too
        self._calls: dict[str, str] = {}
        self.seq = 0

    def take(self, event: Event) -> bool:
        """False for a durable event that came before."""
        if event.seq is not None:
            if event.seq <= self.seq:
                return False
            self.seq = event.seq
        match event.data:
            case ParticipantJoined(participant=who) as joined:
                self._calls[who] = joined.call_sid
                self._keep(Person(participant=who, name="", role=joined.role), joined)
            case ParticipantUpdated(participant=who) as told if who in self._present:
                self._keep(self._present[who], told)
            case ParticipantLeft(participant=who):
                self._present.pop(who, None)
            case _:
                pass
        return True

    def get(self, participant: str) -> Person | None:
        """Somebody who is or was on the call."""
        return self._known.get(participant)

    def name(self, participant: str) -> str:
        """What to call somebody, with the role, as a chat model is shown it."""
        person = self._known.get(participant)
        return f"{person.name} ({person.role})" if person else "Somebody"

    @property
    def present(self) -> list[Person]:
        """Who is on the call."""
        return list(self._present.values())

    @property
    def humans(self) -> list[Person]:
        """Who of them is heard by all, and no assistant."""
        return [one for one in self._present.values() if one.role is not Role.ASSISTANT and not one.coaching]

    @property
    def names(self) -> list[str]:
        """What to call them, with their roles."""
        return [self.name(person.participant) for person in self.humans]

    @property
    def agent_call(self) -> str | None:
        """The call of the agent, whom an assistant may coach."""
        return next((self._calls[who] for who, one in self._present.items() if one.role is Role.AGENT), None)

    def _keep(self, before: Person, told: ParticipantJoined | ParticipantUpdated) -> None:
        now = msgspec.structs.replace(
            before, name=told.name, role=told.role, coaching=told.coaching, rests=told.muted or told.hold
        )
        self._present[now.participant] = self._known[now.participant] = now
