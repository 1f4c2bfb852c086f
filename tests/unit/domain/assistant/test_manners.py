"""The assistant's manners, row by row: what it does in each situation of the table of 20, on the pure rules.

Ana is the agent, Ben the customer, Sue a supervisor who coaches; the assistant is called Ava.
"""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.domain.assistant.floor_orders import Answer, Ask, Leave, Leaving, Manners, Person
from sidecar.domain.assistant.meant import FOLLOW_UP_MS
from sidecar.domain.assistant.quiet import QUIET_MS
from sidecar.domain.assistant.stay import Audience, Speaks
from sidecar.domain.conference.values import Role
from tests.floor_play import AGENT, COACH, CUSTOMER, FINAL_MS, FloorPlay

CLEO = Person(participant="cleo", name="Cleo", role=Role.CUSTOMER)
ANSWERS = ["answer addressed", "speak"]
SILENT: list[str] = []


def asked(**manners: Any) -> tuple[FloorPlay, int]:
    """Ana has asked something, and the answer has just begun. Returns the play and that moment."""
    play = FloorPlay(manners=Manners(**manners))
    end = play.says("ana", "Ava, what is the policy?", 1_000)
    return play, end + FINAL_MS + play.thinks_ms


@pytest.mark.parametrize("who", ["ana", "ben"])
@pytest.mark.parametrize(
    "text",
    [
        "Ava, what is the refund policy?",
        "Hey Ava what is the refund policy",
        "What is the refund policy, Ava?",
        "Okay, so, Eva, can you tell us?",
    ],
)
def test_row_1_who_addresses_it_is_answered(who: str, text: str) -> None:
    play = FloorPlay()
    play.says(who, text, 1_000)
    assert play.run() == ANSWERS
    answer = play.log[0][1]
    assert isinstance(answer, Answer)
    assert (answer.asked_by, answer.prompt, answer.private) == (who, text, False)


@pytest.mark.parametrize("text", ["Ava said five days.", "Did you ask Ava?", "What did Ava say about it?"])
def test_row_2_mentioned_is_not_addressed(text: str) -> None:
    play = FloorPlay()
    play.says("ana", text, 1_000)
    assert play.run() == SILENT


def test_row_3_the_same_speaker_goes_on_within_eight_seconds() -> None:
    play, _ = asked()
    play.says("ana", "And what about bikes?", 8_000)
    assert play.run() == [*ANSWERS, "answer follow_up", "speak"]


def test_row_3_after_eight_seconds_it_is_not_meant_any_more() -> None:
    play, began = asked()
    play.says("ana", "And what about bikes?", began + 8 * 300 + FOLLOW_UP_MS + 1)
    assert play.run() == ANSWERS


def test_row_4_another_human_spoke_between() -> None:
    play, _ = asked()
    play.says("ben", "That is fine with me.", 6_000)
    play.says("ana", "And what about bikes?", 8_500)
    assert play.run() == ANSWERS


def test_row_4_another_human_spoke_between_and_that_becomes_known_later() -> None:
    play, _ = asked()
    play.says("ben", "That is fine with me.", 6_000, final_ms=1_600)
    play.says("ana", "And bikes?", 7_600)
    assert play.run() == [*ANSWERS, "answer follow_up", "drop not_meant"]


def test_row_5_it_waits_until_all_are_quiet() -> None:
    play = FloorPlay(AGENT, CUSTOMER, CLEO)
    end = play.says("ana", "Ava, what is the policy?", 1_000)
    ben_done = play.says("ben", "no no you go ahead please I will wait here", end + 300)
    cleo_done = play.says("cleo", "sorry go ahead I did not mean to", end + 400)
    assert play.run() == ANSWERS
    assert play.when("speak") >= max(ben_done, cleo_done) + QUIET_MS


def test_row_6_a_human_answers_first() -> None:
    play = FloorPlay(thinks_ms=2_500)
    end = play.says("ana", "Ava, what is the policy?", 1_000)
    play.says("ben", "It is thirty days.", end + 400)
    assert play.run() == ["answer addressed", "drop answered_by_human"]


@pytest.mark.parametrize("text", ["mm-hm", "okay", "right", "Right, I see."])
def test_row_7_signs_of_listening_do_not_stop_it(text: str) -> None:
    play, began = asked()
    play.says("ben", text, began + 700)
    assert play.run() in (ANSWERS, [*ANSWERS, "hold", "go on"])
    assert play.heard["t1"] == play.answer


@pytest.mark.parametrize("text", ["stop", "wait", "hold on", "one moment"])
def test_row_8_a_stop_word_stops_it_at_once(text: str) -> None:
    play, began = asked()
    play.says("ben", text, began + 700)
    orders = play.run()
    assert orders[-1] == "cut stop_word"
    assert "go on" not in orders
    assert play.heard["t1"] != play.answer


def test_row_9_two_other_words_stop_it_where_it_was_heard() -> None:
    play, began = asked()
    play.says("ben", "but that is wrong", began + 700)
    assert play.run() == [*ANSWERS, "hold", "cut words"]
    assert play.when("cut words") - (began + 700) <= 1_000
    assert play.answer.startswith(play.heard["t1"])
    assert play.heard["t1"] != play.answer


def test_row_10_noise_without_words_is_a_short_pause() -> None:
    play, began = asked()
    play.noise("ben", began + 700, 2_000)
    assert play.run() == [*ANSWERS, "hold", "go on"]
    assert play.when("go on") - play.when("hold") <= 700
    assert play.heard["t1"] == play.answer


def test_row_11_its_own_echo_is_ignored_and_is_nothing_for_the_transcript() -> None:
    play, began = asked()
    echo = "Returns are free within thirty days"
    play.says("ana", echo, began + 200)  # who would be taken to go on talking to it
    assert play.run() == [*ANSWERS, "hold", "go on"]
    assert play.heard["t1"] == play.answer


def test_row_12_a_coach_is_ignored() -> None:
    play = FloorPlay(AGENT, CUSTOMER, COACH)
    play.says("sue", "Ava, stop. What is the policy?", 1_000, coaching=True)
    end = play.says("ana", "Ava, what is the policy?", 5_000)
    play.says("sue", "stop stop say nothing now", end + 1_500, coaching=True)
    assert play.run() == ANSWERS


def test_row_13_muted_it_is_silent_and_the_panel_says_why() -> None:
    play = FloorPlay(manners=Manners(muted=True))
    play.says("ana", "Ava, what is the policy?", 1_000)
    play.says("ana", "Ava said five days.", 5_000)
    assert play.run() == ["tell muted"]


def test_row_13_muting_ends_what_it_is_saying() -> None:
    play, began = asked()
    play.at(began + 500, lambda: play.floor.behave(Manners(muted=True), play.now_ms))
    assert play.run() == [*ANSWERS, "cut muted"]


def test_row_14_asked_only_it_answers_the_panel_and_not_its_name() -> None:
    play = FloorPlay(manners=Manners(speaks=Speaks.ASKED))
    play.says("ana", "Ava, what is the policy?", 1_000)
    play.at(6_000, lambda: play.floor.ask(Ask(by="usr_1", text="Say the policy."), play.now_ms))
    assert play.run() == ["answer asked", "speak"]
    assert play.when("answer asked") == 6_000


def test_row_15_always_it_answers_when_a_human_has_ended() -> None:
    play = FloorPlay(manners=Manners(speaks=Speaks.ALWAYS))
    end = play.says("ben", "My parcel has not come.", 1_000)
    assert play.run() == ["answer always", "speak"]
    assert play.when("answer always") == end + QUIET_MS


def test_row_16_asked_while_a_human_speaks_it_waits_for_a_pause() -> None:
    play = FloorPlay()
    end = play.says("ben", "so I went to the shop and they said no", 1_000)
    play.at(2_000, lambda: play.floor.ask(Ask(by="usr_1", text="Offer a refund."), play.now_ms))
    assert play.run() == ["answer asked", "speak"]
    assert play.when("speak") == end + QUIET_MS


def test_row_16_it_waits_for_at_most_five_seconds() -> None:
    play = FloorPlay()
    play.says("ben", " ".join(["so"] * 40), 1_000)
    play.at(2_000, lambda: play.floor.ask(Ask(by="usr_1", text="Offer a refund."), play.now_ms))
    assert play.run()[:2] == ["answer asked", "speak"]
    assert play.when("speak") == 7_000
    assert "cut words" not in play.orders()


def test_row_17_coaching_the_agent_it_answers_the_agent_only() -> None:
    play = FloorPlay(manners=Manners(audience=Audience.AGENT))
    play.says("ben", "Ava, what is the policy?", 1_000)
    play.says("ana", "Ava, what is the policy?", 6_000)
    play.says("ben", "hello are you still there", 8_700)  # he cannot hear it, so he does not interrupt it
    assert play.run() == ANSWERS
    answer = play.log[0][1]
    assert isinstance(answer, Answer)
    assert answer.asked_by == "ana"


@pytest.mark.parametrize("who", ["ana", "ben"])
def test_row_18_whoever_does_not_want_it_is_rid_of_it(who: str) -> None:
    play, began = asked()
    play.says(who, "No AI, please.", began + 300)
    play.says("ana", "Ava, are you there?", 12_000)
    orders = play.run()
    assert orders[-1] == "goodbye not_wanted"
    assert "cut words" in orders


def test_row_19_thinking_that_takes_long_is_covered_once_and_then_given_up() -> None:
    play = FloorPlay(thinks_ms=60_000)
    play.says("ana", "Ava, what is the policy?", 1_000)
    assert play.run() == ["answer addressed", "filler", "giveup", "tell gave_up"]
    thinking = play.when("answer addressed")
    assert play.when("filler") - thinking == 4_000
    assert play.when("giveup") - thinking == 12_000


def test_row_19_an_answer_that_comes_after_the_filler_is_spoken() -> None:
    play = FloorPlay(thinks_ms=5_000)
    play.says("ana", "Ava, what is the policy?", 1_000)
    assert play.run() == ["answer addressed", "filler", "speak"]


def test_row_20_with_the_last_human_it_leaves() -> None:
    play = FloorPlay(AGENT, CUSTOMER, COACH)
    play.at(5_000, lambda: play.floor.left("ben", play.now_ms))
    play.at(6_000, lambda: play.floor.left("ana", play.now_ms))
    assert play.run() == ["leave last_human_left"]
    assert play.log == [(6_000, Leave(Leaving.LAST_HUMAN_LEFT))]


def test_row_20_at_its_time_limit_it_leaves() -> None:
    play, began = asked(leave_at_ms=30_000)
    assert play.run() == [*ANSWERS, "goodbye time_limit"]
    assert play.when("goodbye time_limit") == 30_000
    assert began < 30_000
