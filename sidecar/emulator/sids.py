"""Twilio's ids: two letters and 32 hexadecimal digits (https://www.twilio.com/docs/glossary/what-is-a-sid)."""

from __future__ import annotations

import re
import secrets

_SHAPE = re.compile(r"[A-Z]{2}[0-9a-f]{32}")


def new_sid(prefix: str) -> str:
    """A fresh random id; ``prefix`` is AC, CA, CF, MZ or another of Twilio's two letters."""
    return prefix + secrets.token_hex(16)


def is_sid(text: str, prefix: str) -> bool:
    """Does the text have the shape of an id of that kind?"""
    return text.startswith(prefix) and _SHAPE.fullmatch(text) is not None
