"""What ``sidecar doctor`` asks Twilio: credentials, clock, and where the number leads."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime

import aiohttp
import msgspec

from sidecar.adapters.clock import SystemClock
from sidecar.adapters.twilio_http import API_HOST
from sidecar.cli.twilio_setup import SetupRefused, account_numbers
from sidecar.config import Settings
from sidecar.domain.checkup import Check, Result
from sidecar.domain.errors import TelephonyFailed
from sidecar.domain.number_wiring import ASSISTANT_PATH, CALL_EVENTS_PATH, VOICE_PATH, Number, chosen, leads_to

GROUP = "twilio"
ANSWER_TIMEOUT_S = 10.0
SKEW_MOST = timedelta(seconds=5)
AUTHENTICATE = 20003  # twilio.com/docs/api/errors/20003
SETUP = "sidecar twilio setup --dry-run shows what to change, without --dry-run it is changed."
REAL_ACCOUNT = "only with a real account"


async def checks(settings: Settings, http: aiohttp.ClientSession, phone_number: str) -> list[Check]:
    """What can be known without a call."""
    credentials, numbers = await _credentials(settings, phone_number)
    found = [credentials, await _clock(settings, http)]
    if credentials.result is Result.OK:
        found += await _number(settings, numbers, phone_number)
        found += await _assistant(settings)
    else:
        found.append(_check("number", Result.SKIPPED, "not looked at without credentials"))
    return found


def by_hand(settings: Settings) -> list[Check]:
    """What no test can stand in for, and how to see it for yourself."""
    call = f"Call your number, say something, and look at {settings.base_url}/."
    console = "In Twilio's console open Monitor, Logs, Errors after that call: there must be no 11200, 31920 or 31921."
    return [
        Check(group="by hand", name="a call", result=Result.SKIPPED, detail=REAL_ACCOUNT, cure=call),
        Check(
            group="by hand", name="the way from Twilio's network", result=Result.SKIPPED, detail=REAL_ACCOUNT,
            cure=console,
        ),
    ]  # fmt: skip


async def _credentials(settings: Settings, phone_number: str) -> tuple[Check, list[Number]]:
    sid = settings.twilio_account_sid
    if sid and not re.fullmatch(r"AC[0-9a-fA-F]{32}", sid):
        cure = "TWILIO_ACCOUNT_SID is AC and 32 hexadecimal digits; it is on the first page of Twilio's console."
        return _check("credentials", Result.FAIL, "the account's id has another form", cure), []
    try:
        async with account_numbers(settings) as account:
            numbers = await account.all(phone_number)
    except SetupRefused as error:
        return _check("credentials", Result.FAIL, error.message, error.next_step), []
    except TelephonyFailed as error:
        if error.provider_code == AUTHENTICATE:
            cure = "Set TWILIO_AUTH_TOKEN (or TWILIO_API_KEY and TWILIO_API_SECRET) to those of this account."
            return _check("credentials", Result.FAIL, "Twilio does not know them", cure), []
        return _check("credentials", Result.FAIL, error.message, error.next_step), []
    if not settings.twilio_tokens and not settings.twilio_shared_key_secrets:
        cure = "Set TWILIO_AUTH_TOKEN too: it checks the signatures of what Twilio sends."
        return _check("credentials", Result.FAIL, "the API key works, but no signature can be checked", cure), []
    return _check("credentials", Result.OK, "Twilio knows them"), numbers


async def _clock(settings: Settings, http: aiohttp.ClientSession) -> Check:
    """Against the Date header of Twilio's API, which keeps better time than most."""
    url = settings.twilio_api_base_url or API_HOST
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S), http.get(url, allow_redirects=False) as answer:
            theirs = parsedate_to_datetime(answer.headers["Date"]).astimezone(UTC)
    except (aiohttp.ClientError, TimeoutError, KeyError, ValueError):
        return _check("clock", Result.SKIPPED, "Twilio did not say what time it is")
    skew = abs(SystemClock().now() - theirs)
    if skew > SKEW_MOST:
        cure = "Let the machine keep time: timedatectl set-ntp true"
        return _check("clock", Result.WARN, f"this machine and Twilio differ by {skew.total_seconds():.0f} s", cure)
    return _check("clock", Result.OK, "this machine and Twilio agree")


async def _number(settings: Settings, numbers: list[Number], phone_number: str) -> list[Check]:
    number = chosen(numbers, phone_number)
    if number is None:
        if len(numbers) > 1:
            detail, cure = f"the account has {len(numbers)}", "Say which one to look at: sidecar doctor --number +…"
        else:
            detail, cure = f"the account has none {phone_number}".rstrip(), "Buy one in Twilio's console."
        return [_check("number", Result.FAIL, detail, cure)]
    wiring = number.wiring
    if wiring.application_sid:
        return [await _application(settings, wiring.application_sid)]
    calls, events = settings.base_url + VOICE_PATH, settings.base_url + CALL_EVENTS_PATH
    voice_url = _leads("number's voice URL", wiring.voice_url, wiring.voice_method, calls)
    status = _leads("number's status callback", wiring.status_callback, wiring.status_callback_method, events)
    if status.result is Result.FAIL:  # calls work without it
        status = msgspec.structs.replace(status, result=Result.WARN)
    return [voice_url, status]


async def _application(settings: Settings, application_sid: str) -> Check:
    """A TwiML application stands before the number's own address."""
    try:
        async with account_numbers(settings) as account:
            url = await account.voice_url_of(application_sid)
    except TelephonyFailed as error:
        return _check("number's TwiML app", Result.FAIL, error.message, SETUP + " It needs --force.")
    if leads_to(url, settings.base_url + VOICE_PATH):
        return _check("number's TwiML app", Result.OK, f"{application_sid} leads here")
    cure = f"In Twilio's console let {application_sid} lead to {settings.base_url}{VOICE_PATH}, or: {SETUP}"
    return _check("number's TwiML app", Result.FAIL, f"{application_sid} leads to {url or 'nowhere'}", cure)


async def _assistant(settings: Settings) -> list[Check]:
    """Nothing, where nobody can invite it."""
    sid, name = settings.twilio_twiml_app_sid, "assistant's TwiML app"
    if not sid or settings.assistant == "off":
        return []
    if not settings.twilio_from:
        return [_check(name, Result.FAIL, "there is no number to call it from", "Set TWILIO_FROM to one of yours.")]
    try:
        async with account_numbers(settings) as account:
            url = await account.voice_url_of(sid)
    except TelephonyFailed as error:
        return [_check(name, Result.FAIL, error.message, "TWILIO_TWIML_APP_SID: sidecar twilio setup --assistant")]
    if url == settings.base_url + ASSISTANT_PATH:
        return [_check(name, Result.OK, f"{sid} leads here")]
    cure = "sidecar twilio setup --assistant lets it lead here."
    return [_check(name, Result.FAIL, f"{sid} leads to {url or 'nowhere'}", cure)]


def _leads(name: str, url: str, method: str, target: str) -> Check:
    if not leads_to(url, target):
        return _check(name, Result.FAIL, f"leads to {url or 'nowhere'}, not to {target}", SETUP)
    if method != "POST":
        return _check(name, Result.FAIL, f"is asked with {method}, and only POST is answered", SETUP)
    return _check(name, Result.OK, f"leads to {url}")


def _check(name: str, result: Result, detail: str, cure: str = "") -> Check:
    return Check(group=GROUP, name=name, result=result, detail=detail, cure=cure)
