"""Spoken to or spoken of: with commas and without, with the name as recognisers write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.assistant.addressing import Address, address, sounds_like, to_somebody_else


@pytest.mark.parametrize(
    "text",
    [
        "Ava, what is the refund policy?",
        "Ava what is the refund policy",
        "Ava can you recap",
        "Ava is it five days",
        "Ava?",
        "Ava. What is the refund policy?",
        "hey Ava",
        "Hi, Ava! Recap.",
        "um hey eva recap please",
        "Eva, can you recap?",
        "Ayva, recap.",
        "Abba, please give us a recap.",
        "Hey, Alba, recap.",
        "Aaba recap.",
        "Hava, what did Sarah say about Wednesday?",
        "Okay Ava, recap.",
        "Well Ava, the customer wants a refund.",
        "So, Ava, tell us.",
        "Thanks. Ava, is it five days?",
        "What do you think, Ava?",
        "what do you think Ava",
        "Can you tell us the policy Ava",
        "I was wondering, Ava, what is that",
        "He said hello, hey Ava, are you there",
    ],
)
def test_it_is_spoken_to(text: str) -> None:
    assert address(text, "Ava") is Address.ADDRESSED


@pytest.mark.parametrize(
    "text",
    [
        "Ava said five days.",
        "What did Ava say?",
        "Did you ask Ava?",
        "Let's ask Ava",
        "I talked to Ava",
        "Ava will call you back",
        "Ava is wrong",
        "Ava can do that",
        "Like Ava told us",
        "Her name is Ava",
        "This is Ava",
        "Ava and I talked",
        "Yesterday Ava told me, it takes five days.",
        "The assistant, Ava, said so.",
        "Ava, who joined before, said so.",
    ],
)
def test_it_is_spoken_of(text: str) -> None:
    assert address(text, "Ava") is Address.MENTIONED


@pytest.mark.parametrize("text", ["", "over there", "I have a question", "every day", "aviation", "Is anybody there?"])
def test_it_is_not_spoken_of(text: str) -> None:
    assert address(text, "Ava") is Address.ABSENT


def test_somebody_on_the_call_whose_name_sounds_alike_goes_before() -> None:
    assert address("Eva, can you send it?", "Ava", others=["Eva Stone"]) is Address.ABSENT
    assert address("Ava, can you send it?", "Ava", others=["Eva Stone"]) is Address.ADDRESSED


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("eva", "ava"),
        ("avah", "ava"),
        ("abba", "ava"),
        ("alba", "ava"),
        ("ayva", "ava"),
        ("klara", "clara"),
        ("macks", "max"),
        ("stefan", "stephan"),
    ],
)
def test_names_are_compared_by_sound(word: str, name: str) -> None:
    assert sounds_like(word, name)


@pytest.mark.parametrize(
    ("word", "name"),
    [("over", "ava"), ("a", "ava"), ("by", "bo"), ("above", "ava"), ("halve", "ava"), ("alex", "alexa"), ("", "ava")],
)
def test_other_words_sound_otherwise(word: str, name: str) -> None:
    assert not sounds_like(word, name)


def test_a_name_of_several_words_is_called_by_the_first() -> None:
    assert address("Clara, recap please", "Clara Oswald") is Address.ADDRESSED
    assert address("Clara, recap please", " ") is Address.ABSENT


def test_another_one_may_be_spoken_to() -> None:
    assert to_somebody_else("Ben, can you send it?", ["Ana", "Ben Ode"])
    assert to_somebody_else("What do you think, Ben?", ["Ana", "Ben Ode"])
    assert not to_somebody_else("Ben said so.", ["Ana", "Ben Ode", ""])


@given(st.text(max_size=80), st.text(max_size=12))
def test_any_text_and_name_end_in_an_answer(text: str, name: str) -> None:
    assert address(text, name, others=[text]) in Address
    to_somebody_else(text, [name])
