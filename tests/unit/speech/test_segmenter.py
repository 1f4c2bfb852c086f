"""Segments of speech: literal scripts of voiced and unvoiced time, and properties over any script."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.speech import g711
from sidecar.speech.activity import FRAME_BYTES, FRAME_MS
from sidecar.speech.segmenter import (
    AFTER_MS,
    BEFORE_MS,
    CUT_AFTER_MS,
    CUT_AT_MS,
    HANG_MS,
    HANG_SHORT_MS,
    ONSET_VOICED_MS,
    ONSET_WINDOW_MS,
    PARTIAL_EVERY_MS,
    PartialDue,
    SegmentEnded,
    Segmenter,
    SpeechBegan,
    SpeechEvent,
)

VOICED, QUIET = b"\x90", bytes([g711.SILENCE])


def is_voiced(frame: bytes) -> bool:
    """In these scripts a frame is voiced when it is loud."""
    return frame[0] == VOICED[0]


def script(*milliseconds: int) -> bytes:
    """Silence and speech in turns, silence first."""
    return b"".join((QUIET, VOICED)[n % 2] * (ms * g711.BYTES_PER_MS) for n, ms in enumerate(milliseconds))


def hear(audio: bytes, *, flush: bool = True) -> list[SpeechEvent]:
    segmenter = Segmenter(is_voiced)
    return segmenter.feed(audio) + (segmenter.flush() if flush else [])


def ended(events: list[SpeechEvent]) -> list[SegmentEnded]:
    return [event for event in events if isinstance(event, SegmentEnded)]


def spans(events: list[SpeechEvent]) -> list[tuple[int, int]]:
    return [(event.start_ms, event.end_ms) for event in ended(events)]


def test_silence_gives_nothing() -> None:
    """A minute without a voice makes no event at all."""
    assert hear(script(60_000)) == []


def test_a_word_is_one_segment_with_its_margins() -> None:
    """Times are those of the voice; the audio has the margin before and after it."""
    events = hear(script(1000, 600, 2000), flush=False)
    assert events[0] == SpeechBegan(segment=0, start_ms=1000)
    assert spans(events) == [(1000, 1600)]
    noticed_after = ONSET_VOICED_MS
    before = BEFORE_MS - noticed_after
    assert ended(events)[0].audio == script(before, 600, AFTER_MS)


def test_speech_is_noticed_after_a_tenth_of_a_second() -> None:
    """The start is reported with the frame that makes it sure, and names the first voiced frame."""
    segmenter = Segmenter(is_voiced)
    assert segmenter.feed(script(1000, ONSET_VOICED_MS - FRAME_MS)) == []
    assert segmenter.feed(script(0, FRAME_MS)) == [SpeechBegan(segment=0, start_ms=1000)]


def test_a_click_is_no_speech() -> None:
    """Less voice than ONSET_VOICED_MS within ONSET_WINDOW_MS begins nothing."""
    assert hear(script(1000, 80, 500, 80, 1000)) == []


def test_short_speech_waits_longer_for_its_continuation() -> None:
    """After a few words a pause of 0.7 s belongs to the segment; after a long sentence it ends it."""
    assert len(spans(hear(script(500, 1000, 700, 1000, 2000)))) == 1
    assert len(spans(hear(script(500, 4000, 700, 1000, 2000)))) == 2


def test_partials_come_at_their_interval_and_only_while_somebody_is_heard() -> None:
    """In ten seconds of speech there is one each half second, each with all audio so far."""
    events = hear(script(1000, 10_000, 1000))
    partials = [event for event in events if isinstance(event, PartialDue) and not event.paused]
    assert [event.end_ms for event in partials] == list(range(1400, 11_001, PARTIAL_EVERY_MS))
    assert all(event.start_ms == 1000 for event in partials)
    assert all(len(event.audio) == (event.end_ms - 1000 + 300) * g711.BYTES_PER_MS for event in partials)


def test_at_a_pause_the_partial_has_just_the_audio_that_the_segment_ends_with() -> None:
    """What is recognised at the pause is therefore the final text."""
    events = hear(script(1000, 2000, 2000), flush=False)
    paused = [event for event in events if isinstance(event, PartialDue) and event.paused]
    assert len(paused) == 1
    assert paused[0].audio == ended(events)[0].audio
    assert paused[0].end_ms == ended(events)[0].end_ms == 3000


def test_a_partial_names_the_middle_of_the_latest_pause() -> None:
    """A short pause inside the segment is where its audio may be divided."""
    events = hear(script(400, 1000, 200, 1000, 2000))
    partials = [event for event in events if isinstance(event, PartialDue) and not event.paused]
    assert partials[0].pause_at == 0
    middle_ms = 300 + 1000 + 80
    assert partials[-1].pause_at == middle_ms * g711.BYTES_PER_MS


def test_long_speech_is_cut_at_the_next_short_pause() -> None:
    """From 15 s on a tenth of a second without voice is enough, and the next segment goes on from there."""
    events = hear(script(400, CUT_AFTER_MS + 500, 120, 3000, 2000))
    assert spans(events) == [(400, 15_900), (16_020, 19_020)]


def test_speech_without_any_pause_is_cut_at_its_quietest_moment() -> None:
    """Nobody speaks for 18 s in one segment; nothing is lost or doubled at the cut."""
    loud, soft = VOICED * FRAME_BYTES, VOICED + b"\xd0" * (FRAME_BYTES - 1)
    audio = bytearray(loud * 1250)  # 25 s
    audio[820 * FRAME_BYTES : 823 * FRAME_BYTES] = soft * 3  # 16.4 s
    events = hear(bytes(audio))
    first, second = ended(events)
    assert first.end_ms == second.start_ms == 16_420
    assert first.audio + second.audio == bytes(audio)
    assert SpeechBegan(segment=1, start_ms=16_420) in events


def test_flush_ends_open_speech_and_what_follows_is_a_new_segment() -> None:
    """A stop or a mute in the middle of a word ends the segment there."""
    segmenter = Segmenter(is_voiced)
    assert spans(segmenter.feed(script(1000, 1000)) + segmenter.flush()) == [(1000, 2000)]
    assert segmenter.flush() == []
    assert spans(segmenter.feed(script(1000, 500)) + segmenter.flush()) == [(3000, 3500)]


def test_the_real_detector_serves_by_default() -> None:
    """Without a detector given, the segmenter brings its own, and silence is silence."""
    segmenter = Segmenter()
    assert segmenter.feed(script(3000)) + segmenter.flush() == []


# Any script of up to 40 turns, some long enough to be cut.
turns = st.lists(st.one_of(st.integers(1, 60), st.integers(1, 1000)), min_size=1, max_size=40).map(
    lambda frames: [count * FRAME_MS for count in frames]
)


@settings(max_examples=60, deadline=None)
@given(turns=turns, seed=st.integers(0, 2**32), junk=st.integers(0, FRAME_BYTES - 1))
def test_how_the_bytes_are_split_makes_no_difference(turns: list[int], seed: int, junk: int) -> None:
    """Frames of any size give the very same events."""
    audio = script(*turns) + QUIET * junk
    rng, segmenter, events, at = random.Random(seed), Segmenter(is_voiced), [], 0
    while at < len(audio):
        size = rng.choice([1, 7, 159, 160, 161, 320, 4001])
        events += segmenter.feed(audio[at : at + size])
        at += size
    assert events + segmenter.flush() == hear(audio)


@settings(max_examples=150, deadline=None)
@given(turns=turns)
def test_segments_are_ordered_bounded_and_complete(turns: list[int]) -> None:
    """They never overlap, never exceed their length, begin and end once each, and hold every stretch of speech."""
    events = hear(script(*turns))
    began = [event for event in events if isinstance(event, SpeechBegan)]
    segments = ended(events)
    assert [event.segment for event in began] == [event.segment for event in segments] == list(range(len(segments)))
    assert [event.start_ms for event in began] == [event.start_ms for event in segments]
    end = 0
    for segment in segments:
        assert end <= segment.start_ms < segment.end_ms
        assert segment.end_ms - segment.start_ms <= CUT_AT_MS
        margins = len(segment.audio) // g711.BYTES_PER_MS - (segment.end_ms - segment.start_ms)
        assert 0 <= margins <= BEFORE_MS + max(AFTER_MS, HANG_SHORT_MS, HANG_MS)
        end = segment.end_ms
    assert sum(len(segment.audio) for segment in segments) <= len(script(*turns))

    now = 0
    for number, turn in enumerate(turns):
        if number % 2 and turn >= ONSET_WINDOW_MS:
            covered = sum(max(0, min(segment.end_ms, now + turn) - max(segment.start_ms, now)) for segment in segments)
            assert covered == turn
        now += turn


@settings(max_examples=60, deadline=None)
@given(turns=turns)
def test_partials_belong_to_the_open_segment(turns: list[int]) -> None:
    """Between a start and an end, within its times, and with a prefix of the audio that the end has."""
    open_segment = -1
    partials: list[PartialDue] = []
    for event in hear(script(*turns)):
        match event:
            case SpeechBegan():
                open_segment, partials = event.segment, []
            case PartialDue():
                assert event.segment == open_segment
                assert 0 <= event.pause_at < len(event.audio)
                partials.append(event)
            case SegmentEnded():
                shared = [partial.audio[: len(event.audio)] for partial in partials]
                assert all(event.audio.startswith(audio) for audio in shared)
                open_segment = -1
