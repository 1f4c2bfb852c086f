"""What pages say of the assistant's engines."""

from __future__ import annotations

from sidecar.domain.assistant.words import engines_told


def test_engines_are_named_and_a_model_needs_no_excuse() -> None:
    told = engines_told(answers="openai-compatible", exact_words="aura", in_words="openai-compatible")
    assert told == "Thinks with openai-compatible, speaks with aura."


def test_where_no_model_is_configured_people_are_told_before_they_ask() -> None:
    told = engines_told(answers="scripted", exact_words="local", in_words="scripted")
    assert told == "Thinks with scripted, speaks with local. No model is configured: it only quotes what was said."


def test_what_a_realtime_model_cannot_do_is_said_with_who_does_it() -> None:
    """Also that nobody can, for written answers."""
    told = engines_told(answers="openai-realtime", exact_words="openai", in_words="openai-compatible")
    assert told == (
        "Hears and speaks with openai-realtime, which cannot say words to order (openai does) or answer in writing"
        " (openai-compatible does)."
    )
    told = engines_told(answers="openai-realtime", exact_words="openai", in_words="scripted")
    assert told.endswith("(scripted does). No model is configured for that: it only quotes.")
