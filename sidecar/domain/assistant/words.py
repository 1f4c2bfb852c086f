"""What pages say of the assistant, in the words of people. Pure."""

from __future__ import annotations

# Why the assistant is gone; a reason that is not listed speaks for itself. ``{by}``: who dismissed it.
ASSISTANT_REASONS = {
    "dismissed": "dismissed by {by}",
    "not_wanted": "not wanted on this call",
    "last_human_left": "nobody else was there",
    "time_limit": "its time was up",
    "token_limit": "its budget was spent",
    "asked_to_leave": "it was asked to",
    "declined": "the people on the call said no",
    "not_agreed": "nobody said yes",
    "conference_ended": "the call ended",
    "removed": "it was removed from the call",
    "call_ended": "its call ended",
    "line_lost": "its media stream was lost",
    "line_did_not_come": "its media stream did not open",
    "invitation_refused": "the invitation was refused",
    "call_failed": "its call did not come about",
    "internal_error": "an error of this service",
    "overloaded": "this service was overloaded",
}


def engines_told(*, answers: str, exact_words: str, in_words: str) -> str:
    """Who thinks and speaks, and what they cannot do, in a sentence or two.

    The three are engines: of the answers that are heard, of words to order, of written answers.
    """
    if answers == in_words:
        told = f"Thinks with {answers}, speaks with {exact_words}."
        return f"{told} No model is configured: it only quotes what was said." if answers == "scripted" else told
    told = (
        f"Hears and speaks with {answers}, which cannot say words to order ({exact_words} does) or answer in writing"
        f" ({in_words} does)."
    )
    return f"{told} No model is configured for that: it only quotes." if in_words == "scripted" else told
