"""What an export is made of."""

from __future__ import annotations

import csv
import io
import json

from sidecar.domain import events as ev
from sidecar.domain.conference.values import Participant, ParticipantState, Role
from sidecar.domain.exports import FORMATS, read_export
from sidecar.domain.exports.reading import clock, one_line
from tests.transcripts import conference, event, golden_export


def test_lines_stand_in_order_of_speech_in_their_newest_revision() -> None:
    assert [line.seq for line in golden_export("ended").lines] == [4, 6, 5, 7, 8]
    assert [line.seq for line in golden_export("partial").lines] == [3, 7, 5, 6]


def test_a_transcript_is_partial_until_it_is_complete_even_when_the_call_is_over() -> None:
    over = ev.ConferenceEnded(reason="left", at_ms=5000)
    complete = ev.TranscriptCompleted(utterances=0, gaps=0, gap_ms=0, last_seq=1, sha256="0" * 64, revision=1)
    assert read_export(conference(), [], []).partial
    assert read_export(conference(), [], [event(1, over)]).partial
    assert not read_export(conference(), [], [event(1, over), event(2, complete)]).partial


def test_somebody_who_has_not_joined_yet_is_known_from_the_roster() -> None:
    expected = Participant(
        id="par_1", conference_id="cnf_1", call_sid="CA1", label="agent", name="Maya", role=Role.AGENT,
        state=ParticipantState.EXPECTED,
    )  # fmt: skip
    [speaker] = read_export(conference(), [expected], []).speakers
    assert (speaker.called, speaker.joined) == ("Maya", None)


def test_times_are_on_the_conference_clock_and_hours_grow_as_they_must() -> None:
    assert clock(0) == "00:00:00.000"
    assert clock(3_723_045, point=",") == "01:02:03,045"
    assert clock(360_000_000) == "100:00:00.000"


def test_one_line_is_one_line_for_everybody() -> None:
    assert one_line("a\r\nb\u2028c\x0bd") == "a b c d"
    assert len(one_line("".join(map(chr, range(0x3000)))).splitlines()) == 1


def test_a_pause_is_a_line_of_every_format_with_who_wanted_it_and_what_for() -> None:
    events = [
        event(1, ev.TranscriptPaused(by="Ana", reason="card\nnumber", at_ms=4_000)),
        event(2, ev.TranscriptResumed(by="crm", at_ms=16_000)),
        event(3, ev.TranscriptPaused(by="=Tom", at_ms=20_000)),
    ]
    export = read_export(conference(), [], events)
    files = {name: "".join(form.pieces(export)) for name, form in FORMATS.items()}
    assert "00:00:04    [transcription paused for 12.0 s by Ana: card number]" in files["txt"]
    assert "NOTE 00:00:04.000: transcription paused for 12.0 s by Ana: card number" in files["vtt"]
    assert "[transcription paused by =Tom]" in files["srt"]
    pauses = json.loads(files["json"])["pauses"]
    assert [(one["from_ms"], one["to_ms"], one["by"]) for one in pauses] == [
        (4_000, 16_000, "Ana"),
        (20_000, None, "=Tom"),
    ]
    rows = list(csv.DictReader(io.StringIO(files["csv"])))
    assert [(row["kind"], row["name"], row["reason"]) for row in rows] == [
        ("pause", "Ana", "card\nnumber"), ("pause", "'=Tom", "")
    ]  # fmt: skip
