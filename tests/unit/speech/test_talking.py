"""When speech begins and ends, by frames that are voiced or not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sidecar.speech.activity import FRAME_BYTES, FRAME_MS
from sidecar.speech.talking import PAUSE_FRAMES, VOICED_FRAMES, Talk, Talking

VOICED, SILENT = b"\x01" * FRAME_BYTES, b"\x00" * FRAME_BYTES


def talking() -> Talking:
    return Talking(lambda frame: frame[0] == 1)


def frames(*runs: tuple[bytes, int]) -> bytes:
    return b"".join(frame * n for frame, n in runs)


def test_speech_begins_with_its_first_voiced_frame_and_ends_with_its_last() -> None:
    audio = frames((SILENT, 5), (VOICED, 20), (SILENT, 20))
    news = talking().hear(audio, 1000 + 45 * FRAME_MS)
    assert news == [Talk(True, 1000 + 5 * FRAME_MS), Talk(False, 1000 + 25 * FRAME_MS)]


def test_a_click_is_no_speech_and_a_breath_no_end() -> None:
    one = talking()
    assert one.hear(frames((VOICED, VOICED_FRAMES - 1), (SILENT, 30)), 1000) == []
    assert not one.talks
    assert len(one.hear(frames((VOICED, 10), (SILENT, PAUSE_FRAMES - 1), (VOICED, 1)), 3000)) == 1
    assert one.talks


@given(
    st.lists(st.tuples(st.sampled_from([VOICED, SILENT]), st.integers(1, 30)), max_size=12),
    st.lists(st.integers(1, 700), min_size=1, max_size=40),
)
def test_how_the_audio_is_cut_into_pieces_does_not_matter(runs: list[tuple[bytes, int]], cuts: list[int]) -> None:
    audio = frames(*runs)
    whole = talking().hear(audio, 10_000 + len(audio) // 8)
    news, at, one, n = list[Talk](), 0, talking(), 0
    while at < len(audio):
        piece = audio[at : at + 8 * cuts[n % len(cuts)]]
        at, n = at + len(piece), n + 1
        news += one.hear(piece, 10_000 + at // 8)
    assert news == whole
    assert [talk.began for talk in whole] == [i % 2 == 0 for i in range(len(whole))]
    assert [talk.at_ms for talk in whole] == sorted(talk.at_ms for talk in whole)
