"""The JSON document: one shape for exports and for the demo."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.alerts.events import AlertAcknowledged, AlertRaised
from sidecar.domain.alerts.rules import AlertKind, Severity
from sidecar.domain.assistant.events import AssistantTurn
from sidecar.domain.exports import read_export
from sidecar.domain.exports.document import json_pieces
from tests.transcripts import Said, conference, event, export_of_lines, golden_export

lines = st.lists(st.tuples(st.text(), st.text(), st.integers(0, 5_000_000), st.integers(0, 20_000)), max_size=6)


def document(case: str) -> Any:
    return json.loads("".join(json_pieces(golden_export(case))))


@given(lines)
def test_any_call_is_a_document_with_its_text_unchanged(said: list[Said]) -> None:
    read = json.loads("".join(json_pieces(export_of_lines(said))))
    in_order = [one for _, one in sorted(enumerate(said), key=lambda pair: (pair[1][2], pair[0]))]
    assert [(line["text"], line["start_ms"]) for line in read["utterances"]] == [
        (text, start) for _, text, start, _ in in_order
    ]
    assert [one["name"] for one in read["conference"]["participants"]] == [name for name, *_ in said]


def test_a_document_has_all_parts_also_when_nothing_was_said() -> None:
    read = json.loads("".join(json_pieces(export_of_lines([]))))
    assert list(read) == [
        "conference",
        "partial",
        "utterances",
        "gaps",
        "pauses",
        "notes",
        "alerts",
        "assistant",
        "manifest",
    ]
    assert (read["partial"], read["utterances"], read["gaps"], read["manifest"]) == (True, [], [], None)


def test_a_line_names_its_speaker_by_label_and_id_and_keeps_all_of_the_event() -> None:
    last = document("partial")["utterances"][-1]
    assert (last["participant"], last["participant_id"], last["role"]) == ("=cmd", "par_c", "customer")
    assert last["words"][0]["text"] == "ciao"


def test_an_ended_call_tells_how_it_ended_and_how_to_check_it() -> None:
    read = document("ended")
    assert (read["conference"]["reason"], read["conference"]["duration_ms"]) == ("last-participant-left", 80_000)
    assert read["manifest"]["utterances"] == len(read["utterances"])
    assert [gap["to_ms"] for gap in read["gaps"]] == [20_000]


def test_what_the_assistant_said_is_there_with_what_was_heard_of_it() -> None:
    turn = AssistantTurn(
        assistant="ast_1", participant="par_1", utterance="utt_1", start_ms=1, end_ms=2, text="Five days, or six.",
        heard="Five days,", why="addressed", outcome="interrupted",
    )  # fmt: skip
    read = json.loads("".join(json_pieces(read_export(conference(), [], [event(7, turn)]))))
    [told] = read["assistant"]["turns"]
    assert (told["seq"], told["text"], told["heard"]) == (7, "Five days, or six.", "Five days,")
    assert told["outcome"] == "interrupted"


def test_alerts_are_told_with_who_took_note_of_them_first() -> None:
    values: dict[str, Any] = {"rule": "rul_1", "name": "Cancel", "kind": AlertKind.PHRASE, "severity": Severity.WARNING}
    facts = [
        AlertRaised(alert="alr_1", at_ms=10, **values),
        AlertRaised(alert="alr_2", at_ms=20, **values),
        AlertAcknowledged(alert="alr_1", by="Ana", at_ms=30, note="on it"),
        AlertAcknowledged(alert="alr_1", by="Bo", at_ms=40),
    ]
    export = read_export(conference(), [], [event(n + 1, fact) for n, fact in enumerate(facts)])
    alerts = json.loads("".join(json_pieces(export)))["alerts"]
    told = [(one["seq"], one["alert"], one["acknowledged_by"], one["note"]) for one in alerts]
    assert told == [(1, "alr_1", "Ana", "on it"), (2, "alr_2", None, "")]
