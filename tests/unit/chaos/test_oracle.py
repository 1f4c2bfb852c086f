"""The oracle itself: it finds a word that is lost, doubled, out of order, late or somebody else's, and only those."""

from __future__ import annotations

from copy import deepcopy
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.oracle import compare, compare_export, holes, judge
from tests.emulated_deepgram.ears import Heard, places

WHO, WORDS, ZERO_MS, LINE = "par_1", 24, 700, 8
SPOKEN = {WHO: places(0, WORDS)}


def word(said: Heard, by_ms: int = 0) -> dict[str, Any]:
    return {"text": said.text, "start_ms": said.start_ms + ZERO_MS + by_ms, "end_ms": said.end_ms + ZERO_MS + by_ms}


def line(seq: int, words: list[dict[str, Any]], who: str = WHO) -> dict[str, Any]:
    data = {"participant": who, "start_ms": words[0]["start_ms"], "end_ms": words[-1]["end_ms"], "words": words}
    return {"seq": seq, "type": "utterance.final", "data": data | {"text": " ".join(w["text"] for w in words)}}


def gap(seq: int, from_ms: int, to_ms: int) -> dict[str, Any]:
    data = {"participant": WHO, "from_ms": from_ms, "to_ms": to_ms, "reason": "recogniser_failed"}
    return {"seq": seq, "type": "transcript.gap", "data": data}


def call(jitter_ms: int = 0, seed: int = 0) -> list[dict[str, Any]]:
    """All that was said, in lines of eight words."""
    random = Random(seed)
    words = [word(said, random.randint(-jitter_ms, jitter_ms)) for said in SPOKEN[WHO]]
    return [line(n + 1, words[n * LINE : (n + 1) * LINE]) for n in range(WORDS // LINE)]


def test_a_whole_transcript_has_no_fault() -> None:
    verdict = judge(SPOKEN, call(), jitter_ms=0)
    assert (verdict.faults, verdict.said, verdict.heard, verdict.off_ms) == ([], WORDS, WORDS, 0)


@given(st.integers(0, WORDS - 1), st.integers(0, 2**16))
def test_a_lost_word_is_found_whichever_it_is(number: int, seed: int) -> None:
    events = call(jitter_ms=90, seed=seed)
    del events[number // LINE]["data"]["words"][number % LINE]
    verdict = judge(SPOKEN, events, jitter_ms=90)
    assert verdict.lost == [f"{WHO}:{number}"]
    assert verdict.faults == [f"1 lost: {WHO}:{number}"]


@given(st.integers(0, WORDS - 1))
def test_a_lost_word_inside_a_gap_is_declared_and_one_beside_it_is_not(number: int) -> None:
    events, said = call(), SPOKEN[WHO][number]
    del events[number // LINE]["data"]["words"][number % LINE]
    from_ms, to_ms = said.start_ms + ZERO_MS, said.end_ms + ZERO_MS
    assert judge(SPOKEN, [*events, gap(9, from_ms, to_ms)], jitter_ms=0).in_gaps == 1
    assert judge(SPOKEN, [*events, gap(9, to_ms + 100, to_ms + 900)], jitter_ms=0).lost == [f"{WHO}:{number}"]
    of_somebody_else = gap(9, from_ms, to_ms)
    of_somebody_else["data"]["participant"] = "par_2"
    assert judge(SPOKEN, [*events, of_somebody_else], jitter_ms=0).lost == [f"{WHO}:{number}"]


@given(st.integers(0, WORDS - 1), st.sampled_from(["w{}", "W{},", "word-{}", "w{}."]))
def test_a_doubled_word_is_found_however_it_is_written(number: int, wording: str) -> None:
    again = word(SPOKEN[WHO][number]) | {"text": wording.format(number)}
    verdict = judge(SPOKEN, [*call(), line(9, [again])], jitter_ms=0)
    assert verdict.doubled == [f"{WHO}:{number}"]
    assert verdict.lost == []


@given(st.integers(0, LINE - 2))
def test_a_disordered_word_is_found(number: int) -> None:
    events = call()
    words = events[0]["data"]["words"]
    words[number], words[number + 1] = words[number + 1], words[number]
    assert judge(SPOKEN, events, jitter_ms=0).disordered == [f"{WHO}:{number}"]


def test_lines_stand_by_the_start_of_speech_whenever_they_were_stored() -> None:
    """What a second lane brings late is no disorder."""
    first, second, third = call()
    first["seq"], second["seq"] = 2, 1
    assert judge(SPOKEN, [second, first, third], jitter_ms=0).faults == []


def test_words_of_somebody_else_and_words_that_nobody_said_are_found() -> None:
    other = {"par_2": places(100, WORDS)}
    swapped = line(9, [word(SPOKEN[WHO][0])], "par_2")
    nonsense = line(10, [word(SPOKEN[WHO][0]) | {"text": "hello"}])
    verdict = judge(SPOKEN | other, [*call(), swapped, nonsense], jitter_ms=0)
    assert sorted(verdict.strange) == [f"{WHO}:None", "par_2:0"]
    assert len(verdict.lost) == WORDS


def test_times_that_are_off_are_found_beyond_the_jitter() -> None:
    events = call()
    late = events[1]["data"]["words"][3]
    late["start_ms"], late["end_ms"] = late["start_ms"] + 260, late["end_ms"] + 260
    verdict = judge(SPOKEN, events, jitter_ms=150)
    assert (verdict.off_ms, verdict.times_off) == (110, 1)
    assert judge(SPOKEN, call(jitter_ms=150), jitter_ms=150).times_off == 0


def test_a_gap_over_words_that_were_heard_declares_too_much() -> None:
    first, third = SPOKEN[WHO][0], SPOKEN[WHO][2]
    verdict = judge(SPOKEN, [*call(), gap(9, first.end_ms + ZERO_MS, third.end_ms + ZERO_MS)], jitter_ms=0)
    assert verdict.heard_in_gaps == [f"{WHO}:1"]


def test_a_participant_of_whom_nothing_was_heard_needs_a_gap() -> None:
    assert len(judge(SPOKEN, [], jitter_ms=0).lost) == WORDS
    assert judge(SPOKEN, [gap(1, 0, 20_000)], jitter_ms=0).in_gaps == WORDS


@pytest.mark.parametrize(
    ("seqs", "fault"),
    [
        ([1, 2, 3], []),
        ([1, 3], ["1 missing: 2"]),
        ([1, 2, 2, 3], ["1 doubled: 2"]),
        ([1, 3, 2], ["1 disordered: 2"]),
        ([2, 3, 1, 2], ["1 doubled: 2", "1 disordered: 1"]),
    ],
)
def test_a_reader_who_missed_something_or_got_it_twice_is_found(seqs: list[int], fault: list[str]) -> None:
    stored = call()
    assert compare(stored, [stored[seq - 1] for seq in seqs]).faults == fault


def test_a_reader_who_was_told_something_else_is_found() -> None:
    copy = deepcopy(call())
    copy[1]["data"]["text"] = "else"
    assert compare(call(), copy).changed == [2]
    assert compare(call()[:2], call()).changed == [3]  # told, and not stored


def test_a_hole_in_the_log_itself_is_found() -> None:
    assert holes(call()) == []
    assert holes([call()[0], call()[2]]) == [2]


def test_an_export_is_held_to_the_log() -> None:
    stored = [*call(), gap(4, 0, 500)]
    lines = [event["data"] | {"seq": event["seq"], "participant_id": WHO, "participant": "agent"} for event in stored]
    document = {"utterances": lines[:3], "gaps": lines[3:]}
    assert compare_export(stored, document).faults == []
    assert compare_export(stored, document | {"gaps": []}).missing == [4]
    assert compare_export(stored, document | {"utterances": lines[:3] + lines[:1]}).doubled == [1]
