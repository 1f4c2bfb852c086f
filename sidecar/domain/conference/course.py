"""Everything that is known of one conference at a moment, as values: what ``machine`` goes on from."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sidecar.domain.conference.facts import EndReason, Order, Signs
from sidecar.domain.conference.pauses import stored_pause
from sidecar.domain.conference.values import Conference, ConferenceState, Fork, Participant, ParticipantState
from sidecar.domain.events import EventData
from sidecar.domain.spans import NEVER, Spans


class Stranger(msgspec.Struct, frozen=True, kw_only=True):
    """A call of which the provider told, and whose rows are still being made. ``here``: it is in the room.

    ``provider_seq``: of the callback that told it, 0 if none did; ``told_at``: the count of news then.
    """

    label: str
    signs: Signs
    here: bool
    provider_seq: int = 0
    told_at: int = 0


class LostStream(msgspec.Struct, frozen=True):
    """A fork without a stream: from where on nobody listens, and why (a key of GAP_REASONS)."""

    from_ms: int
    reason: str


class Member(msgspec.Struct, frozen=True):
    """A participant, when it rested, and the count of news when it was told of last.

    ``since_ms``: when it came into the room, or left it.
    """

    participant: Participant
    rests: Spans = Spans()
    told_at: int = 0
    since_ms: int = 0


class Feed(msgspec.Struct, frozen=True):
    """A fork, and whether a stream of it runs; ``lost`` while another one is wanted.

    ``due_ms``: while it is pending, when a stream has to be asked for. ``asked``: somebody asks already.
    ``problem``: why none came so far, in the provider's words. ``stopping``: the provider was told to end its stream.
    ``stopped_ms``: when the provider stopped the last one, until it is known what that means: a hang-up, or another one
    comes. ``finished``: and its last words are stored. ``failed``: the provider could not open the one that is awaited.
    """

    fork: Fork
    streaming: bool = False
    lost: LostStream | None = None
    due_ms: int = 0
    asked: bool = False
    problem: str = ""
    stopping: bool = False
    stopped_ms: int | None = None
    finished: bool = False
    failed: bool = False


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known of a conference. ``members`` and ``strangers`` by call_sid, ``feeds`` by fork id.

    ``news``: how many callbacks said something new. ``quiet_since_ms``: since when no stream runs.
    ``pauses``: during which nobody is transcribed; of those before a restart, the last.
    ``heard``: the provider's callbacks about participants come to us. ``polled_ms``: when it was last asked who is in.
    ``recovering``: since a restart the provider has not said yet how it stands.
    """

    conference: Conference
    members: dict[str, Member]
    feeds: dict[str, Feed]
    ended_ms: int | None
    quiet_since_ms: int
    news: int = 0
    pauses: Spans = NEVER
    strangers: dict[str, Stranger] = {}
    heard: bool = False
    polled_ms: int = 0
    recovering: bool = False

    @classmethod
    def of_rows(
        cls, conference: Conference, participants: Sequence[Participant], forks: Sequence[Fork], *, at_ms: int
    ) -> Course:
        """As the directory has it. Who rests now is taken to have done so since the last that was heard of it."""
        ended = conference.clock_ms(conference.ended_at) if conference.ended_at else None
        return cls(
            conference=conference,
            members={p.call_sid: Member(p, Spans(since=0 if p.rests else None)) for p in participants},
            feeds={fork.id: Feed(fork, due_ms=at_ms) for fork in forks},
            ended_ms=ended if conference.state is ConferenceState.ENDED else None,
            quiet_since_ms=at_ms,
            pauses=stored_pause(conference),
            heard=any(p.provider_seq for p in participants),
            polled_ms=at_ms,
        )

    def bound_to(self, sid: str | None) -> Course:
        """With the provider's id of the conference, once it is known."""
        return msgspec.structs.replace(self, conference=msgspec.structs.replace(self.conference, sid=sid))

    @property
    def over(self) -> bool:
        """Whether the conference has ended."""
        return self.ended_ms is not None

    def wants_stream(self, fork_id: str) -> bool:
        """Whether somebody is to be heard by this fork and no stream of it runs."""
        feed = self.feeds.get(fork_id)
        return feed is not None and feed.lost is not None and not self.over

    def end_reason(self, fork: Fork, reason: EndReason) -> EndReason:
        """Why a stream of this fork ended: a socket that closed without a stop may belong to a call that is over."""
        if reason is not EndReason.LOST:
            return reason
        member = self.members.get(fork.call_sid)
        if self.over:
            return EndReason.CONFERENCE_ENDED
        gone = member is not None and member.participant.state is ParticipantState.LEFT
        return EndReason.LEFT if gone else EndReason.LOST

    def as_told(self, participant: Participant) -> Participant:
        """A participant with the signs that were told last."""
        member = self.members.get(participant.call_sid)
        return member.participant if member else participant


class Step(msgspec.Struct, frozen=True):
    """What follows from a fact: the new course, events to record in this order, and orders to carry out."""

    course: Course
    events: list[EventData]
    orders: list[Order]
