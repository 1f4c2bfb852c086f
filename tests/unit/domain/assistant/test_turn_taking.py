"""Turns beyond the table: what is said while it thinks, wishes from the panel, and what ends a follow-up."""

from __future__ import annotations

import pytest

from sidecar.domain.assistant.floor_orders import Answer, Ask, Manners, TellPanel
from sidecar.domain.assistant.meant import STALE_MS
from sidecar.domain.assistant.quiet import QUIET_MS
from sidecar.domain.assistant.stay import Speaks
from sidecar.domain.assistant.turn_taking import ASKS_KEPT, GIVE_UP_MS, NO_ROOM_MS, State
from tests.floor_play import FINAL_MS, FloorPlay

QUESTION = "Ava, what is the policy?"


def ask(play: FloorPlay, at: int, text: str = "Offer a refund.", *, exact: bool = False) -> None:
    play.at(at, lambda: play.floor.ask(Ask(by="usr_1", text=text, exact=exact), play.now_ms))


def test_its_state_is_what_it_does() -> None:
    play = FloorPlay()
    end = play.says("ana", QUESTION, 1_000)
    states = []
    for at in (end, end + FINAL_MS + 10, end + FINAL_MS + play.thinks_ms + 10, 30_000):
        play.at(at, lambda: states.append(play.floor.state))
    play.run()
    assert states == [State.LISTENING, State.THINKING, State.SPEAKING, State.LISTENING]


def test_who_goes_on_asking_is_answered_to_all_of_it() -> None:
    play = FloorPlay(thinks_ms=2_000)
    end = play.says("ana", "Ava,", 1_000)
    play.says("ana", "what is the policy for bikes?", end + 700)
    assert play.run() == ["answer addressed", "drop more_was_said", "answer addressed", "speak"]
    answer = play.log[2][1]
    assert isinstance(answer, Answer)
    assert answer.prompt == "Ava, what is the policy for bikes?"


def test_who_turns_to_somebody_else_asks_no_more() -> None:
    play = FloorPlay(thinks_ms=3_000)
    end = play.says("ana", QUESTION, 1_000)
    play.says("ana", "Ben, can you hear me?", end + 700)
    assert play.run() == ["answer addressed", "speak"]


def test_another_who_addresses_it_meanwhile_is_answered_instead() -> None:
    play = FloorPlay(thinks_ms=2_500)
    end = play.says("ana", QUESTION, 1_000)
    play.says("ben", "Ava, do you ship to Malta?", end + 400)
    assert play.run() == ["answer addressed", "drop more_was_said", "answer addressed", "speak"]


@pytest.mark.parametrize("text", ["never mind", "Oh, wait.", "Okay, forget it."])
def test_a_question_can_be_called_off(text: str) -> None:
    play = FloorPlay(thinks_ms=3_000)
    end = play.says("ana", QUESTION, 1_000)
    play.says("ana", text, end + 700)
    assert play.run() == ["answer addressed", "drop called_off"]


def test_signs_of_listening_answer_nothing() -> None:
    play = FloorPlay(thinks_ms=3_000)
    end = play.says("ana", QUESTION, 1_000)
    play.says("ben", "Hmm, good.", end + 400)
    assert play.run() == ["answer addressed", "speak"]


def test_one_word_answers_nothing_either() -> None:
    play = FloorPlay(thinks_ms=3_000)
    end = play.says("ana", QUESTION, 1_000)
    play.says("ben", "Refunds?", end + 400)
    assert play.run() == ["answer addressed", "speak"]


def test_words_that_began_before_the_question_was_out_do_not_answer_it() -> None:
    play = FloorPlay(thinks_ms=3_000)
    end = play.says("ana", QUESTION, 1_000)
    play.says("ben", "that is what I mean", end - 400)
    assert play.run() == ["answer addressed", "speak"]


def test_noise_on_a_line_does_not_keep_it_silent_for_ever() -> None:
    play = FloorPlay()
    play.noise("ben", 500, 60_000)
    end = play.says("ana", QUESTION, 4_000)
    assert play.run() == ["answer addressed", "speak"]
    assert play.when("speak") == end + FINAL_MS + play.thinks_ms


def test_an_answer_that_finds_no_room_is_dropped_and_the_panel_says_so() -> None:
    play = FloorPlay()
    end = play.says("ana", QUESTION, 1_000)
    play.says("ana", " ".join(["so"] * 100), end + 100)
    play.says("ben", " ".join(["la"] * 100), end + 100)
    orders = play.run(end + NO_ROOM_MS + 10_000)
    assert orders == ["answer addressed", "drop no_room", "tell no_room"]


def test_yes_is_an_answer_to_its_question_and_only_then() -> None:
    play = FloorPlay(answer="Shall I look it up?")
    play.says("ana", QUESTION, 1_000)
    play.says("ana", "Yes, sure.", 6_000)
    assert play.run()[-2:] == ["answer follow_up", "speak"]
    play = FloorPlay(answer="It is thirty days.")
    play.says("ana", QUESTION, 1_000)
    play.says("ana", "Yes, sure.", 6_000)
    assert play.run() == ["answer addressed", "speak"]


def test_a_follow_up_for_somebody_else_is_none() -> None:
    play = FloorPlay()
    play.says("ana", QUESTION, 1_000)
    play.says("ana", "Ben, does that help you?", 6_000)
    assert play.run() == ["answer addressed", "speak"]


def test_what_was_said_before_its_answer_and_becomes_known_late_changes_nothing() -> None:
    play = FloorPlay()
    play.says("ana", "I have a question.", 200, final_ms=6_500)
    play.says("ben", "Me too, go on.", 100, final_ms=6_200)
    play.says("ana", QUESTION, 2_000)
    play.says("ana", "And what about bikes?", 9_500)
    assert play.run() == ["answer addressed", "speak", "answer follow_up", "speak"]


def test_who_interrupts_with_words_that_are_known_only_at_their_end_is_answered_too() -> None:
    play = FloorPlay()
    end = play.says("ana", QUESTION, 1_000)
    play.says("ana", "no I meant bikes", end + FINAL_MS + 1_000, partials=False)
    assert play.run()[-3:] == ["cut words", "answer follow_up", "speak"]


def test_the_one_it_answers_may_interrupt_and_is_answered() -> None:
    play = FloorPlay()
    end = play.says("ana", QUESTION, 1_000)
    play.says("ana", "no I meant bikes", end + FINAL_MS + 1_500)
    assert play.run()[-3:] == ["cut words", "answer follow_up", "speak"]


def test_who_only_stops_it_is_done_with_it() -> None:
    play = FloorPlay()
    end = play.says("ana", QUESTION, 1_000)
    play.says("ana", "stop", end + FINAL_MS + 1_500)
    play.says("ana", "so as I said we can send it back", end + FINAL_MS + 4_000)
    assert play.run()[-1] == "cut stop_word"


def test_another_who_interrupts_is_not_answered() -> None:
    play = FloorPlay()
    end = play.says("ana", QUESTION, 1_000)
    play.says("ben", "no that is wrong", end + FINAL_MS + 1_500)
    assert play.run()[-1] == "cut words"


def test_always_means_that_the_newest_words_are_answered() -> None:
    play = FloorPlay(manners=Manners(speaks=Speaks.ALWAYS), thinks_ms=2_000)
    end = play.says("ben", "My parcel has not come.", 1_000)
    later = play.says("ben", "It was sent on Monday.", end + 1_500)
    assert play.run() == ["answer always", "drop more_was_said", "answer always", "speak"]
    assert play.log[2][0] == later + QUIET_MS


def test_always_means_everybody() -> None:
    play = FloorPlay(manners=Manners(speaks=Speaks.ALWAYS), thinks_ms=2_000)
    end = play.says("ben", "My parcel has not come.", 1_000)
    play.says("ana", "It was sent on Monday.", end + 1_500)
    assert play.run() == ["answer always", "drop more_was_said", "answer always", "speak"]


@pytest.mark.parametrize("manners", [Manners(), Manners(muted=True, speaks=Speaks.ALWAYS)])
def test_what_it_was_going_to_answer_is_forgotten_when_it_is_not_to_speak_any_more(manners: Manners) -> None:
    play = FloorPlay(manners=Manners(speaks=Speaks.ALWAYS))
    end = play.says("ben", "My parcel has not come.", 1_000)
    play.at(end + FINAL_MS + 50, lambda: play.floor.behave(manners, play.now_ms))
    play.at(end + FINAL_MS + 5_000, lambda: play.floor.behave(Manners(speaks=Speaks.ALWAYS), play.now_ms))
    assert play.run() == []


def test_who_addresses_it_is_answered_and_nobody_besides() -> None:
    play = FloorPlay(manners=Manners(speaks=Speaks.ALWAYS))
    play.says("ben", "My parcel has not come and I waited.", 1_000)
    play.says("ana", "Ava, what is the policy for that?", 1_400)
    assert play.run() == ["answer addressed", "speak"]


def test_what_people_say_does_not_touch_what_the_panel_asked_for() -> None:
    play = FloorPlay(thinks_ms=4_000)
    ask(play, 1_000)
    play.says("ben", "Ava, it is thirty days.", 1_200)
    play.says("ana", "never mind", 3_000)
    assert play.run() == ["answer asked", "speak"]


def test_the_panel_goes_before_a_question_that_it_merely_thinks_about() -> None:
    play = FloorPlay(thinks_ms=3_000)
    end = play.says("ana", QUESTION, 1_000)
    ask(play, end + FINAL_MS + 500)
    assert play.run() == ["answer addressed", "drop asked_otherwise", "answer asked", "speak"]


def test_the_panel_waits_for_a_turn_that_sounds_and_its_wishes_keep_their_order() -> None:
    play = FloorPlay()
    end = play.says("ana", QUESTION, 1_000)
    for n in range(ASKS_KEPT + 1):
        ask(play, end + 2_000, f"say {n}", exact=True)
    assert play.run().count("speak") == 1 + ASKS_KEPT
    assert play.log[2][1] == TellPanel(note="busy", by="usr_1")  # type: ignore[arg-type]
    prompts = [one.prompt for _, one in play.log if isinstance(one, Answer) and one.exact]
    assert prompts == ["say 0", "say 1", "say 2"]


def test_exact_words_need_no_filler_and_are_given_up_too() -> None:
    play = FloorPlay(thinks_ms=60_000)
    ask(play, 1_000, exact=True)
    assert play.run() == ["answer asked", "giveup", "tell gave_up"]
    assert play.log[1][0] == 1_000 + GIVE_UP_MS


def test_muted_it_takes_no_wishes_and_forgets_those_it_has() -> None:
    play = FloorPlay()
    ask(play, 1_000)
    ask(play, 1_100)
    play.at(1_200, lambda: play.floor.behave(Manners(muted=True), play.now_ms))
    ask(play, 1_300)
    play.at(5_000, lambda: play.floor.behave(Manners(), play.now_ms))
    assert play.run() == ["answer asked", "drop muted", "tell muted"]


def test_the_panel_can_stop_it_thinking_and_speaking() -> None:
    for after, ended in ((100, "drop called_off"), (1_500, "cut stopped")):
        play = FloorPlay()
        end = play.says("ana", QUESTION, 1_000)
        play.at(end + FINAL_MS + after, lambda play=play: play.floor.stop(play.now_ms))  # type: ignore[misc]
        play.says("ana", "and now for bikes", end + 4_000)
        assert play.run()[-1] == ended


def test_after_a_stop_nobody_is_being_answered_any_more() -> None:
    play = FloorPlay()
    play.says("ana", QUESTION, 1_000)
    play.says("ana", "And what about bikes?", 6_000)
    play.at(10_000, lambda: play.floor.stop(play.now_ms))
    play.says("ana", "And what about cars?", 11_000)
    assert play.run()[-1] == "cut stopped"


def test_a_filler_waits_for_room_too() -> None:
    play = FloorPlay(thinks_ms=8_000)
    end = play.says("ana", QUESTION, 1_000)
    done = play.says("ben", "hm " * 12, end + 2_500)
    assert play.run() == ["answer addressed", "filler", "speak"]
    assert play.when("filler") == done + QUIET_MS


def test_audio_that_is_ready_again_changes_nothing() -> None:
    play = FloorPlay()
    end = play.says("ana", QUESTION, 1_000)
    play.at(end + FINAL_MS + play.thinks_ms + 500, lambda: play.floor.ready("t1", play.now_ms))
    assert play.run() == ["answer addressed", "speak"]


def test_a_model_that_fails_is_told_and_the_next_question_is_answered() -> None:
    play = FloorPlay(thinks_ms=2_000)
    end = play.says("ana", QUESTION, 1_000)
    play.at(end + FINAL_MS + 500, lambda: play.floor.failed("t1", play.now_ms))
    play.says("ana", QUESTION, 10_000)
    assert play.run() == ["answer addressed", "tell failed", "answer addressed", "speak"]


def test_what_was_transcribed_far_too_late_is_not_answered() -> None:
    play = FloorPlay()
    play.says("ana", QUESTION, 1_000, final_ms=STALE_MS + 1)
    assert play.run() == []


def test_news_of_turns_that_are_over_change_nothing() -> None:
    play = FloorPlay()
    end = play.says("ana", QUESTION, 1_000)
    for fact in (
        lambda: play.floor.ready("t9", play.now_ms),
        lambda: play.floor.over("t9", "", play.now_ms),
        lambda: play.floor.failed("t9", play.now_ms),
    ):
        play.at(end + FINAL_MS + 300, fact)
    assert play.run() == ["answer addressed", "speak"]
