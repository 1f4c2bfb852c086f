"""Bare words, and phrases among them."""

from __future__ import annotations

import pytest

from sidecar.domain.assistant.phrases import BACKCHANNELS, STOP, find, wants_no_assistant, without, words_of


def test_words_are_bare() -> None:
    assert words_of("Mm-hm, that's  5 %! Señor_Straße") == ["mm", "hm", "thats", "5", "señor", "strasse"]
    assert words_of(" …? ") == []


@pytest.mark.parametrize("text", ["Stop.", "wait, what?", "Hold on!", "um, one moment please", "OK STOP", "Hang-on"])
def test_a_stop_phrase_is_found_wherever_it_stands(text: str) -> None:
    assert find(STOP, words_of(text)) is not None


@pytest.mark.parametrize("text", ["", "stopping", "hold the line", "one", "a second opinion", "on hold"])
def test_what_only_resembles_a_stop_phrase_is_none(text: str) -> None:
    assert find(STOP, words_of(text)) is None


@pytest.mark.parametrize(
    "text", ["Mm-hm.", "mhm", "Uh-huh, okay.", "Right. Right.", "Yeah, I see", "All right, thank you!", "Hmm…"]
)
def test_signs_of_listening_leave_no_word(text: str) -> None:
    assert without(BACKCHANNELS, words_of(text)) == []


def test_other_words_are_left_in_their_order() -> None:
    assert without(BACKCHANNELS, words_of("Okay, but I see no refund, right?")) == ["but", "no", "refund"]


@pytest.mark.parametrize(
    "text",
    [
        "No AI, please.",
        "no A.I. please",
        "Um, no AI.",
        "Please, no bots!",
        "Sorry, no robots please",
        "I don't want to talk to a robot.",
        "I'm not talking to a machine",
        "I'd rather not speak with an AI.",
        "I do not want an AI on this call",
        "Could you turn off the AI?",
        "Please remove the assistant from the call.",
        "Kick the bot out",
        "Switch that AI off, please",
        "Can we do this without the AI, please?",
    ],
)
def test_nobody_has_to_accept_an_assistant(text: str) -> None:
    assert wants_no_assistant(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "There is no AI in this product.",
        "No assistant manager was there",
        "Turn off the computer and wait",
        "I don't want a robot vacuum",
        "I'd like to talk to an assistant",
        "Does it have AI, please?",
        "Take the machine out of the box",
        "No, Ava is fine, please go on",
    ],
)
def test_what_a_call_is_about_is_no_such_wish(text: str) -> None:
    assert not wants_no_assistant(text)
