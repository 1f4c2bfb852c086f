"""Who interrupts the assistant and who does not: cases by name, and any history of speech, words and turns."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sidecar.domain.assistant.barge_in import (
    COLLISION_MS,
    CONFIRM_WITHIN_MS,
    GUARD_MS,
    HOLD_AFTER_MS,
    REST_AFTER_NOISE_MS,
    BargeIn,
    Decision,
    GoOn,
    Hold,
    Interrupted,
    Why,
)
from sidecar.domain.assistant.echo import Echo
from sidecar.domain.assistant.phrases import BACKCHANNELS, STOP, find, without, words_of
from sidecar.domain.events import UtteranceFinal, UtterancePartial

BEGAN_MS = 10_000
_ids = itertools.count(1)


def speaking(echo: Echo | None = None) -> BargeIn:
    """The assistant has been speaking for a while."""
    barge_in = BargeIn(echo or Echo())
    barge_in.began(BEGAN_MS)
    return barge_in


def partial(
    text: str, start_ms: int, end_ms: int, *, who: str = "ana", id_: str = "utt_1", coaching: bool = False
) -> UtterancePartial:
    return UtterancePartial(
        id=id_, participant=who, start_ms=start_ms, end_ms=end_ms, text=text, lag_ms=0, coaching=coaching
    )


def final(text: str, start_ms: int, end_ms: int, *, who: str = "ana", id_: str = "utt_1") -> UtteranceFinal:
    return UtteranceFinal(
        id=id_, participant=who, fork="frk_1", session="ses_1", result_index=0, revision=1, start_ms=start_ms,
        end_ms=end_ms, text=text, engine="scripted", lag_ms=0,
    )  # fmt: skip


def test_speech_holds_it_after_three_tenths_of_a_second() -> None:
    barge_in = speaking()
    assert barge_in.speech_started("ana", 12_000, 12_100) is None
    assert barge_in.next_ms() == 12_000 + HOLD_AFTER_MS
    assert barge_in.tick(12_299) is None
    assert barge_in.tick(12_300) == Hold("ana")
    assert barge_in.tick(12_300) is None


def test_a_shorter_sound_does_nothing() -> None:
    barge_in = speaking()
    barge_in.speech_started("ana", 12_000, 12_100)
    assert barge_in.speech_ended("ana", 12_250) is None
    assert barge_in.tick(13_000) is None


def test_two_words_confirm() -> None:
    barge_in = speaking()
    barge_in.speech_started("ana", 12_000, 12_300)
    assert barge_in.holding
    assert barge_in.words(partial("but", 12_000, 12_400), 12_500) is None
    assert barge_in.words(partial("but the", 12_000, 12_600), 12_700) == Interrupted("ana", Why.WORDS)
    assert barge_in.tick(20_000) is None


@pytest.mark.parametrize("text", ["Stop.", "wait", "Hold on", "one moment", "okay stop"])
def test_one_stop_word_confirms_without_a_hold_before(text: str) -> None:
    assert speaking().words(partial(text, 12_000, 12_200), 12_250) == Interrupted("ana", Why.STOP_WORD)


@pytest.mark.parametrize("text", ["Mm-hm.", "okay", "Right.", "yeah, I see", "uh-huh, right, okay, great"])
def test_signs_of_listening_let_it_go_on_at_once(text: str) -> None:
    barge_in = speaking()
    assert barge_in.speech_started("ana", 12_000, 12_300) == Hold("ana")
    assert barge_in.words(partial(text, 12_000, 12_400), 12_450) == GoOn()
    assert barge_in.words(final(text, 12_000, 12_400), 12_800) is None


def test_after_a_sign_of_listening_real_words_still_count() -> None:
    barge_in = speaking()
    barge_in.speech_started("ana", 12_000, 12_300)
    barge_in.words(partial("right", 12_000, 12_400), 12_450)
    assert barge_in.tick(14_000) is None
    assert barge_in.words(partial("right but the", 12_000, 14_400), 14_500) == Interrupted("ana", Why.WORDS)


def test_one_word_alone_only_holds_until_it_is_final() -> None:
    barge_in = speaking()
    barge_in.speech_started("ana", 12_000, 12_300)
    assert barge_in.words(partial("refund", 12_000, 12_400), 12_450) is None
    barge_in.speech_ended("ana", 12_500)
    assert barge_in.words(final("Refund.", 12_000, 12_500), 12_700) == GoOn()


def test_noise_without_words_holds_it_seven_tenths_of_a_second_and_once() -> None:
    barge_in = speaking()
    barge_in.speech_started("ana", 12_000, 12_300)
    assert barge_in.next_ms() == 12_300 + CONFIRM_WITHIN_MS
    assert barge_in.tick(12_999) is None
    assert barge_in.tick(13_000) == GoOn()
    assert barge_in.next_ms() is None


def test_noise_that_comes_again_does_not_hold_it_again_soon() -> None:
    barge_in = speaking()
    barge_in.speech_started("ana", 12_000, 12_300)
    assert barge_in.tick(13_000) == GoOn()
    barge_in.speech_ended("ana", 13_100)
    assert barge_in.speech_started("ana", 13_300, 13_700) is None
    assert barge_in.words(partial("no listen", 13_300, 14_000), 14_100) == Interrupted("ana", Why.WORDS)
    barge_in.began(15_000)
    barge_in.speech_ended("ana", 15_100)
    later = 13_000 + REST_AFTER_NOISE_MS + 600
    assert barge_in.speech_started("ana", later, later + 300) == Hold("ana")


def test_a_recogniser_that_says_it_was_nothing_lets_it_go_on() -> None:
    barge_in = speaking()
    barge_in.speech_started("ana", 12_000, 12_300)
    assert barge_in.words(partial("", 12_000, 12_400), 12_500) == GoOn()


def test_words_that_come_when_it_has_gone_on_still_stop_it() -> None:
    barge_in = speaking()
    barge_in.speech_started("ana", 12_000, 12_300)
    barge_in.tick(13_000)
    assert barge_in.words(partial("but what about", 12_000, 13_100), 13_200) == Interrupted("ana", Why.WORDS)


def test_another_who_speaks_by_then_takes_a_hold_over_until_the_same_moment() -> None:
    barge_in = speaking()
    barge_in.speech_started("ana", 12_000, 12_300)
    barge_in.speech_started("ben", 12_050, 12_300)
    assert barge_in.words(partial("right", 12_000, 12_400), 12_450) is None
    assert barge_in.holding
    assert barge_in.tick(13_000) == GoOn()
    assert barge_in.tick(13_500) is None


def test_speech_of_several_that_came_to_nothing_holds_it_once() -> None:
    barge_in = speaking()
    barge_in.speech_started("ana", 12_000, 12_300)
    barge_in.speech_started("ben", 12_050, 12_400)
    assert barge_in.tick(13_000) == GoOn()
    assert barge_in.tick(13_500) is None


def test_the_end_of_what_was_said_before_says_nothing_of_the_speech_that_goes_on() -> None:
    barge_in = speaking()
    barge_in.speech_started("ana", 11_000, 11_000)
    barge_in.speech_ended("ana", 11_200)
    barge_in.speech_started("ana", 12_000, 12_300)
    assert barge_in.words(final("Right.", 11_000, 11_200), 12_400) is None
    assert barge_in.holding


def test_a_coach_is_passed_over() -> None:
    barge_in = speaking()
    assert barge_in.speech_started("coach", 12_000, 12_500, coaching=True) is None
    words = partial("stop stop stop", 12_000, 12_600, who="coach", coaching=True)
    assert barge_in.words(words, 12_700) is None
    assert barge_in.next_ms() is None


def test_its_own_echo_does_not_stop_it_and_its_speaker_holds_it_no_more() -> None:
    echo = Echo()
    echo.said("Returns are free within thirty days.", 12_000)
    barge_in = speaking(echo)
    assert barge_in.speech_started("ana", 12_200, 12_500) == Hold("ana")
    assert barge_in.words(partial("returns are free", 12_200, 12_800), 12_900) == GoOn()
    barge_in.speech_ended("ana", 14_000)
    assert barge_in.speech_started("ana", 20_000, 20_400) is None
    echoed_and_more = partial("within thirty days hold on", 20_000, 20_800, id_="utt_2")
    echo.said("Returns are free within thirty days.", 20_000)
    assert barge_in.words(echoed_and_more, 20_900) == Interrupted("ana", Why.STOP_WORD)


def test_what_sounds_in_its_first_moment_holds_it_only_if_it_lasts() -> None:
    barge_in = speaking()
    barge_in.speech_started("ana", BEGAN_MS + 50, BEGAN_MS + 150)
    assert barge_in.tick(BEGAN_MS + GUARD_MS + HOLD_AFTER_MS - 1) is None
    assert barge_in.tick(BEGAN_MS + GUARD_MS + HOLD_AFTER_MS) == Hold("ana")


def test_two_who_begin_together_are_a_collision() -> None:
    barge_in = BargeIn(Echo())
    barge_in.speech_started("ana", BEGAN_MS - 100, BEGAN_MS - 1)
    barge_in.began(BEGAN_MS)
    words = partial("and also the", BEGAN_MS - 100, BEGAN_MS + 500)
    assert barge_in.words(words, BEGAN_MS + 600) == Interrupted("ana", Why.WORDS)


def test_over_whom_it_speaks_only_stops_it_with_a_stop_word_said_since() -> None:
    barge_in = BargeIn(Echo())
    long_before = BEGAN_MS - COLLISION_MS - 1
    barge_in.speech_started("ana", long_before, long_before)
    barge_in.words(partial("please wait for", long_before, BEGAN_MS - 1), BEGAN_MS - 1)
    barge_in.began(BEGAN_MS)
    assert barge_in.tick(BEGAN_MS + 2_000) is None
    assert barge_in.words(partial("please wait for the red one", long_before, BEGAN_MS + 900), BEGAN_MS + 950) is None
    stop = partial("please wait for the red one stop", long_before, BEGAN_MS + 1_900)
    assert barge_in.words(stop, BEGAN_MS + 1_950) == Interrupted("ana", Why.STOP_WORD)


def test_speech_that_is_noticed_late_is_spoken_over_just_as_well() -> None:
    barge_in = speaking()
    assert barge_in.speech_started("ana", BEGAN_MS - COLLISION_MS - 1, BEGAN_MS + 100) is None
    assert barge_in.next_ms() is None


def test_text_of_what_was_said_before_it_began_comes_too_late_to_interrupt() -> None:
    barge_in = speaking()
    assert barge_in.words(final("wait, what about the red one", 8_000, BEGAN_MS), BEGAN_MS + 100) is None


def test_while_it_is_silent_nothing_is_decided() -> None:
    barge_in = BargeIn(Echo())
    barge_in.speech_started("ana", 1_000, 1_500)
    assert barge_in.words(partial("stop right there", 1_000, 1_400), 1_500) is None
    assert (barge_in.tick(9_000), barge_in.next_ms()) == (None, None)


def test_who_leaves_or_is_muted_holds_it_no_longer() -> None:
    barge_in = speaking()
    barge_in.speech_started("ana", 12_000, 12_300)
    assert barge_in.left("ana", 12_400) == GoOn()
    assert barge_in.left("ben", 12_400) is None


WORDS = ["mm-hm", "right", "okay", "stop", "refund", "the", "I", "see", "wait"]


class AnySpeech(RuleBasedStateMachine):
    """Two people speak, or make noise, at any time. What is decided is held against what happened, told anew."""

    def __init__(self) -> None:
        super().__init__()
        self.barge_in = BargeIn(Echo())
        self.now_ms = 0
        self.began_ms: int | None = None
        self.held_ms: int | None = None
        self.speaking: dict[str, int] = {}
        self.utterances: dict[str, tuple[str, int, str]] = {}

    def take(self, decision: Decision | None, *, words: UtterancePartial | UtteranceFinal | None = None) -> None:
        if decision is None:
            return
        assert self.began_ms is not None, "decided although the assistant is silent"
        if isinstance(decision, Hold):
            assert self.held_ms is None
            assert self.now_ms - self.speaking[decision.participant] >= HOLD_AFTER_MS
            assert self.now_ms - self.began_ms >= GUARD_MS + HOLD_AFTER_MS
            self.held_ms = self.now_ms
        elif isinstance(decision, GoOn):
            assert self.held_ms is not None
            self.held_ms = None
        else:
            assert words is not None, "interrupted without a word"
            said = words_of(words.text)
            assert find(STOP, said) is not None or len(without(BACKCHANNELS, said)) >= 2
            self.began_ms = self.held_ms = None

    @precondition(lambda self: self.began_ms is None)
    @rule()
    def begin(self) -> None:
        self.began_ms = self.now_ms
        self.barge_in.began(self.now_ms)

    @precondition(lambda self: self.began_ms is not None)
    @rule()
    def end(self) -> None:
        self.began_ms = self.held_ms = None
        self.barge_in.over()

    @rule(ms=st.integers(10, 1_200))
    def pass_time(self, ms: int) -> None:
        until_ms = self.now_ms + ms
        while self.now_ms < until_ms:
            due_ms = self.barge_in.next_ms()
            self.now_ms = until_ms if due_ms is None else min(until_ms, max(due_ms, self.now_ms + 1))
            self.take(self.barge_in.tick(self.now_ms))

    @rule(who=st.sampled_from(["ana", "ben"]))
    def speak(self, who: str) -> None:
        if who not in self.speaking:
            self.speaking[who] = self.now_ms
            self.utterances[who] = (f"utt_{next(_ids)}", self.now_ms, "")
            self.take(self.barge_in.speech_started(who, self.now_ms, self.now_ms))

    @rule(who=st.sampled_from(["ana", "ben"]))
    def fall_silent(self, who: str) -> None:
        if self.speaking.pop(who, None) is not None:
            self.take(self.barge_in.speech_ended(who, self.now_ms))

    @rule(who=st.sampled_from(["ana", "ben"]), more=st.lists(st.sampled_from(WORDS), max_size=3), done=st.booleans())
    def say(self, who: str, more: list[str], *, done: bool) -> None:
        """Words become known. Those of an utterance that began amid the turn decide at once."""
        if who not in self.utterances:
            return
        id_, start_ms, text = self.utterances[who]
        text = " ".join([text, *more]).strip()
        self.utterances[who] = (id_, start_ms, text)
        make = final if done else partial
        words = make(text, start_ms, self.now_ms, who=who, id_=id_)
        began_ms = self.began_ms
        decision = self.barge_in.words(words, self.now_ms)
        said = words_of(text)
        enough = find(STOP, said) is not None or len(without(BACKCHANNELS, said)) >= 2
        if began_ms is not None and began_ms < start_ms < self.now_ms:
            assert isinstance(decision, Interrupted) == enough
        if said and not without(BACKCHANNELS, said):
            assert not isinstance(decision, Interrupted)
        self.take(decision, words=words)
        if done:
            del self.utterances[who]

    @rule(who=st.sampled_from(["ana", "ben"]))
    def leave(self, who: str) -> None:
        self.speaking.pop(who, None)
        self.utterances.pop(who, None)
        self.take(self.barge_in.left(who, self.now_ms))

    @invariant()
    def a_hold_ends_in_time(self) -> None:
        assert self.barge_in.holding == (self.held_ms is not None)
        assert self.held_ms is None or self.now_ms - self.held_ms < CONFIRM_WITHIN_MS


TestAnySpeech = AnySpeech.TestCase
