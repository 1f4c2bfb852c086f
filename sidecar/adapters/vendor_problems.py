"""Why a vendor's HTTP API did not do what was asked for, in the words that a turn, a log and a page can show.

Nothing that the vendor wrote for people is passed on: its sentences repeat prompts, texts and parts of keys. Codes are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_OUT_OF_CREDIT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "ASYNC_CREDIT"})
_TOO_MANY = frozenset({"rate_limit_exceeded", "too_many_requests", "TOO_MANY_REQUESTS", "rate_limit_error"})
_TOO_LONG = frozenset({"context_length_exceeded", "string_above_max_length", "PAYLOAD_TOO_LARGE"})


@dataclass(frozen=True)
class Vendor:
    """Who was asked, and the variables that say how: for what to do next."""

    name: str
    key: str
    address: str
    model: str


@dataclass(frozen=True)
class Problem:
    """``code``: without the prefix of the port (``chat_``, ``voice_``)."""

    code: str
    message: str
    next_step: str
    permanent: bool = False
    retry_after_s: float | None = None


def refused(
    vendor: Vendor, status: int, *, vendor_code: object = None, request_id: object = None, retry_after: object = None
) -> Problem:
    """An answer with an HTTP status. ``vendor_code``, ``request_id``, ``retry_after``: as it came, whatever it is."""
    code = _told(vendor_code)
    told = [f"HTTP {status}" if status else "", code, f"request {_told(request_id)}" if _told(request_id) else ""]
    message = f"{vendor.name} refused: {', '.join(part for part in told if part) or 'no reason given'}."
    wait_s, model = _seconds(retry_after), f"{vendor.model} and {vendor.address}"
    if code in _OUT_OF_CREDIT or status == 402:
        problem = Problem("out_of_credit", message, f"Add credit to the account of {vendor.key}.", permanent=True)
    elif status in (401, 403):
        problem = Problem("unauthorized", message, f"Check {vendor.key} and what it may be used for.", permanent=True)
    elif status == 404:
        problem = Problem("unknown_model", message, f"Check {model}.", permanent=True)
    elif status == 429 or code in _TOO_MANY:
        problem = Problem("too_many_requests", message, "Ask less often, or for more.", retry_after_s=wait_s)
    elif status == 413 or code in _TOO_LONG:
        problem = Problem("too_long", message, "Show it less, or choose a model that takes more.")
    elif status in (400, 422):
        problem = Problem("bad_request", message, f"Check {model}; if they are right, please report this.")
    else:
        problem = Problem("vendor_failed", message, "It is asked again with the next turn.", retry_after_s=wait_s)
    return problem


def unreachable(vendor: Vendor, why: str) -> Problem:
    """No connection, or it broke. ``why``: an exception's name, or a word or two."""
    return Problem(
        "unreachable", f"{vendor.name} cannot be reached ({why}).", f"Check the network and {vendor.address}."
    )


def too_slow(vendor: Vendor, what: str, seconds: float) -> Problem:
    """``what`` did not come in time: ``a first word``."""
    return Problem("timeout", f"{vendor.name} did not give {what} within {seconds:g} s.", "Choose something quicker.")


def broken_off(vendor: Vendor, how: str = "") -> Problem:
    """It ended without an end. ``how``: a word or two."""
    message = f"{vendor.name} broke off ({how})." if how else f"{vendor.name} broke off."
    return Problem("broken_off", message, "It is tried again with the next turn.")


def unreadable(vendor: Vendor, what: str) -> Problem:
    """It sent something else than it should have."""
    return Problem("unreadable", f"{vendor.name} sent {what}.", f"Check {vendor.address}.")


def header(headers: Mapping[str, str], *names: str) -> str | None:
    """The first of these headers that is there."""
    return next((headers[name] for name in names if name in headers), None)


def _told(value: object) -> str:
    """Codes and ids; whatever looks like a sentence is none."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else ""


def _seconds(value: object) -> float | None:
    try:
        seconds = float(str(value))
    except ValueError:
        return None  # a date, which the vendors here do not send
    return seconds if 0 <= seconds < float("inf") else None
