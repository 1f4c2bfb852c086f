"""What has to be forgotten of an answer when only so much of it was heard."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from sidecar.adapters.realtime.openai import VENDOR
from sidecar.adapters.realtime.openai_answer import Answer
from sidecar.wire.openai_realtime import AudioDelta


@given(st.lists(st.integers(0, 400), max_size=5), st.integers(-10, 2_000))
def test_what_stays_is_what_was_heard_and_nothing_is_cut_beyond_its_end(lengths_ms: list[int], heard_ms: int) -> None:
    answer = Answer("turn_1", VENDOR)
    for number, ms in enumerate(lengths_ms):
        for part in (ms // 2, ms - ms // 2):
            answer.take(AudioDelta("resp", f"item_{number}", bytes(8 * part)))
    left = {f"item_{number}": ms for number, ms in enumerate(lengths_ms)}
    for message in map(json.loads, answer.forget_behind(heard_ms)):
        if message["type"] == "conversation.item.delete":
            del left[message["item_id"]]
        else:
            assert 0 < message["audio_end_ms"] < left[message["item_id"]]
            left[message["item_id"]] = message["audio_end_ms"]
    assert sum(left.values()) == max(0, min(heard_ms, sum(lengths_ms)))
