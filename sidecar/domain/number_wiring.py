"""How one of the account's telephone numbers leads to us: what it should say, what it says, and what that would change.

Fields as in twilio.com/docs/phone-numbers/api/incomingphonenumber-resource.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlencode

import msgspec

VOICE_PATH = "/twilio/voice"
CALL_EVENTS_PATH = "/twilio/participant-events"
ASSISTANT_PATH = "/twilio/assistant"
# What Twilio itself puts there when a number is bought. Nobody misses it.
_FACTORY_SETTINGS = ("https://demo.twilio.com/", "http://demo.twilio.com/")


class Wiring(msgspec.Struct, frozen=True, kw_only=True):
    """Where a number's calls go. "" for what is not set.

    ``application_sid``: a TwiML application; while it is set, its voice URL counts and not the number's own.
    """

    voice_url: str = ""
    voice_method: str = "POST"
    status_callback: str = ""
    status_callback_method: str = "POST"
    application_sid: str = ""


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """A number of the account: its id (``PN…``), E.164, and where its calls go."""

    sid: str
    phone_number: str
    wiring: Wiring


class Change(msgspec.Struct, frozen=True):
    """One field that would say something else. ``foreign``: what is there now is neither ours nor Twilio's default."""

    field: str
    present: str
    wanted: str
    foreign: bool


def leads_to(url: str, target: str) -> bool:
    """Whether this address is that one; a query (``room``, ``label`` and so on) may follow."""
    return url.partition("?")[0] == target


def wanted(present: Wiring, public_url: str, *, room: str | None) -> Wiring:
    """``room``: where all calls of the number meet; None leaves the query of an address that is ours as it is."""
    voice_url = public_url + VOICE_PATH
    if room:
        voice_url += "?" + urlencode({"room": room})
    elif room is None and leads_to(present.voice_url, public_url + VOICE_PATH):
        voice_url = present.voice_url
    return Wiring(voice_url=voice_url, status_callback=public_url + CALL_EVENTS_PATH)


def changes(present: Wiring, target: Wiring, public_url: str) -> list[Change]:
    """Field by field, in a fixed order; empty when there is nothing to do."""
    found = []
    for field in Wiring.__struct_fields__:
        old, new = getattr(present, field), getattr(target, field)
        if old != new:
            found.append(Change(field, old, new, _is_foreign(field, old, public_url)))
    return found


def chosen(numbers: Iterable[Number], phone_number: str) -> Number | None:
    """The number that was named, or the only one; None when that does not say which."""
    listed = list(numbers)
    if phone_number:
        return next((number for number in listed if number.phone_number == phone_number), None)
    return listed[0] if len(listed) == 1 else None


def _is_foreign(field: str, value: str, public_url: str) -> bool:
    if field == "application_sid":
        return bool(value)
    if field.endswith("_method"):
        return False  # it goes with its address
    return bool(value) and not value.startswith((public_url + "/twilio/", *_FACTORY_SETTINGS))
