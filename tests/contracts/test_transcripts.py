"""The contract of ports.transcripts, on every fulfilment."""

from __future__ import annotations

import pytest

from sidecar.adapters.sql import Database, SqlDirectory, SqlEventLog, SqlTranscripts
from sidecar.domain.events import ConferenceStarted, Draft, Event, TranscriptGap, UtteranceFinal
from sidecar.ports.directory import BoundFork
from sidecar.ports.transcripts import Place, Spoken, Transcripts
from tests.facts import draft, open_call, utterance

ALL = 1_000_000


@pytest.fixture
def transcripts(any_database: Database) -> Transcripts:
    return SqlTranscripts(any_database)


def line(bound: BoundFork, index: int, start_ms: int, id_: str) -> Draft:
    """An utterance of 900 ms."""
    values = {"id": id_, "start_ms": start_ms, "end_ms": start_ms + 900}
    made = utterance(bound, index)
    fields = {name: getattr(made, name) for name in UtteranceFinal.__struct_fields__}
    return draft(bound.conference.id, UtteranceFinal(**(fields | values)))


@pytest.fixture
async def call(any_database: Database) -> tuple[BoundFork, BoundFork]:
    """Two speakers in one room; what was said first was stored last, and two lines start together."""
    directory, log = SqlDirectory(any_database), SqlEventLog(any_database)
    ana, ben = await open_call(directory, "CA1"), await open_call(directory, "CA2")
    other = await open_call(directory, "CA3", room="elsewhere")
    gap = TranscriptGap(participant=ana.participant.id, fork=ana.fork.id, from_ms=0, to_ms=50, reason="stream_lost")
    await log.append(
        [
            draft(ana.conference.id, ConferenceStarted(room="support", conference_sid=None)),
            line(ana, 0, 2000, "utt_c"),
            line(ben, 0, 2000, "utt_b"),
            draft(ana.conference.id, gap),
            line(ben, 1, 9000, "utt_d"),
            line(ana, 1, 1000, "utt_a"),
            line(other, 0, 5000, "utt_x"),
        ]
    )
    return ana, ben


def ids(events: list[Event]) -> list[str]:
    return [event.data.id for event in events if isinstance(event.data, UtteranceFinal)]


async def test_utterances_come_in_order_of_speech_both_ways(
    transcripts: Transcripts, call: tuple[BoundFork, BoundFork]
) -> None:
    conference = call[0].conference.id
    assert ids(await transcripts.utterances(conference, until=ALL, limit=10)) == ["utt_a", "utt_b", "utt_c", "utt_d"]
    newest = await transcripts.utterances(conference, until=ALL, newest_first=True, limit=2)
    assert ids(newest) == ["utt_d", "utt_c"]


async def test_a_list_goes_on_after_a_place_without_hole_or_double(
    transcripts: Transcripts, call: tuple[BoundFork, BoundFork]
) -> None:
    conference, place = call[0].conference.id, Place(2000, "utt_b")
    assert ids(await transcripts.utterances(conference, until=ALL, beyond=place, limit=10)) == ["utt_c", "utt_d"]
    back = await transcripts.utterances(conference, until=ALL, beyond=place, newest_first=True, limit=10)
    assert ids(back) == ["utt_a"]


async def test_what_was_stored_later_does_not_exist_for_a_read(
    transcripts: Transcripts, call: tuple[BoundFork, BoundFork]
) -> None:
    ana, ben = call
    conference = ana.conference.id
    assert ids(await transcripts.utterances(conference, until=3, limit=10)) == ["utt_b", "utt_c"]
    spoken = sorted(await transcripts.spoken(conference, until=5), key=lambda one: one.talk_ms)
    assert spoken == [
        Spoken(participant=ana.participant.id, talk_ms=900, first_ms=2000, last_ms=2900),
        Spoken(participant=ben.participant.id, talk_ms=1800, first_ms=2000, last_ms=9900),
    ]
    assert [event.seq for event in await transcripts.other_events(conference, until=3)] == [1]


async def test_what_is_not_an_utterance_comes_in_order_of_seq(
    transcripts: Transcripts, call: tuple[BoundFork, BoundFork]
) -> None:
    conference = call[0].conference.id
    others = await transcripts.other_events(conference, until=ALL)
    assert [(event.seq, event.type) for event in others] == [(1, "conference.started"), (4, "transcript.gap")]
    assert [event.seq for event in await transcripts.other_events(conference, until=ALL, after=1)] == [4]
    assert [event.seq for event in await transcripts.other_events(conference, until=ALL, limit=1)] == [1]


async def test_events_come_in_order_of_seq_behind_one_and_of_the_types_that_are_wanted(
    transcripts: Transcripts, call: tuple[BoundFork, BoundFork]
) -> None:
    conference = call[0].conference.id
    all_of_them = await transcripts.events(conference, until=ALL, limit=10)
    assert [event.seq for event in all_of_them] == [1, 2, 3, 4, 5, 6]
    assert [event.seq for event in await transcripts.events(conference, until=5, after=2, limit=2)] == [3, 4]
    wanted = {"transcript.gap", "utterance.final"}
    found = await transcripts.events(conference, until=ALL, after=3, types=wanted, limit=10)
    assert [(event.seq, event.type) for event in found] == [
        (4, "transcript.gap"), (5, "utterance.final"), (6, "utterance.final"),
    ]  # fmt: skip
    assert await transcripts.events(conference, until=ALL, types=frozenset(), limit=10) == []
