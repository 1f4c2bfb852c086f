"""Deepgram's messages become typed values or typed errors, whatever is in them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from deepgram.core.unchecked_base_model import construct_type
from deepgram.listen.v1 import socket_client
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.domain.events import Word
from sidecar.wire.deepgram_listen import MessageUnreadable, Piece, UtteranceEnd, read_message

WORD = {"word": "harbor", "punctuated_word": "Harbor,", "start": 1.2, "end": 1.5, "confidence": 0.8}
RESULTS: dict[str, Any] = {
    "type": "Results",
    "start": 1.0,
    "duration": 2.0,
    "is_final": True,
    "speech_final": True,
    "channel": {"alternatives": [{"transcript": "Harbor,", "confidence": 0.7, "words": [WORD]}]},
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from([*RESULTS, *WORD, "words"]), inner),
    max_leaves=12,
)


def through_the_sdk(message: object) -> Any:
    """As the SDK hands a decoded message on."""
    union: Any = socket_client.V1SocketClientResponse
    return construct_type(type_=union, object_=message)


def read(message: object, base_ms: int = 0) -> Piece | UtteranceEnd | None:
    return read_message(through_the_sdk(message), base_ms)


def test_a_piece_has_its_words_as_they_are_written_and_times_from_the_base() -> None:
    """Punctuated words; seconds of this connection become ms of the stream."""
    assert read(RESULTS, base_ms=10_000) == Piece(
        start_ms=11_000,
        end_ms=13_000,
        text="Harbor,",
        words=[Word("Harbor,", 11_200, 11_500, 0.8)],
        confidence=0.7,
        is_final=True,
        ends=True,
    )


@pytest.mark.parametrize(
    ("flags", "is_final", "ends"),
    [
        ({"is_final": False, "speech_final": False}, False, False),
        ({"is_final": False, "speech_final": True}, False, False),
        ({"is_final": True, "speech_final": False, "from_finalize": True}, True, True),
        ({"is_final": None, "speech_final": None}, False, False),
    ],
)
def test_only_what_is_final_can_end_an_utterance(flags: dict[str, bool], is_final: bool, ends: bool) -> None:
    """One sample of the documents has speech_final without is_final."""
    piece = read(RESULTS | flags)
    assert isinstance(piece, Piece)
    assert (piece.is_final, piece.ends) == (is_final, ends)


@pytest.mark.parametrize("channel", [None, {"alternatives": []}, {"alternatives": [{}]}])
def test_a_piece_without_text_is_silence(channel: object) -> None:
    """Its time still counts."""
    piece = read(RESULTS | {"channel": channel})
    assert isinstance(piece, Piece)
    assert (piece.text, piece.words, piece.end_ms) == ("", [], 3_000)


@pytest.mark.parametrize(("end", "expected"), [(2.5, 2_600), (-1, None), (None, None)])
def test_an_utterance_end_may_not_know_when(end: float | None, expected: int | None) -> None:
    """-1 was seen in the field."""
    told = read({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": end}, base_ms=100)
    assert told == UtteranceEnd(last_word_end_ms=expected)


@pytest.mark.parametrize(
    "change", [{"start": None}, {"start": "now"}, {"duration": -1.0}, {"start": float("nan")}, {"start": 1e300}]
)
def test_a_piece_without_a_time_is_unreadable(change: dict[str, object]) -> None:
    """Nobody could say where it belongs."""
    with pytest.raises(MessageUnreadable):
        read(RESULTS | change)


@pytest.mark.parametrize(
    "message", [None, b"audio", {"type": "Metadata"}, {"type": "SpeechStarted", "timestamp": 1}, {"type": "Warning"}]
)
def test_other_messages_say_nothing(message: object) -> None:
    """What the SDK does not know arrives as None."""
    assert read(message) is None


@settings(deadline=None)
@given(json_values, st.sampled_from(["Results", "UtteranceEnd", "Metadata", "?"]))
def test_any_message_ends_in_a_value_or_a_typed_error(value: object, kind: str) -> None:
    """As the SDK builds it, and as any object with attributes."""
    message = {**RESULTS, **value, "type": kind} if isinstance(value, dict) else RESULTS | {"channel": value}
    for told in (through_the_sdk(message), SimpleNamespace(**{str(name): field for name, field in message.items()})):
        try:
            found = read_message(told, 0)
        except MessageUnreadable:
            continue
        assert found is None or isinstance(found, Piece | UtteranceEnd)
