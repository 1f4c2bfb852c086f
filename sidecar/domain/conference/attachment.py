"""Who gets a media stream that has to be asked for, and how it stands with each participant. Pure.

A call that fetched its TwiML from us brings its stream along; its row is there before the call can be in the room, so
rows decide: nobody is asked for twice. All others who are in a conference - it began without us, or their stream never
came - are forked by the provider's API.
"""

from __future__ import annotations

import msgspec

from sidecar.domain.conference.course import Course, Feed, Member
from sidecar.domain.conference.values import Conference, Fork, ForkState, Participant, ParticipantState

# A stream that TwiML began comes within this time of the call's joining, or not at all.
PENDING_MS = 5_000
# A conference whose callbacks go to somebody else is looked at this often.
POLL_EVERY_MS = 3_000
# A call that left the conference but goes on is nobody's to transcribe; its last words may still be under way so long.
LAST_WORDS_MS = 1_500


def due_ms(fork: Fork, at_ms: int) -> int:
    """When a stream of a fork that waits for one has to be asked for. ``at_ms``: since when it could come.

    No stream was ever on its way to a fork whose epoch is 0.
    """
    return at_ms if fork.epoch == 0 else at_ms + PENDING_MS


def is_due(feed: Feed, member: Member | None, at_ms: int) -> bool:
    """Whether it is time to ask for a stream of this fork: it waits, and its participant is in the room."""
    if feed.streaming or feed.asked or feed.fork.state is not ForkState.PENDING:
        return False
    if member is None or member.participant.state is not ParticipantState.JOINED:
        return False
    return feed.failed or at_ms >= max(feed.due_ms, due_ms(feed.fork, member.since_ms))


def is_overdue(feed: Feed, member: Member | None, at_ms: int) -> bool:
    """Whether a stream runs on although its participant left the conference."""
    if not feed.streaming or feed.stopping or member is None:
        return False
    return member.participant.state is ParticipantState.LEFT and at_ms - member.since_ms >= LAST_WORDS_MS


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands with a participant. ``fork`` None: it has none, and gets none.

    ``problem``: why its audio does not come, in the provider's words, or "".
    """

    participant: Participant
    fork: ForkState | None
    problem: str = ""

    @property
    def settled(self) -> bool:
        """Whether more of it is known only when something else happens."""
        here = self.participant.state is not ParticipantState.LEFT
        return not here or bool(self.problem) or self.fork is not ForkState.PENDING


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A conference and all of its participants, in order of arrival."""

    conference: Conference
    standings: list[Standing]

    @property
    def settled(self) -> bool:
        """Whether nobody's stream is still on its way."""
        return all(standing.settled for standing in self.standings)


def report(course: Course) -> Report:
    """How it stands with everybody."""
    feeds = {feed.fork.participant_id: feed for feed in course.feeds.values()}
    return Report(
        conference=course.conference,
        standings=[_standing(member, feeds.get(member.participant.id)) for member in course.members.values()],
    )


def _standing(member: Member, feed: Feed | None) -> Standing:
    if feed is None:
        return Standing(participant=member.participant, fork=None)
    return Standing(participant=member.participant, fork=feed.fork.state, problem=feed.problem)
