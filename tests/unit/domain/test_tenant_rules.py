"""Whose a call is: what the address says, then its number, then its room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.tenant_rules import TenantRules

RULES = TenantRules.parse(
    "number:+15550100=acme, room:globex-*=globex, room:lobby=initech, number:+1555*=umbrella,room:globex-2=acme"
)


@pytest.mark.parametrize(
    ("said", "number", "room", "tenant"),
    [
        ("hooli", "+15550100", "globex-1", "hooli"),
        (None, "+15550100", "globex-1", "acme"),
        (None, "+15550199", "globex-1", "umbrella"),
        (None, "+4930123", "globex-1", "globex"),
        (None, "", "globex-2", "globex"),
        (None, "", "lobby", "initech"),
        (None, "", "lobby-2", ""),
        ("", "", None, ""),
    ],
)
def test_the_address_counts_before_the_number_and_the_number_before_the_room(
    said: str | None, number: str, room: str | None, tenant: str
) -> None:
    assert RULES.tenant(said=said, number=number, room=room) == tenant


@pytest.mark.parametrize("written", ["acme", "room:=acme", "room:a=", "room:a*b=c", "phone:1=a", "room:a=b c"])
def test_what_is_no_rule_is_quoted(written: str) -> None:
    with pytest.raises(ValueError, match="is no rule") as refused:
        TenantRules.parse(f"room:ok=fine, {written}")
    assert written in str(refused.value)


@given(st.text())
def test_any_text_is_rules_or_an_error(written: str) -> None:
    try:
        rules = TenantRules.parse(written)
    except ValueError:
        return
    assert isinstance(rules.tenant(room="support", number="+15550100"), str)
