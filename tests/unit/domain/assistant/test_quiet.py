"""From when on there is room to speak."""

from __future__ import annotations

from sidecar.domain.assistant.quiet import NOISE_MS, QUIET_MS, TEXT_WITHIN_MS, Quiet


def test_where_nobody_spoke_there_is_room() -> None:
    assert Quiet().free_from_ms() == 0


def test_all_have_to_be_quiet_for_a_moment() -> None:
    quiet = Quiet()
    for who, end in (("ana", 2_000), ("ben", 2_500)):
        quiet.speech_started(who, 1_000)
        quiet.speech_ended(who, end)
        quiet.words(who, 1_000, end, end + 400, final=True)
    assert quiet.free_from_ms() == 2_500 + QUIET_MS


def test_as_long_as_nobody_knows_what_was_said_there_is_no_room() -> None:
    quiet = Quiet()
    quiet.speech_started("ana", 1_000)
    quiet.speech_ended("ana", 2_000)
    assert quiet.free_from_ms() == 2_000 + TEXT_WITHIN_MS
    quiet.words("ana", 1_000, 2_000, 2_300, final=False)
    assert quiet.free_from_ms() == 2_000 + TEXT_WITHIN_MS
    quiet.words("ana", 1_000, 2_000, 2_400, final=True)
    assert quiet.free_from_ms() == 2_000 + QUIET_MS


def test_who_goes_on_speaking_is_in_the_way_and_noise_is_not_for_ever() -> None:
    quiet = Quiet()
    quiet.speech_started("ana", 1_000)
    assert quiet.free_from_ms() == 1_000 + NOISE_MS
    quiet.words("ana", 1_000, 3_500, 3_800, final=False)
    assert quiet.free_from_ms() == 3_800 + NOISE_MS


def test_a_recogniser_that_tells_nothing_of_speech_but_its_words_is_enough() -> None:
    quiet = Quiet()
    quiet.words("ana", 1_000, 1_500, 1_800, final=False)
    assert quiet.free_from_ms() == 1_800 + NOISE_MS
    quiet.words("ana", 1_000, 2_000, 2_400, final=True)
    assert quiet.free_from_ms() == 2_000 + QUIET_MS
    quiet.words("ben", 3_000, 4_000, 4_400, final=True)
    assert quiet.free_from_ms() == 4_000 + QUIET_MS


def test_who_leaves_is_in_nobody_s_way() -> None:
    quiet = Quiet()
    quiet.speech_started("ana", 1_000)
    quiet.left("ana")
    assert quiet.free_from_ms() == 0


def test_words_of_before_say_nothing_of_the_speech_that_goes_on() -> None:
    quiet = Quiet()
    quiet.speech_started("ana", 1_000)
    quiet.speech_ended("ana", 2_000)
    quiet.speech_started("ana", 2_700)
    quiet.words("ana", 1_000, 2_000, 2_800, final=True)
    assert quiet.free_from_ms() == 2_700 + NOISE_MS


def test_two_finals_may_tell_one_stretch_of_speech() -> None:
    quiet = Quiet()
    quiet.speech_started("ana", 1_000)
    quiet.words("ana", 1_000, 2_000, 2_300, final=True)
    quiet.speech_ended("ana", 4_000)
    assert quiet.free_from_ms() == 4_000 + TEXT_WITHIN_MS
    quiet.words("ana", 2_100, 4_000, 4_300, final=True)
    assert quiet.free_from_ms() == 4_000 + QUIET_MS


def test_speech_that_is_told_twice_ends_once() -> None:
    quiet = Quiet()
    quiet.speech_started("ana", 1_000)
    quiet.speech_started("ana", 1_100)
    quiet.speech_ended("ana", 2_000)
    assert quiet.free_from_ms() == 2_000 + TEXT_WITHIN_MS


def test_how_long_others_spoke_at_the_same_time() -> None:
    quiet = Quiet()
    quiet.speech_started("ana", 1_000)
    quiet.speech_ended("ana", 3_000)
    quiet.speech_started("ben", 2_400)
    assert quiet.spoken_into_ms("ben", 2_400, 4_000) == 600
    assert quiet.spoken_into_ms("ana", 1_000, 3_000) == 600
    assert quiet.spoken_into_ms("ben", 3_100, 4_000) <= 0
