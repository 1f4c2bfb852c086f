"""Which tenant a call belongs to: what the signed address says, else a rule on the number, else one on the room. Pure.

Rules are written ``number:+15550100=acme, room:acme-*=acme``; a star at the end stands for any rest. The first one that
fits counts. Without any, a call belongs to "", the tenant of an installation that has no others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

_RULE = re.compile(r"(number|room):([^=*]+)(\*?)=([A-Za-z0-9][A-Za-z0-9._-]{0,63})")


class TenantRule(msgspec.Struct, frozen=True):
    """``of``: number or room. ``value``: all of it, or with ``prefix`` its beginning."""

    of: str
    value: str
    prefix: bool
    tenant: str

    def fits(self, of: str, value: str) -> bool:
        """Whether this rule decides about that number or room."""
        return self.of == of and (value.startswith(self.value) if self.prefix else value == self.value)


class TenantRules:
    """The rules in order."""

    def __init__(self, rules: Sequence[TenantRule] = ()) -> None:
        self._rules = rules

    @classmethod
    def parse(cls, written: str) -> TenantRules:
        """Separated by commas. Raises ValueError, which quotes what is no rule."""
        return cls([_rule(part.strip()) for part in written.split(",") if part.strip()])

    def tenant(self, *, said: str | None = None, number: str = "", room: str | None = None) -> str:
        """``said``: by an address that Twilio signed. ``number``: the one that was called."""
        if said:
            return said
        for of, value in (("number", number), ("room", room or "")):
            for rule in self._rules:
                if rule.fits(of, value):
                    return rule.tenant
        return ""


def _rule(written: str) -> TenantRule:
    found = _RULE.fullmatch(written)
    if found is None:
        raise ValueError(f"{written} is no rule, such as number:+15550100=acme or room:acme-*=acme")
    return TenantRule(found[1], found[2].strip(), bool(found[3]), found[4])
