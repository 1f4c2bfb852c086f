"""Announcements: what participants are told before they are transcribed, and before an assistant comes.

Who comes in by our TwiML has heard the notice before its fork starts. Who is on a call that we attach to has not: the
network is asked to speak it, and tells nobody but the owner of the conference when it is done, so we wait as long as it
takes.
"""

from __future__ import annotations

from enum import StrEnum

# Slow speech; Twilio's default voice says about 15 characters a second.
SPOKEN_CHARS_PER_S = 11
# Until the network has asked us for the words, and has begun to say them.
BEFORE_IT_STARTS_S = 2.0


class Announcement(StrEnum):
    """What can be announced to a participant; the last part of the address where the network asks for the words."""

    NOTICE = "notice"
    ASSISTANT = "assistant"
    ASSISTANT_ASKS = "assistant_asks"


def assistant_joins(name: str, *, asks: bool) -> str:
    """What everybody on the call hears of an assistant that is coming; ``asks``: somebody has to agree to it."""
    if asks:
        return f"{name}, an AI assistant, would like to join this call. Is that all right?"
    return f"{name}, an AI assistant, is joining this call."


def spoken_within_s(text: str) -> float:
    """Seconds after which an announcement that was asked for has been heard; 0 for none."""
    return BEFORE_IT_STARTS_S + len(text) / SPOKEN_CHARS_PER_S if text else 0.0
