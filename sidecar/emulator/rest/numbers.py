"""The account's numbers: https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource."""

from __future__ import annotations

from aiohttp import web

from sidecar.emulator.clock import utc_now
from sidecar.emulator.rest import resources
from sidecar.emulator.rest.answers import account_of, answer, exchange_of, not_found
from sidecar.emulator.rest.forms import bad, form_of
from sidecar.emulator.rest.paging import paged
from sidecar.emulator.state import PhoneNumber


async def list_numbers(request: web.Request) -> web.Response:
    """Filters PhoneNumber (the whole number or a part of it) and FriendlyName."""
    part, name = request.query.get("PhoneNumber", ""), request.query.get("FriendlyName")
    found = [
        resources.phone_number(account_of(request), number)
        for number in exchange_of(request).state.numbers.values()
        if part in number.phone_number and name in {None, number.friendly_name}
    ]
    return answer(paged(request, "incoming_phone_numbers", found))


async def fetch_number(request: web.Request) -> web.Response:
    """One number."""
    return answer(resources.phone_number(account_of(request), _number(request)))


async def update_number(request: web.Request) -> web.Response:
    """What is asked when it is called, and who hears of the end. An unknown application is refused."""
    number, form = _number(request), await form_of(request)
    hook = form.hook(number.hook)
    application_sid = form.text("VoiceApplicationSid", number.application_sid or "")
    if application_sid and application_sid not in exchange_of(request).state.applications:
        raise bad("VoiceApplicationSid", "the id of an application of this account")
    number.hook, number.application_sid = hook, application_sid or None
    number.friendly_name = form.text("FriendlyName", number.friendly_name)
    number.updated_at = utc_now()
    return answer(resources.phone_number(account_of(request), number))


def _number(request: web.Request) -> PhoneNumber:
    number = exchange_of(request).state.numbers.get(request.match_info["number"])
    if number is None:
        raise not_found(request)
    return number


ROUTES = {
    ("GET", "/IncomingPhoneNumbers.json"): list_numbers,
    ("GET", "/IncomingPhoneNumbers/{number}.json"): fetch_number,
    ("POST", "/IncomingPhoneNumbers/{number}.json"): update_number,
}
