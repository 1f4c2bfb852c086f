"""What a setting's value has to be like. Each raises ValueError with what to mend, without the value of a secret."""

from __future__ import annotations

import re
from ipaddress import ip_network

from pydantic import SecretStr

from sidecar.domain.dial_out import known_country
from sidecar.domain.redaction.rules import LABELS
from sidecar.domain.tenant_rules import TenantRules


def listed(value: str) -> tuple[str, ...]:
    """The parts between commas."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def web_address(value: str) -> str:
    """Without a slash at its end. Empty is allowed."""
    if value and not value.startswith(("http://", "https://")):
        raise ValueError("must start with https:// or http://")
    if "?" in value or "#" in value:
        raise ValueError("must have no query and no fragment")
    return value.rstrip("/")


def origins(value: str) -> str:
    """As browsers say them: scheme and host, and a port if it is not the scheme's own; never a path."""
    for origin in listed(value):
        if not re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", origin):
            raise ValueError(f"{origin} is not an origin, such as https://crm.example.com")
    return value


def key_of_vendor(value: SecretStr) -> SecretStr:
    """It goes into a header, which takes nothing else: a key with a line break in it is a wrong one anyway."""
    if not re.fullmatch(r"[!-~]*", value.get_secret_value()):
        raise ValueError("must be letters, digits and signs of ASCII only, without spaces and line breaks")
    return value


def networks(value: str) -> str:
    """IP networks; the error says which is none, and why."""
    for network in listed(value):
        ip_network(network, strict=False)
    return value


def ids_and_secrets(value: SecretStr) -> SecretStr:
    """ID:SECRET, several separated by commas."""
    for pair in listed(value.get_secret_value()):
        name, _, secret = pair.partition(":")
        if not name or not secret:
            raise ValueError("must be ID:SECRET, several separated by commas")
    return value


def countries(value: str) -> str:
    """Codes of countries, in capitals."""
    for code in listed(value.upper()):
        if not known_country(code):
            raise ValueError(f"{code} is not the code of a country, such as DE or US")
    return value.upper()


def redacted(value: str) -> str:
    """What can be switched on by its name, or ``none``. Own patterns have a page."""
    kinds = listed(value.lower())
    for kind in kinds if kinds != ("none",) else ():
        if kind not in LABELS:
            raise ValueError(f"{kind} is not one of {', '.join(LABELS)}, or none")
    if not kinds:
        raise ValueError("must be none if nothing is to be hidden")
    return ",".join(kinds)


def tenant_rules(value: str) -> str:
    """Rules on numbers and rooms; the error quotes the one that is none."""
    TenantRules.parse(value)
    return value


def database(value: str) -> str:
    """A database that we know."""
    if not value.startswith(("sqlite:///", "postgresql://")):
        raise ValueError("must start with sqlite:/// or postgresql://")
    return value
