"""Who may be called from here: nobody, unless an operator names countries. Pure.

Stolen keys and helpful software are used to call numbers that pay whoever owns them, so what is not known to be an
ordinary telephone in an allowed country is refused (twilio.com/docs/voice/toll-fraud).
"""

from __future__ import annotations

import msgspec
import phonenumbers
from phonenumbers import PhoneNumberType

from sidecar.domain.errors import SidecarError

# Everything else costs whoever calls more than a call, or leads elsewhere: premium, shared cost, personal, pagers …
ORDINARY = frozenset(
    {
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.VOIP,
    }
)


class DialOutRefused(SidecarError):
    """Nobody was called. ``code``: dial_out_off, number_invalid, country_not_allowed, number_not_ordinary, or
    dial_out_cap; then ``retry_after_s`` says when there is room again."""

    code = "dial_out_off"

    def __init__(self, message: str, *, code: str, next_step: str = "", retry_after_s: int | None = None) -> None:
        super().__init__(message, code=code, next_step=next_step)
        self.retry_after_s = retry_after_s


class DialOutPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """``countries``: ISO 3166 codes; none: nobody may be called. ``from_number``: which number is shown, ours at the
    provider. ``per_hour``: tries of one tenant; ``per_day``: of all tenants together."""

    countries: frozenset[str] = frozenset()
    from_number: str = ""
    per_hour: int = 10
    per_day: int = 100


class Callee(msgspec.Struct, frozen=True):
    """A number in E.164 that may be called, and its country."""

    number: str
    country: str


def callee(number: str, policy: DialOutPolicy) -> Callee:
    """The number, if the policy lets it be called. Raises DialOutRefused, whose text never holds the number."""
    if not policy.countries or not policy.from_number:
        raise DialOutRefused(
            "Calling further participants is switched off.",
            code="dial_out_off",
            next_step="Set SIDECAR_DIAL_OUT to the countries that may be called, and TWILIO_FROM.",
        )
    try:
        parsed = phonenumbers.parse(number if number.startswith("+") else "")
    except phonenumbers.NumberParseException:
        parsed = None
    if parsed is None or parsed.extension or not phonenumbers.is_possible_number(parsed):
        raise DialOutRefused(
            "The number is not a telephone number in E.164.", code="number_invalid", next_step="Such as +4930123456."
        )
    # Of countries that share a calling code (+1: United States, Jamaica …) the one that the number belongs to.
    country = phonenumbers.region_code_for_number(parsed)
    if country == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY:
        country = None  # satellites, international premium
    if country is not None and country not in policy.countries:
        raise DialOutRefused(
            f"Numbers of {country} may not be called.",
            code="country_not_allowed",
            next_step="SIDECAR_DIAL_OUT names the countries that may.",
        )
    if country is None or phonenumbers.number_type(parsed) not in ORDINARY:
        raise DialOutRefused(
            "The number is not known to be an ordinary telephone: premium and special numbers are never called.",
            code="number_not_ordinary",
        )
    return Callee(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164), country)


def known_country(code: str) -> bool:
    """Whether this is the code of a country that has telephone numbers."""
    return code in phonenumbers.SUPPORTED_REGIONS
